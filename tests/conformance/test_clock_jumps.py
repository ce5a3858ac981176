"""A clock that jumps back fires nothing twice; one that jumps forward causes no storm."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta

from gnomon import RunState, Scheduler, current_run
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)


def counting(scheduler: Scheduler, **options: object) -> Counter[datetime]:
    """A one-minute job; how often it started for each scheduled time."""
    started: Counter[datetime] = Counter()
    scheduler.register(lambda: started.update([current_run().scheduled_at]), "interval", id="job", minutes=1, **options)
    return started


def test_a_clock_that_goes_back_an_hour_fires_nothing_twice(scheduler: Scheduler, engine: ManualEngine) -> None:
    started = counting(scheduler)
    engine.run_until(NOON + 10 * MINUTE)

    engine.clock.advance(hours=-1)
    engine.run_until(NOON + 9 * MINUTE)
    assert sum(started.values()) == 10

    engine.run_until(NOON + 12 * MINUTE)
    assert started == {NOON + n * MINUTE: 1 for n in range(1, 13)}
    assert len(scheduler.runs("job")) == 12


def test_a_schedule_that_an_operator_changes_while_the_clock_is_back_fires_no_time_again(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    started = counting(scheduler)
    engine.run_until(NOON + 10 * MINUTE)
    engine.clock.set(NOON + 5.5 * MINUTE)

    assert scheduler.update_job_schedule("job", "cron", minute="*")
    engine.run_until(NOON + 12 * MINUTE)

    assert started == {NOON + n * MINUTE: 1 for n in range(1, 13)}


def test_a_clock_that_goes_forward_a_day_causes_no_storm(scheduler: Scheduler, engine: ManualEngine) -> None:
    started = counting(scheduler, coalesce=False, max_instances=1000)
    engine.run_until(NOON + MINUTE)

    engine.clock.advance(days=1)
    lines = engine.step()

    assert len(lines) == 2
    assert sum(started.values()) == 2
    assert lines[0].covers_until == lines[1].scheduled_at == NOON + timedelta(days=1) + MINUTE


def test_a_clock_that_goes_forward_and_back_again_fires_nothing_twice(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    started = counting(scheduler)
    engine.clock.advance(hours=1)
    engine.step()
    engine.clock.set(NOON)
    lines = engine.run_until(NOON + 2 * HOUR)

    assert set(started.values()) == {1}
    assert all(run.state is RunState.SUCCEEDED for run in lines)
    assert lines[0].scheduled_at == NOON + HOUR + MINUTE
