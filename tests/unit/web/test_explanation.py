"""Why a job is as it is, and which changes can be undone."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gnomon.domain.change import Author, Change
from gnomon.domain.run import RunState
from gnomon.domain.run_query import RunOutline
from gnomon.errors import InvalidInput
from gnomon.web.conflict import rows
from gnomon.web.explanation import accounts, may_be_undone, remarks
from gnomon.web.history import history
from gnomon.web.until import moment_in, text_of

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
DECLARED: dict[str, Any] = {
    "trigger": "cron",
    "trigger_args": {"hour": "3", "timezone": "UTC"},
    "enabled": True,
    "misfire_grace_time": 3600,
    "coalesce": True,
    "max_instances": 1,
}


def job(**changes: Any) -> dict[str, Any]:
    return {
        **DECLARED,
        "state": "active",
        "schedule": "at 03:00 every day, UTC",
        "source": "code",
        "default": DECLARED,
        "overrides": {},
        "problem": None,
        "task": None,
        "calendar": None,
        "kwargs": None,
    } | changes


def change(action: str = "change", **given: Any) -> Change:
    return (
        Change(key="k", job_id="a", at=NOW, author=Author("mia"), action=action, before={}, after={}, id=1)
        if not given
        else Change(key="k", job_id="a", at=NOW, author=Author("mia"), action=action, id=1, **given)
    )


def test_stored_and_declared_stand_side_by_side() -> None:
    found = {each.field: each for each in accounts(job(max_instances=3), DECLARED)}
    assert (found["trigger"].stored, found["trigger"].declared) == ("at 03:00 every day, UTC",) * 2
    assert (found["max_instances"].stored, found["max_instances"].declared) == ("3 runs", "1 run")
    assert found["max_instances"].is_unexplained
    assert not found["trigger"].is_unexplained
    assert "kwargs" not in found


def test_a_job_that_no_code_declares_has_nothing_to_compare_with() -> None:
    assert all(each.declared is None and not each.is_unexplained for each in accounts(job(default=None), {}))


@pytest.mark.parametrize(
    ("unusual", "title"),
    [
        ({"state": "quarantined", "problem": "it is no pickle"}, "Quarantined"),
        ({"state": "orphaned", "problem": "no living node has code for it"}, "Orphaned"),
        ({"problem": "its arguments do not fit"}, "It cannot run"),
        ({"source": "outside"}, "Changed outside"),
        ({"source": "outside", "default": None}, "Not declared"),
        ({"state": "finished"}, "Finished"),
        ({"state": "paused", "enabled": False}, "Paused"),
    ],
)
def test_what_is_unusual_is_told_with_what_to_do(unusual: dict[str, Any], title: str) -> None:
    (remark,) = remarks(job(**unusual))
    assert remark.title == title
    assert remark.advice


def test_all_is_quiet_about_an_ordinary_job() -> None:
    assert remarks(job()) == []


def test_only_what_still_stands_is_offered_for_undoing() -> None:
    raised = change(before={"max_instances": 1}, after={"max_instances": 3})
    assert may_be_undone(raised, job(max_instances=3))
    assert not may_be_undone(raised, job(max_instances=5))
    assert not may_be_undone(change("run", before={}, after={"run": 7}, run_id=7), job())
    assert not may_be_undone(change("add", before={}, after={"max_instances": 1}), job())
    assert not may_be_undone(change("keep", before={"default": {}}, after={"default": {}}), job())


def test_a_conflict_shows_who_did_what() -> None:
    began = {"max_instances": 1, "coalesce": True, "misfire_grace_time": 60}
    theirs = {"max_instances": 3, "coalesce": True, "misfire_grace_time": 120}
    line = change(before={"max_instances": 1}, after={"max_instances": 3})
    found = {row.field: row for row in rows(began, theirs, {"max_instances": 2, "coalesce": False}, [line])}
    assert found["max_instances"].is_contested
    assert (found["max_instances"].began, found["max_instances"].theirs, found["max_instances"].mine) == (
        "1 run",
        "3 runs",
        "2 runs",
    )
    assert found["max_instances"].change is line
    assert found["coalesce"].mine == "no"
    assert not found["coalesce"].is_theirs
    assert found["misfire_grace_time"].mine is None
    assert found["misfire_grace_time"].is_theirs


def outline(number: int, state: RunState, seconds: float | None) -> RunOutline:
    at = NOW - timedelta(hours=100 - number)
    ended = None if seconds is None else at + timedelta(seconds=seconds)
    return RunOutline(number, "a", state, at, None if seconds is None else at, ended)


def test_the_history_places_runs_by_time_and_duration() -> None:
    runs = [outline(n, RunState.SUCCEEDED, 10.0 + n) for n in range(4)]
    runs += [outline(10, RunState.FAILED, 40.0), outline(20, RunState.MISSED, None)]
    drawn = history(runs, NOW)
    assert [pillar.shape for pillar in drawn.pillars] == ["ended"] * 5 + ["never"]
    assert [pillar.x for pillar in drawn.pillars] == sorted(pillar.x for pillar in drawn.pillars)
    assert drawn.pillars[3].x - drawn.pillars[2].x < drawn.pillars[5].x - drawn.pillars[4].x
    assert drawn.top == "1 min"
    assert drawn.words == "The last 6 runs: 4 succeeded, 1 failed, 1 missed. It usually takes 12 s."


@pytest.mark.parametrize("runs", [[], [outline(1, RunState.QUEUED, None)], [outline(1, RunState.SUCCEEDED, 0.0)]])
def test_few_runs_are_drawn_too(runs: list[RunOutline]) -> None:
    assert len(history(runs, NOW).pillars) == len(runs)


def test_until_takes_spans_and_times_by_the_readers_clock() -> None:
    assert moment_in("", NOW, UTC) is None
    assert moment_in(" 2h ", NOW, UTC) == NOW + timedelta(hours=2)
    assert moment_in("2026-10-21 09:00", NOW, UTC) == datetime(2026, 10, 21, 9, tzinfo=UTC)
    assert moment_in("2026-10-21T09:00+02:00", NOW, UTC) == datetime(2026, 10, 21, 7, tzinfo=UTC)
    assert text_of("2026-10-21T09:00:00+00:00", UTC) == "2026-10-21 09:00:00"
    for text in ("x", "2020-01-01", "999999w", "2h" * 500, "\0", "9999-12-31T23:59-14:00"):
        with pytest.raises(InvalidInput):
            moment_in(text, NOW, UTC)
