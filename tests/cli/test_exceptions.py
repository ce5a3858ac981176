"""``gnomon skip``, ``move`` and ``clear``."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from tests.cli.conftest import Gnomon, reading


def job_of(store: str, job_id: str = "nightly") -> dict[str, Any]:
    with reading(store) as scheduler:
        return scheduler.get_job(job_id)


def test_skip_skips_the_next_run_and_says_when_the_one_after_starts(gnomon: Gnomon, store: str) -> None:
    before = job_of(store)
    result = gnomon("skip", "nightly", "--reason", "the warehouse moves", "--yes", "--store", store)
    assert result.code == 0, result.err
    assert "nightly: skipped" in result.out
    assert "the warehouse moves" in result.out
    after = job_of(store)
    assert after["token"] == before["token"]
    due, starts = (datetime.fromisoformat(time) for time in (before["next_start"], after["next_start"]))
    assert starts - due == timedelta(days=1)
    shown = gnomon("show", "nightly", "--store", store).out
    assert "exceptions" in shown
    assert "next start" in shown
    assert "skip " in shown


def test_move_takes_a_time_by_the_clock_of_the_job(gnomon: Gnomon, store: str) -> None:
    due = datetime.fromisoformat(job_of(store)["next_start"])
    to = due + timedelta(hours=2)
    result = gnomon("move", "nightly", f"{to:%Y-%m-%d %H:%M}", "--yes", "--json", "--store", store)
    assert result.code == 0, result.err
    assert datetime.fromisoformat(result.json["next_start"]).strftime("%H:%M") == "05:30"
    assert result.json["exceptions"][0]["action"] == "move"


def test_a_time_of_day_alone_is_the_next_one(gnomon: Gnomon, store: str) -> None:
    result = gnomon("move", "nightly", "03:31", "--yes", "--json", "--store", store)
    assert result.code == 0, result.err
    moved = datetime.fromisoformat(result.json["next_start"])
    assert moved - datetime.fromisoformat(result.json["next_run_time"]) == timedelta(minutes=1)


def test_clear_takes_back_what_was_made_of_a_due_time(gnomon: Gnomon, store: str) -> None:
    gnomon("skip", "nightly", "--yes", "--store", store)
    due = job_of(store)["next_run_time"]
    result = gnomon("clear", "nightly", due, "--yes", "--store", store)
    assert result.code == 0, result.err
    assert job_of(store)["exceptions"] == []
    again = gnomon("clear", "nightly", due, "--yes", "--store", store)
    assert again.code == 1
    assert "no exception" in again.err


def test_a_due_time_can_be_named(gnomon: Gnomon, store: str) -> None:
    due = datetime.fromisoformat(job_of(store)["next_run_time"]) + timedelta(days=2)
    result = gnomon("skip", "nightly", "--at", f"{due:%Y-%m-%d %H:%M}", "--yes", "--json", "--store", store)
    assert result.code == 0, result.err
    assert datetime.fromisoformat(result.json["exceptions"][0]["scheduled_at"]).minute == 30


@pytest.mark.parametrize(
    ("words", "field"),
    [
        (["skip", "nightly", "--at", "tomorrow"], "--at"),
        (["skip", "nightly", "--at", "2020-01-01 03:30"], "at"),
        (["move", "nightly", "soon"], "TO"),
        (["move", "nightly", "2020-01-01 03:30"], "to"),
        (["move", "nightly", "2099-01-01 03:30"], "to"),
        (["clear", "nightly", "then"], "TIME"),
    ],
)
def test_a_bad_time_is_exit_code_2_and_names_the_field(
    gnomon: Gnomon, store: str, words: list[str], field: str
) -> None:
    result = gnomon(*words, "--yes", "--store", store)
    assert result.code == 2
    assert result.err.startswith(f"gnomon: {field}: ")
    assert job_of(store)["exceptions"] == []


@pytest.mark.parametrize("words", [["skip"], ["move"], ["clear"]])
def test_without_a_terminal_nothing_is_done_unless_yes_is_said(gnomon: Gnomon, store: str, words: list[str]) -> None:
    times = [] if words == ["skip"] else ["2099-01-01 03:30"]
    result = gnomon(*words, "nightly", *times, "--store", store)
    assert result.code == 2
    assert "--yes" in result.err


def test_a_paused_job_has_no_run_to_skip(gnomon: Gnomon, store: str) -> None:
    result = gnomon("skip", "resting", "--yes", "--store", store)
    assert result.code != 0
    assert "no run to come (paused)" in result.err
