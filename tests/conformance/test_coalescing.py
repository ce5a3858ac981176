"""Of several overdue times of one job, the last runs, or all, as declared; each has a line either way."""

from __future__ import annotations

from datetime import timedelta

from gnomon import RunState, Scheduler, current_run
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON

MINUTE = timedelta(minutes=1)


def overdue(scheduler: Scheduler, engine: ManualEngine, **policies: object) -> tuple[list[RunState], list[int]]:
    """Five due times pass while nobody looks: what became of each, and which of them (1 to 5) started."""
    started = []

    def job() -> None:
        started.append((current_run().scheduled_at - NOON) // MINUTE)

    scheduler.register(job, "interval", id="job", minutes=1, **policies)
    engine.clock.advance(minutes=5, seconds=30)
    lines = engine.step()
    assert [run.scheduled_at for run in lines] == [NOON + n * MINUTE for n in range(1, 6)]
    return [run.state for run in lines], sorted(started)


def test_of_overdue_times_only_the_last_runs_by_default(scheduler: Scheduler, engine: ManualEngine) -> None:
    assert overdue(scheduler, engine) == ([RunState.COALESCED] * 4 + [RunState.SUCCEEDED], [5])


def test_all_overdue_times_run_where_they_are_not_folded(scheduler: Scheduler, engine: ManualEngine) -> None:
    states, started = overdue(scheduler, engine, coalesce=False, max_instances=5)
    assert (states, started) == ([RunState.SUCCEEDED] * 5, [1, 2, 3, 4, 5])


def test_overdue_times_beyond_max_instances_are_skipped(scheduler: Scheduler, engine: ManualEngine) -> None:
    states, started = overdue(scheduler, engine, coalesce=False, max_instances=2)
    assert (states, started) == ([RunState.SUCCEEDED] * 2 + [RunState.SKIPPED] * 3, [1, 2])


def test_those_beyond_their_grace_time_are_missed_and_the_others_run(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    states, started = overdue(scheduler, engine, coalesce=False, max_instances=5, misfire_grace_time=90)
    assert (states, started) == ([RunState.MISSED] * 3 + [RunState.SUCCEEDED] * 2, [4, 5])


def test_nothing_is_folded_into_a_run_that_is_itself_missed(scheduler: Scheduler, engine: ManualEngine) -> None:
    assert overdue(scheduler, engine, misfire_grace_time=1) == ([RunState.MISSED] * 5, [])
