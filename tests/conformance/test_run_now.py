"""Running a job now, beside its schedule."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest

from gnomon import RunState, Scheduler, Settings
from gnomon.domain.change import Author, Origin
from gnomon.domain.run import Cause
from gnomon.errors import ChangeRefused, InvalidInput
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


def test_a_repeated_call_with_its_key_starts_nothing_and_returns_the_same_run(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    first = scheduler.run_job("job", key="import of Monday")
    assert scheduler.run_job("job", key="import of Monday") == first  # though it is active: max_instances is 1
    engine.step()
    engine.clock.advance(hours=23, minutes=59)
    assert scheduler.run_job("job", key="import of Monday") == first
    assert [run.id for run in scheduler.runs("job") if run.cause is Cause.MANUAL] == [first]
    assert [change.action for change in scheduler.changes("job")] == ["run"]


def test_a_key_is_forgotten_after_a_day(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    first = scheduler.run_job("job", key="k")
    engine.step()
    engine.clock.advance(days=1)
    second = scheduler.run_job("job", key="k")
    assert second != first
    assert scheduler.run_job("job", key="k") == second


def test_a_key_that_was_given_for_another_job_is_refused(scheduler: Scheduler) -> None:
    for job_id in ("job", "other"):
        scheduler.register(nothing, "cron", id=job_id, hour=13)
    scheduler.run_job("job", key="k")
    with pytest.raises(ChangeRefused, match="the key 'k' was given for a run of job 'job' less than a day ago"):
        scheduler.run_job("other", key="k")
    assert scheduler.runs("other") == []


def test_a_key_of_a_call_that_was_refused_is_free(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    scheduler.run_job("job")
    with pytest.raises(ChangeRefused):
        scheduler.run_job("job", key="k")
    engine.step()
    assert scheduler.run(scheduler.run_job("job", key="k")).state is RunState.QUEUED


@pytest.mark.parametrize("key", ["", "x" * 256, "a\nb", "a\0b"])
def test_a_key_that_cannot_be_kept_is_refused(scheduler: Scheduler, key: str) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    with pytest.raises(InvalidInput, match="key: "):
        scheduler.run_job("job", key=key)
    assert scheduler.runs("job") == []


def test_who_ran_it_from_where_and_why_is_kept(scheduler: Scheduler) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    author = Author("alice", Origin.API, "the file came late")
    run_id = scheduler.run_job("job", author=author)
    (change,) = scheduler.changes("job")
    assert (change.action, change.author, change.run_id) == ("run", author, run_id)
    assert change.after == {"run": run_id, "state": "queued"}
    (said,) = scheduler.get_run(run_id)["changes"]
    assert (said["action"], said["actor"], said["origin"]) == ("run", "alice", "api")
