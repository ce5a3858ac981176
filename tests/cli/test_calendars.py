"""``gnomon calendars``, ``gnomon calendar set`` and ``remove``, and jobs that leave out their dates."""

from __future__ import annotations

from datetime import date, timedelta
from pathlib import Path

import pytest

from gnomon.domain.change import Author
from tests.cli.conftest import Gnomon, reading
from tests.cli.test_terminal import Terminal


def test_a_calendar_of_a_country_is_made_listed_and_named_by_a_job(gnomon: Gnomon, store: str) -> None:
    made = gnomon("calendar", "set", "de-holidays", "--country", "DE", "--subdivision", "BE", "--yes", "--store", store)
    assert made.code == 0, made.err
    assert "holidays of DE-BE" in made.out
    changed = gnomon("set", "nightly", "--calendar", "de-holidays", "--yes", "--store", store)
    assert changed.code == 0, changed.err
    assert "calendar" in changed.out
    listed = gnomon("calendars", "--json", "--store", store).json
    assert [(each["name"], each["jobs"]) for each in listed] == [("de-holidays", ["nightly"])]
    assert "nightly" in gnomon("calendars", "--store", store).out
    shown = gnomon("show", "nightly", "--store", store).out
    assert "de-holidays" in shown
    assert "Next due times" in shown


def test_dates_may_stand_in_a_file_with_what_they_are_called(gnomon: Gnomon, store: str, tmp_path: Path) -> None:
    file = tmp_path / "days.txt"
    file.write_text("# company days\n2099-12-30 counting stock\n\n2099-12-31\n", encoding="utf-8")
    made = gnomon("calendar", "set", "inventory", "--dates", str(file), "--yes", "--json", "--store", store)
    assert made.json["dates"] == {"2099-12-30": "counting stock", "2099-12-31": ""}
    again = gnomon("calendar", "set", "inventory", "--dates", "2099-12-30, 2099-12-31", "--yes", "--store", store)
    assert again.code == 0
    assert "2 dates" in again.out


def test_previews_mark_the_dates_that_are_left_out(gnomon: Gnomon, store: str) -> None:
    gnomon("calendar", "set", "closed", "--dates", "2099-12-25", "--yes", "--store", store)
    words = ["cron", "year=2099", "month=12", "day=24-26", "timezone=UTC", "--calendar", "closed"]
    too_far = gnomon("preview", *words, "--store", store)
    assert too_far.code == 2
    gnomon("calendar", "set", "weekend", "--dates", _dates_from_tomorrow(), "--yes", "--store", store)
    result = gnomon("preview", "cron", "hour=3", "--calendar", "weekend", "--count", "3", "--store", store)
    assert result.code == 0, result.err
    assert "excluded by calendar weekend" in result.out
    assert "in 30 days" in result.out
    found = gnomon("preview", "cron", "hour=3", "--calendar", "weekend", "--json", "--store", store).json
    assert "excluded" in {each["outlook"] for each in found["coming"]}
    compared = gnomon("set", "nightly", "--calendar", "weekend", "--yes", "--store", store)
    assert "excluded by calendar weekend" in compared.out


def _dates_from_tomorrow() -> str:
    return ",".join(str(date.today() + timedelta(days=days)) for days in (1, 2))


def test_set_shows_what_a_calendar_is_made_from_before_and_after(gnomon: Gnomon, store: str) -> None:
    gnomon("calendar", "set", "closed", "--dates", "2099-12-30,2099-12-31", "--yes", "--store", store)
    gnomon("set", "nightly", "--calendar", "closed", "--yes", "--store", store)
    words = ("calendar", "set", "closed", "--country", "DE", "--dates", "2099-12-24, 2099-12-31")
    asked = gnomon(*words, "--store", store)
    assert (asked.code, "--yes" in asked.err) == (2, True)
    lines = [" ".join(line.split()) for line in asked.out.splitlines()]
    assert lines[0] == "closed BEFORE AFTER"
    assert "dates 2 dates holidays of DE and 2 dates" in lines
    assert [line for line in lines if line.startswith("2099")] == ["2099-12-24", "2099-12-30"]
    assert "jobs nightly" in lines
    assert gnomon("calendars", "--json", "--store", store).json[0]["words"] == "2 dates"
    assert gnomon(*words, "--yes", "--json", "--store", store).json["words"] == "holidays of DE and 2 dates"


# Python warns of a fork in a process with threads; the child does nothing but become another program.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
@pytest.mark.parametrize(
    ("words", "question"),
    [
        (["set", "closed", "--dates", "2099-12-24"], "Change calendar closed?"),
        (["set", "new", "--dates", "2099-12-24"], "Make calendar new?"),
        (["remove", "closed"], "Remove calendar closed?"),
    ],
)
def test_what_somebody_sets_while_the_command_asks_is_not_overwritten(
    gnomon: Gnomon, store: str, tmp_path: Path, words: list[str], question: str
) -> None:
    gnomon("calendar", "set", "closed", "--dates", "2099-12-30", "--yes", "--store", store)
    terminal = Terminal("calendar", *words, "--store", store, columns=100, cwd=tmp_path)
    terminal.wait_for(question)
    with reading(store) as another:
        another.set_calendar(words[1], dates=["2099-12-31"], author=Author("mia"))
    terminal.type("y")
    assert terminal.end() == 1
    said = " ".join(terminal.plain.split())
    assert f"calendar '{words[1]}' was set by 'mia' since you looked at it" in said
    assert "look again, and decide anew" in said
    with reading(store) as scheduler:
        assert list(scheduler.get_calendar(words[1])["dates"]) == ["2099-12-31"]


def test_a_calendar_that_jobs_name_is_removed_by_force_only(gnomon: Gnomon, store: str) -> None:
    gnomon("calendar", "set", "inventory", "--dates", "2099-12-30", "--yes", "--store", store)
    gnomon("set", "nightly", "--calendar", "inventory", "--yes", "--store", store)
    refused = gnomon("calendar", "remove", "inventory", "--yes", "--store", store)
    assert refused.code == 1
    assert "named by nightly" in refused.err
    removed = gnomon("calendar", "remove", "inventory", "--force", "--yes", "--store", store)
    assert removed.code == 0
    assert "These do not fire now: nightly" in removed.out
    assert "'inventory' does not exist" in gnomon("show", "nightly", "--store", store).out
    none = gnomon("set", "nightly", "--calendar", "none", "--yes", "--store", store)
    assert none.code == 0, none.err
    with reading(store) as scheduler:
        assert scheduler.get_job("nightly")["problem"] is None


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["calendar", "set", "a b", "--dates", "2099-12-30"], 2, "calendar: "),
        (["calendar", "set", "name"], 2, "dates: "),
        (["calendar", "set", "name", "--country", "Germany"], 2, "country: "),
        (["calendar", "set", "name", "--dates", "30.12.2099"], 2, "dates: "),
        (["calendar", "remove", "name"], 3, "there is no calendar 'name'"),
        (["set", "nightly", "--calendar", "name"], 3, "there is no calendar 'name'"),
        (["preview", "cron", "hour=3", "--calendar", "name"], 3, "there is no calendar 'name'"),
    ],
)
def test_what_is_wrong_is_said_with_its_exit_code(
    gnomon: Gnomon, store: str, words: list[str], code: int, said: str
) -> None:
    yes = [] if words[0] == "preview" else ["--yes"]
    result = gnomon(*words, *yes, "--store", store)
    assert (result.code, result.err.startswith(f"gnomon: {said}")) == (code, True), result.err


def test_what_was_done_to_a_calendar_can_be_undone(gnomon: Gnomon, store: str) -> None:
    def done(*command: str) -> str:
        found = gnomon(*command, "--yes", "--store", store)
        assert found.code == 0, found.err
        return found.out

    def newest() -> str:
        return str(gnomon("changes", "calendar/closed", "--json", "--store", store).json[0]["id"])

    done("calendar", "set", "closed", "--dates", "2099-12-30")
    made = newest()
    done("calendar", "set", "closed", "--dates", "2099-12-31")
    assert "✓ calendar closed is as before" in done("undo", newest())
    assert list(gnomon("calendars", "--json", "--store", store).json[0]["dates"]) == ["2099-12-30"]
    asked = gnomon("undo", made, "--store", store)
    assert asked.code == 2
    assert "--yes" in asked.err
    assert "✓ calendar closed removed" in done("undo", made)
    assert f"undid change {made}: removed, 1 date" in gnomon("changes", "calendar/closed", "--store", store).out
    assert "✓ calendar closed is as before" in done("undo", newest())
    found = gnomon("undo", newest(), "--yes", "--json", "--store", store).json
    assert (found["name"], list(found["dates"])) == ("closed", ["2099-12-30"])


def test_a_store_without_calendars_says_how_to_make_one(gnomon: Gnomon, store: str) -> None:
    result = gnomon("calendars", "--store", store)
    assert result.code == 0
    assert "gnomon calendar set" in result.out


def test_doctor_finds_jobs_whose_calendar_is_missing(gnomon: Gnomon, store: str) -> None:
    gnomon("calendar", "set", "inventory", "--dates", "2099-12-30", "--yes", "--store", store)
    gnomon("set", "nightly", "--calendar", "inventory", "--yes", "--store", store)
    gnomon("calendar", "remove", "inventory", "--force", "--yes", "--store", store)
    result = gnomon("doctor", "--store", store)
    assert result.code == 1
    assert "job 'nightly' does not fire: its calendar 'inventory' does not exist" in result.out
