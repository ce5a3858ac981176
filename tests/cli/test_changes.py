"""``gnomon set``, ``pause`` and ``resume``."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from gnomon import Scheduler
from gnomon.domain.change import Author
from tests.cli.conftest import Gnomon, reading

NEXT_YEAR = datetime.now().year + 1


def test_set_changes_the_schedule_and_shows_it_before_and_after(gnomon: Gnomon, store: str) -> None:
    result = gnomon("set", "nightly", "cron", "hour=4", "minute=15", "--yes", "--store", store)
    assert result.code == 0
    header, _, words, *times = result.out.splitlines()
    assert header.split() == ["nightly", "BEFORE", "AFTER"]
    assert "at 03:30 every day, Europe/Berlin" in words
    assert "at 04:15 every day, Europe/Berlin" in words
    fires = [line for line in times if "clocks change" not in line]
    assert len([line for line in fires if " 03:30:00 CE" in line and " 04:15:00 CE" in line]) == 5
    assert len([line for line in times if line.startswith("in 30 days")]) == 1
    assert len([line for line in times if line.startswith("clocks change")]) == 2
    with reading(store) as scheduler:
        job = scheduler.get_job("nightly")
    assert (job["trigger_args"], job["source"]) == (
        {"hour": "4", "minute": "15", "timezone": "Europe/Berlin"},
        "override",
    )


@pytest.mark.parametrize(
    ("words", "trigger", "expected"),
    [
        (["interval", "minutes=5", "seconds=30"], "interval", {"minutes": 5, "seconds": 30}),
        (["crontab", "0 4 * * 1-5"], "crontab", {"expression": "0 4 * * 1-5"}),
        (["crontab", "0", "4", "*", "*", "1-5"], "crontab", {"expression": "0 4 * * 1-5"}),
        (["crontab", "@daily", "timezone=UTC", "jitter=30"], "crontab", {"timezone": "UTC", "jitter": 30}),
        (["date", f"{NEXT_YEAR}-01-10 09:00"], "date", {"run_date": f"{NEXT_YEAR}-01-10T09:00:00+01:00"}),
        (["calendarinterval", "months=1", "hour=6"], "calendarinterval", {"months": 1, "hour": 6}),
        (["cron", "day=2nd fri", "hour=*/6"], "cron", {"day": "2nd fri", "hour": "*/6"}),
    ],
)
def test_every_kind_can_be_written(
    gnomon: Gnomon, store: str, words: list[str], trigger: str, expected: dict[str, object]
) -> None:
    result = gnomon("set", "nightly", *words, "--yes", "--json", "--store", store)
    assert result.code == 0, result.err
    assert result.json["trigger"] == trigger
    assert expected.items() <= result.json["trigger_args"].items()


def test_the_time_zone_of_the_job_stays_unless_another_is_given(gnomon: Gnomon, store: str) -> None:
    assert (
        gnomon("set", "nightly", "cron", "hour=4", "--yes", "--json", "--store", store).json["timezone"]
        == "Europe/Berlin"
    )
    changed = gnomon(
        "set", "nightly", "cron", "hour=4", "timezone=Asia/Tokyo", "--yes", "--json", "--store", store
    ).json
    assert changed["timezone"] == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["cron", "hour=25"], "hour"),
        (["cron", "houre=3"], "houre"),
        (["cron", "hour=3", "hour=4"], "hour"),
        (["cron", "3"], "trigger_args"),
        (["cron"], "trigger_args"),
        (["interval", "minutes=-5"], "minutes"),
        (["interval", "minutes=five"], "minutes"),
        (["crontab", "61 * * * *"], "expression"),
        (["cron", "month=2", "day=30"], "trigger"),
        (["crontab", "@reboot"], "expression"),
        (["cron", "hour=3", "timezone=Europe"], "timezone"),
        (["weekly"], "trigger"),
        (["date", "yesterday"], "run_date"),
    ],
)
def test_a_bad_trigger_is_exit_code_2_names_the_field_and_changes_nothing(
    gnomon: Gnomon, store: str, words: list[str], field: str
) -> None:
    before = gnomon("show", "nightly", "--json", "--store", store).json
    result = gnomon("set", "nightly", *words, "--yes", "--store", store)
    assert result.code == 2
    assert result.out == ""
    assert result.err.startswith(f"gnomon: {field}: "), result.err
    assert result.err.count("\n") == 1
    after = gnomon("show", "nightly", "--json", "--store", store).json
    assert (after["token"], after["next_run_time"]) == (before["token"], before["next_run_time"])


@pytest.mark.parametrize("words", [["0 4 * * 1-5"], ["0", "4", "*", "*", "1-5"], ["@daily"], ["*/5 * * * *"]])
def test_who_writes_crons_fields_without_the_kind_is_told_how(gnomon: Gnomon, store: str, words: list[str]) -> None:
    result = gnomon("set", "nightly", *words, "--yes", "--store", store)
    assert result.code == 2
    told = result.err.rpartition("crontab ")[2].strip().strip("'")
    assert told == " ".join(words)
    assert gnomon("set", "nightly", "crontab", told, "--yes", "--store", store).code == 0


def test_policies_are_options(gnomon: Gnomon, store: str) -> None:
    options = ["--max-instances", "2", "--misfire-grace-time", "60", "--no-coalesce"]
    result = gnomon("set", "nightly", *options, "--yes", "--store", store)
    assert result.code == 0
    for line in (
        "misfire grace time   3600 s   60 s",
        "coalesce             yes      no",
        "max instances        1        2",
    ):
        assert line in result.out
    unlimited = gnomon("set", "nightly", "--misfire-grace-time", "none", "--yes", "--json", "--store", store).json
    assert (unlimited["max_instances"], unlimited["misfire_grace_time"], unlimited["coalesce"]) == (2, None, False)


@pytest.mark.parametrize(
    "options", [["--max-instances", "0"], ["--misfire-grace-time", "soon"], ["--max-instances", "two"], []]
)
def test_bad_policies_are_exit_code_2(gnomon: Gnomon, store: str, options: list[str]) -> None:
    result = gnomon("set", "nightly", *options, "--yes", "--store", store)
    assert (result.code, result.out) == (2, "")


def test_without_a_terminal_to_ask_at_set_shows_and_refuses(gnomon: Gnomon, store: str) -> None:
    result = gnomon("set", "nightly", "cron", "hour=4", "--store", store)
    assert result.code == 2
    assert "at 04:00 every day" in result.out
    assert "--yes" in result.err
    assert gnomon("show", "nightly", "--json", "--store", store).json["source"] == "code"


def test_with_json_the_difference_goes_to_standard_error(gnomon: Gnomon, store: str) -> None:
    result = gnomon("set", "nightly", "cron", "hour=4", "--json", "--store", store)
    assert (result.code, result.out) == (2, "")
    assert "at 04:00 every day" in result.err


def test_setting_what_is_so_already_changes_nothing(gnomon: Gnomon, store: str) -> None:
    for words in (
        ["nightly", "cron", "hour=3", "minute=30"],
        ["tick", "interval", "seconds=5"],
        ["tick", "--coalesce"],
    ):
        result = gnomon("set", *words, "--store", store)
        assert result.code == 0
        assert "Nothing to change" in result.out
    with reading(store) as scheduler:
        assert scheduler.changes() == []


def test_a_time_that_makes_no_sense_is_refused_before_anything_is_shown(gnomon: Gnomon, store: str) -> None:
    result = gnomon("set", "nightly", "cron", "hour=4", "--until", "yesterday", "--store", store)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("gnomon: --until: 'yesterday' is not allowed; ")


def test_who_and_why_stand_in_the_log_of_changes(gnomon: Gnomon, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LOGNAME", "ada")
    gnomon("set", "nightly", "cron", "hour=4", "--reason", "the export is late", "--yes", "--store", store)
    gnomon("pause", "nightly", "--reason", "the warehouse moves", "--store", store)
    with reading(store) as scheduler:
        paused, changed = scheduler.changes("nightly")
    assert (changed.action, changed.author.reason) == ("reschedule", "the export is late")
    assert (paused.action, paused.author.reason) == ("pause", "the warehouse moves")
    assert changed.author.origin == "cli"
    assert changed.author.actor.startswith("ada@")


def test_a_reason_too_long_to_keep_is_refused_before_anything_changes(gnomon: Gnomon, store: str) -> None:
    result = gnomon("pause", "nightly", "--reason", "x" * 1001, "--store", store)
    assert result.code == 2
    assert gnomon("show", "nightly", "--json", "--store", store).json["enabled"] is True


def test_pause_and_resume(gnomon: Gnomon, store: str) -> None:
    assert gnomon("pause", "nightly", "--store", store).out == "✓ nightly paused\n"
    assert gnomon("pause", "nightly", "--store", store).out == "✓ nightly was paused already\n"
    assert gnomon("show", "nightly", "--json", "--store", store).json["state"] == "paused"
    resumed = gnomon("resume", "nightly", "--store", store)
    assert resumed.out.startswith("✓ nightly resumed: at 03:30 every day, Europe/Berlin; next run in ")
    # Nobody runs here, and a change alone fires nothing.
    assert "No node is alive" in resumed.err
    assert gnomon("resume", "nightly", "--store", store).out.startswith("✓ nightly was not paused: ")


@pytest.mark.parametrize(("command", "job"), [("pause", "nightly"), ("resume", "resting"), ("keep", "nightly")])
def test_what_a_colleague_changes_meanwhile_is_not_overwritten(
    gnomon: Gnomon, store: str, monkeypatch: pytest.MonkeyPatch, command: str, job: str
) -> None:
    read = Scheduler.get_job

    def slowly(self: Scheduler, asked: str) -> dict[str, Any]:
        """Between a command's look at a job and its change there is no time for a colleague: this makes some."""
        seen = read(self, asked)
        monkeypatch.setattr(Scheduler, "get_job", read)
        with reading(store) as another:
            another.change_job(asked, max_instances=7, author=Author("mia"))
        return seen

    monkeypatch.setattr(Scheduler, "get_job", slowly)
    result = gnomon(command, job, "--store", store)
    assert (result.code, result.out) == (1, "")
    assert f"job '{job}' was changed by 'mia' since you looked at it (max_instances)" in result.err
    assert "look again, and decide anew" in result.err
    with reading(store) as scheduler:
        assert [change.author.actor for change in scheduler.changes(job)] == ["mia"]


def test_a_rescheduled_job_that_is_paused_stays_paused_and_says_so(gnomon: Gnomon, store: str) -> None:
    result = gnomon("set", "resting", "cron", "hour=4", "--yes", "--store", store)
    assert "stays so" in result.out
    assert gnomon("show", "resting", "--json", "--store", store).json["state"] == "paused"


def test_of_several_jobs_one_that_is_not_there_does_not_keep_the_others(gnomon: Gnomon, store: str) -> None:
    result = gnomon("pause", "nightly", "nihgtly", "tick", "--json", "--store", store)
    assert result.code == 3
    assert [(job["id"], job["enabled"]) for job in result.json] == [("nightly", False), ("tick", False)]
    assert "'nihgtly'" in result.err
    assert "1 of 3 jobs" in result.err


def test_one_job_is_one_json_object(gnomon: Gnomon, store: str) -> None:
    assert gnomon("pause", "nightly", "--json", "--store", store).json["enabled"] is False
