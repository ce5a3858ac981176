"""Jitter delays runs, and never the schedule: nominal times do not drift."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

from gnomon import Scheduler
from gnomon.domain.run import ACTIVE
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import nothing


def test_runs_start_within_the_jitter_and_the_nominal_times_stay(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "interval", id="job", minutes=1, jitter=30)

    engine.run_until(NOON + timedelta(minutes=10, seconds=30))

    runs = list(reversed(scheduler.runs("job")))
    assert [run.scheduled_at for run in runs] == [NOON + timedelta(minutes=n) for n in range(1, 11)]
    delays = [run.started_at - run.scheduled_at for run in runs if run.started_at is not None]
    assert len(delays) == 10
    assert all(timedelta() <= delay <= timedelta(seconds=30) for delay in delays)
    assert len(set(delays)) == 10


def test_a_run_that_waits_for_its_delay_is_queued_for_any_node(
    scheduler: Scheduler, engine: ManualEngine, another_engine: Callable[..., ManualEngine]
) -> None:
    other = another_engine()
    for node in (scheduler, other.scheduler):
        node.register(nothing, "cron", id="job", hour=13, jitter=3600)
    engine.clock.set(NOON + timedelta(hours=1))
    (waiting,) = engine.step()
    assert waiting.state in ACTIVE
    assert waiting.node is None

    engine.clock.set(waiting.not_before - timedelta(seconds=1))
    other.step()
    assert scheduler.run(waiting.id).started_at is None
    engine.clock.set(waiting.not_before)
    other.step()
    assert scheduler.run(waiting.id).started_at == waiting.not_before
