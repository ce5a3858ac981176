"""``gnomon jobs`` and ``gnomon show``."""

from __future__ import annotations

from pathlib import Path

from tests.cli.conftest import Gnomon, declared, process, reading
from tests.processes import wait_until


def test_jobs_are_listed_by_when_they_run_next_with_state_in_words(gnomon: Gnomon, store: str) -> None:
    result = gnomon("jobs", "--store", store)
    assert result.code == 0
    lines = result.out.splitlines()
    assert [line.split()[0] for line in lines[2:]] == ["tick", "nightly", "resting"]
    assert "every 5 seconds" in lines[2]
    assert "● active" in lines[2]
    assert "at 03:30 every day, Europe/Berlin" in lines[3]
    assert "○ paused" in lines[4]


def test_next_runs_that_nobody_will_start_are_not_shown_without_a_word(
    gnomon: Gnomon, store: str, tmp_path: Path
) -> None:
    nobody = "No node is alive: nothing fires until one starts (gnomon serve TARGET).\n"
    for command in (["jobs"], ["show", "nightly"]):
        assert gnomon(*command, "--store", store).err == nobody
        assert gnomon(*command, "--json", "--store", store).err == ""
    # What is paused would not fire anyway.
    for command in (["jobs", "--state", "paused"], ["show", "resting"]):
        assert gnomon(*command, "--store", store).err == ""
    with process("node", "--allow", "gnomon.executors.commands", "--store", store, cwd=tmp_path):
        wait_until(lambda: gnomon("jobs", "--store", store).err == "", what="a node that is alive")


def test_json_is_exactly_what_python_returns(gnomon: Gnomon, store: str) -> None:
    listed, shown = (
        gnomon("jobs", "--json", "--store", store).json,
        gnomon("show", "nightly", "--json", "--store", store).json,
    )
    with reading(store) as scheduler:
        expected = scheduler.get_all_jobs()
    for job in (*listed, shown, *expected):
        job.pop("as_of")
    assert listed == expected
    assert shown == expected[1]


def test_without_a_terminal_nothing_is_cut_and_nothing_is_coloured(gnomon: Gnomon, sqlite_url: str) -> None:
    long_id = "a-job-with-a-very-long-name-" * 5
    scheduler = declared(sqlite_url)
    scheduler.register(print, "cron", id=long_id, hour=3, minute="1,2,3,5,7,11,13,17,19,23,29,31,37,41,43,47,53,59")
    scheduler.start_all_jobs()
    scheduler.close()
    out = gnomon("jobs", "--store", sqlite_url).out
    (line,) = [line for line in out.splitlines() if line.startswith(long_id)]
    assert "active" in line
    assert "\x1b" not in out
    assert "…" not in out


def test_jobs_can_be_filtered_by_state_and_text(gnomon: Gnomon, store: str) -> None:
    def ids(*options: str) -> list[str]:
        return [job["id"] for job in gnomon("jobs", "--json", "--store", store, *options).json]

    assert ids("--state", "paused") == ["resting"]
    assert ids("--state", "paused", "--state", "active") == ["tick", "nightly", "resting"]
    assert ids("--search", "NIGHTLY report") == ["nightly"]
    assert ids("--search", "03:30") == ["nightly"]
    assert ids("--search", "no such thing") == []
    assert "None of the 3 jobs" in gnomon("jobs", "--search", "no such thing", "--store", store).out


def test_an_unknown_state_is_refused_with_those_that_there_are(gnomon: Gnomon, store: str) -> None:
    result = gnomon("jobs", "--state", "sleeping", "--store", store)
    assert result.code == 2
    assert "'sleeping'" in result.err
    assert "active, paused, finished, orphaned, quarantined" in result.err


def test_an_empty_store_teaches_how_to_declare_a_job(gnomon: Gnomon, sqlite_url: str) -> None:
    with reading(sqlite_url) as scheduler:
        scheduler.open()
    out = gnomon("jobs", "--store", sqlite_url).out
    assert "@scheduler.job(" in out
    assert "gnomon serve" in out
    assert gnomon("jobs", "--json", "--store", sqlite_url).json == []


def test_show_puts_what_the_code_says_beside_what_was_changed(gnomon: Gnomon, store: str) -> None:
    gnomon("set", "nightly", "cron", "hour=4", "--yes", "--reason", "the export is late", "--store", store)
    gnomon("set", "nightly", "--max-instances", "3", "--yes", "--store", store)
    out = gnomon("show", "nightly", "--store", store).out
    assert "at 04:00 every day, Europe/Berlin" in out
    assert "the code says at 03:30 every day, Europe/Berlin" in out
    assert "the export is late" in out
    assert "at 03:30 every day, Europe/Berlin → at 04:00 every day, Europe/Berlin" in out
    assert "max instances 1 → 3" in out
    assert "override" in out


def test_show_of_an_unchanged_job_says_that_nobody_has_changed_it(gnomon: Gnomon, store: str) -> None:
    out = gnomon("show", "nightly", "--store", store).out
    assert "Sends the nightly report." in out
    assert "cron hour=3 minute=30 timezone=Europe/Berlin" in out
    assert "the code says" not in out
    assert "It has not run yet." in out
    assert "Nobody has changed it." in out


def test_an_unknown_job_is_exit_code_3_and_one_line(gnomon: Gnomon, store: str) -> None:
    for command in (
        ["show"],
        ["pause"],
        ["resume"],
        ["run"],
        ["logs"],
        ["runs"],
        ["set", "--max-instances", "2", "--yes"],
    ):
        result = gnomon(*command, "nihgtly", "--store", store)
        assert result.code == 3, command
        assert result.out == ""
        assert result.err == "gnomon: there is no job 'nihgtly'; `gnomon jobs` lists those that are stored\n"


def test_what_a_row_says_cannot_drive_the_terminal(gnomon: Gnomon, sqlite_url: str) -> None:
    scheduler = declared(sqlite_url)
    hostile = "\x1b]0;owned\x07[red]\u202e"
    scheduler.register(print, "cron", id="plain", hour=3, name=hostile, description=f"{hostile}\r\nnext")
    scheduler.start_all_jobs()
    scheduler.close()
    for command in (["jobs"], ["show", "plain"]):
        out = gnomon(*command, "--store", sqlite_url).out
        assert not {"\x1b", "\x07", "\r", "\u202e"} & set(out)
    assert "\\x1b]0;owned\\x07[red]" in gnomon("show", "plain", "--store", sqlite_url).out
