"""Running a job now, beside its schedule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest

from gnomon import RunState, Scheduler, Settings
from gnomon.domain.run import Cause
from gnomon.errors import ChangeRefused
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import nothing
from tests.processes import wait_until


def test_a_manual_run_starts_and_moves_no_schedule(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    before = scheduler.get_job("job")
    run_id = scheduler.run_job("job")
    assert scheduler.run(run_id).state is RunState.QUEUED
    engine.step()
    run = scheduler.run(run_id)
    assert (run.state, run.cause, run.scheduled_at) == (RunState.SUCCEEDED, Cause.MANUAL, NOON)
    after = scheduler.get_job("job")
    assert [after[key] for key in ("next_run_time", "token")] == [before[key] for key in ("next_run_time", "token")]


def test_it_may_be_asked_for_at_the_very_instant_of_a_scheduled_run(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    (scheduled,) = engine.run_until(NOON + timedelta(hours=1))
    manual = scheduler.run_job("job")
    engine.step()
    assert manual != scheduled.id
    assert scheduler.run(manual).state is RunState.SUCCEEDED


def test_it_is_refused_while_as_many_runs_as_may_are_active(
    scheduler: Scheduler, engine: ManualEngine, gate: Event
) -> None:
    scheduler.register(lambda: gate.wait(30), "cron", id="job", hour=13)
    first = scheduler.run_job("job")
    with pytest.raises(ChangeRefused, match="1 of 1 runs are active"):
        scheduler.run_job("job")
    engine.step(wait=False)
    with pytest.raises(ChangeRefused):
        scheduler.run_job("job")
    gate.set()
    engine.settle()
    assert scheduler.run(first).state is RunState.SUCCEEDED
    scheduler.run_job("job")


def test_a_paused_job_runs_when_it_is_asked_to(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13, enabled=False)
    run_id = scheduler.run_job("job")
    engine.step()
    assert scheduler.run(run_id).state is RunState.SUCCEEDED
    assert scheduler.get_job("job")["state"] == "paused"


def test_a_web_worker_without_the_code_can_ask_a_node_to_run_it(
    another_engine: Callable[..., ManualEngine], another_scheduler: Callable[..., Scheduler]
) -> None:
    engine = another_engine(settings=Settings(heartbeat=0.05))
    scheduler = engine.scheduler
    scheduler.register(nothing, "cron", id="job", hour=13)
    wait_until(lambda: another_scheduler().get_job("job")["state"] == "active")
    run_id = another_scheduler().run_job("job")
    engine.step()
    assert scheduler.run(run_id).state is RunState.SUCCEEDED


def test_a_run_of_a_job_without_code_is_refused_with_what_to_do(
    another_scheduler: Callable[..., Scheduler], engine: ManualEngine
) -> None:
    engine.scheduler.register(nothing, "cron", id="other", hour=13)
    script = another_scheduler()
    script.engine.add_job("tests.jobs:nothing", "cron", id="orphan", hour=13)
    with pytest.raises(ChangeRefused, match="no node has code for it; start one that declares it"):
        another_scheduler().run_job("orphan")
    assert another_scheduler().runs("orphan") == []
