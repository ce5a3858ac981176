"""A run that is later than its grace time is missed; a miss is a line, and nothing else is dropped."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gnomon import RunState, Scheduler
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON


@pytest.mark.parametrize(
    ("grace", "late", "becomes"),
    [
        ({"misfire_grace_time": 60}, 60, RunState.SUCCEEDED),
        ({"misfire_grace_time": 60}, 61, RunState.MISSED),
        ({"misfire_grace_time": None}, 10_000_000, RunState.SUCCEEDED),
        ({}, 3000, RunState.SUCCEEDED),  # by default a restart or a busy quarter of an hour drops nothing
    ],
)
def test_a_late_run_starts_within_its_grace_time_and_is_missed_after_it(
    scheduler: Scheduler, engine: ManualEngine, grace: dict[str, int | None], late: int, becomes: RunState
) -> None:
    started: list[int] = []
    scheduler.register(lambda: started.append(1), "date", id="job", run_date="2050-03-07 13:00", **grace)

    engine.clock.set(NOON + timedelta(hours=1, seconds=late))
    (run,) = engine.step()

    assert (run.state, run.scheduled_at) == (becomes, NOON + timedelta(hours=1))
    assert len(started) == (becomes is RunState.SUCCEEDED)
    assert engine.step() == []


def test_a_missed_run_is_settled_at_once_and_the_schedule_moves_on(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(pytest.fail, "cron", id="job", hour=13, misfire_grace_time=1)

    engine.clock.advance(hours=2)
    (run,) = engine.step()

    assert (run.state, run.started_at, run.finished_at) == (RunState.MISSED, None, NOON + timedelta(hours=2))
    assert scheduler.get_job("job")["next_run_time"] == (NOON + timedelta(days=1, hours=1)).isoformat()


def test_what_waited_for_room_longer_than_its_grace_time_still_runs(scheduler: Scheduler, engine: ManualEngine) -> None:
    """Claimed in time is in time: a busy node drops nothing."""
    started: list[int] = []
    scheduler.register(lambda: started.append(1), "interval", id="job", minutes=1, misfire_grace_time=1)
    engine.clock.advance(minutes=1)
    engine.step(wait=False)
    engine.clock.advance(seconds=50)
    engine.settle()
    assert started == [1]
