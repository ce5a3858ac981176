"""How a run went, as stages with durations."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from gnomon.web.stages import bar, stages

START = datetime(2026, 11, 24, 14, 0, tzinfo=UTC)


def at(seconds: float) -> str:
    return (START + timedelta(seconds=seconds)).isoformat()


def attempt(number: int, state: str, started: float | None, finished: float | None) -> dict[str, Any]:
    return {
        "number": number,
        "state": state,
        "started_at": None if started is None else at(started),
        "finished_at": None if finished is None else at(finished),
        "error": None,
        "node": "one",
    }


def run(state: str, *attempts: dict[str, Any], **more: Any) -> dict[str, Any]:
    given = {
        "state": state,
        "cause": "schedule",
        "attempt": len(attempts),
        "scheduled_at": at(0),
        "created_at": at(0.2),
        "finished_at": None,
        "cancel_requested": None,
        "attempts": list(attempts),
        "changes": [],
    }
    return given | more


def told(run: dict[str, Any], now: float = 100) -> list[tuple[str, float | None]]:
    found = stages(run, START + timedelta(seconds=now))
    return [(each.look.word, None if each.lasted is None else round(each.lasted.total_seconds(), 3)) for each in found]


def test_a_run_that_has_ended() -> None:
    assert told(run("succeeded", attempt(1, "succeeded", 3, 15))) == [
        ("due", 0.2),
        ("queued", 2.8),
        ("running", 12),
        ("succeeded", None),
    ]


def test_a_run_that_goes_on_is_told_up_to_now() -> None:
    going = run("running", attempt(1, "running", 3, None))
    assert told(going)[-1] == ("running", 97)
    assert [each.is_now for each in stages(going, START + timedelta(seconds=5))] == [False, False, True]


def test_attempts_follow_each_other() -> None:
    again = run("running", attempt(1, "failed", 1, 5), attempt(2, "running", 15, None))
    assert told(again, 20) == [("due", 0.2), ("queued", 0.8), ("running", 4), ("failed", 10), ("running", 5)]
    assert [each.more for each in stages(again, START)] == ["", "", "attempt 1", "", "attempt 2"]


def test_one_that_waits_to_be_tried_again_waits_now() -> None:
    waiting = run("queued", attempt(1, "failed", 1, 5), attempt(2, "queued", None, None))
    assert told(waiting, 20)[-2:] == [("failed", 0), ("waits to be tried again", 15)]
    assert stages(waiting, START + timedelta(seconds=20))[-1].is_now


def test_who_tried_it_again_is_told_in_its_place() -> None:
    changes = [{"action": "retry", "at": at(60), "actor": "mia"}]
    again = run("queued", attempt(1, "failed", 1, 5), attempt(2, "queued", None, None), changes=changes)
    assert told(again, 80)[-2:] == [("failed", 55), ("tried again", 20)]


def test_one_that_never_started_has_no_bar() -> None:
    missed = run("missed", attempt(1, "missed", None, None), finished_at=at(60))
    assert told(missed) == [("due", 60), ("missed", None)]
    assert bar(missed, START) == ()


def test_one_that_was_skipped_ahead_of_its_time_goes_on_no_more() -> None:
    skipped = run("skipped", attempt(1, "skipped", None, None), scheduled_at=at(5000), finished_at=at(1))
    assert told(skipped, 2) == [("skipped", None), ("due", None)]


def test_who_asked_it_to_end_is_told_in_its_place() -> None:
    asked = run("running", attempt(1, "running", 3, None), cancel_requested={"at": at(10), "by": "mia"})
    found = stages(asked, START + timedelta(seconds=12))
    assert [each.look.word for each in found] == ["due", "queued", "running", "asked to end"]
    assert found[-1].more == "by mia"


def test_a_clock_that_went_back_gives_no_negative_durations() -> None:
    odd = run("succeeded", attempt(1, "succeeded", 3, 2))
    assert all(lasted is None or lasted >= 0 for _, lasted in told(odd, -50))


def test_the_bar_is_to_scale_and_within_its_width() -> None:
    found = bar(run("failed", attempt(1, "failed", 10, 20), attempt(2, "failed", 30, 40)), START)
    assert [(each.left, each.width, each.tone) for each in found] == [
        (0, 25, "calm"),
        (25, 25, "bad"),
        (50, 25, "calm"),
        (75, 25, "bad"),
    ]
    short = bar(run("succeeded", attempt(1, "succeeded", 1000, 1000.001)), START)
    assert all(each.left >= 0 and each.left + each.width <= 100 for each in short)
