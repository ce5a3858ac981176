"""How many runs of a job may be active is counted in the ledger, over all nodes."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest

from gnomon import RunState, Scheduler
from gnomon.errors import ChangeRefused
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.processes import wait_until

MINUTE = timedelta(minutes=1)


def test_a_run_on_another_node_counts(
    engine: ManualEngine, scheduler: Scheduler, another_engine: Callable[..., ManualEngine], gate: Event
) -> None:
    other = another_engine()
    for node in (scheduler, other.scheduler):
        node.register(lambda: gate.wait(30), "interval", id="job", minutes=1)

    engine.clock.advance(minutes=1)
    (running,) = engine.step(wait=False)
    engine.clock.advance(minutes=1)
    (skipped,) = other.step()
    gate.set()
    engine.settle()
    engine.clock.advance(minutes=1)
    (again,) = other.step()

    assert scheduler.run(running.id).state is RunState.SUCCEEDED
    assert (skipped.state, skipped.scheduled_at) == (RunState.SKIPPED, NOON + 2 * MINUTE)
    assert again.state is RunState.SUCCEEDED


def test_so_many_run_side_by_side_and_no_more(scheduler: Scheduler, engine: ManualEngine, gate: Event) -> None:
    scheduler.register(lambda: gate.wait(30), "interval", id="job", minutes=1, max_instances=2)
    lines = []
    for _ in range(4):
        engine.clock.advance(minutes=1)
        lines += engine.step(wait=False)
    gate.set()
    engine.settle()
    states = [scheduler.run(run.id).state for run in lines]
    assert states == [RunState.SUCCEEDED] * 2 + [RunState.SKIPPED] * 2


def test_an_operator_can_raise_it_while_a_run_is_active(
    scheduler: Scheduler, engine: ManualEngine, gate: Event
) -> None:
    scheduler.register(lambda: gate.wait(30), "interval", id="job", minutes=1)
    engine.clock.advance(minutes=1)
    engine.step(wait=False)
    with pytest.raises(ChangeRefused, match="1 of 1 runs are active"):
        scheduler.run_job("job")

    scheduler.change_job("job", max_instances=2)
    second = scheduler.run_job("job")
    engine.step(wait=False)
    gate.set()
    engine.settle()

    assert scheduler.run(second).state is RunState.SUCCEEDED


def test_the_runs_of_other_jobs_do_not_count(scheduler: Scheduler, engine: ManualEngine, gate: Event) -> None:
    scheduler.register(lambda: gate.wait(30), "interval", id="slow", minutes=1)
    scheduler.register(lambda: None, "interval", id="quick", minutes=1)
    engine.clock.advance(minutes=1)
    first = {run.job_id: run.id for run in engine.step(wait=False)}
    wait_until(lambda: scheduler.run(first["quick"]).state is RunState.SUCCEEDED)
    engine.clock.advance(minutes=1)
    lines = engine.step(wait=False)
    gate.set()
    engine.settle()
    assert {run.job_id: scheduler.run(run.id).state for run in lines} == {
        "slow": RunState.SKIPPED,
        "quick": RunState.SUCCEEDED,
    }
