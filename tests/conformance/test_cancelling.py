"""Ending runs early, from any process, whatever they are at."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest

from gnomon import RunState, Scheduler, Settings, current_run
from gnomon.domain.change import Author, Origin
from gnomon.domain.steering import Cancellation
from gnomon.errors import ChangeRefused, RunNotFound
from gnomon.executors import run_command
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import fail, nothing, sleep_a_minute
from tests.processes import wait_until

ONE = NOON + timedelta(hours=1)
ALICE = Author("alice", Origin.PAGE, "it locks the table")


def running(scheduler: Scheduler, engine: ManualEngine, job_id: str = "job") -> int:
    """Run a job now, and wait until it runs."""
    run_id = scheduler.run_job(job_id)
    engine.step(wait=False)
    wait_until(lambda: scheduler.run(run_id).state is RunState.RUNNING)
    return run_id


def ended(scheduler: Scheduler, engine: ManualEngine, run_id: int) -> RunState:
    """Let the node look, until the run has ended."""

    def look() -> bool:
        engine.step(wait=False)
        return not scheduler.run(run_id).state.is_active

    wait_until(look)
    return scheduler.run(run_id).state


def test_a_queued_run_is_cancelled_at_once_and_never_starts(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    run_id = scheduler.run_job("job")
    assert scheduler.cancel_run(run_id, author=ALICE) is Cancellation.CANCELLED
    engine.step()
    run = scheduler.run(run_id)
    assert (run.state, run.started_at, run.error) == (RunState.CANCELLED, None, "cancelled on request of alice")
    scheduler.run_job("job")  # it no longer counts as active


def test_a_run_that_its_node_holds_but_has_not_started_is_cancelled_at_once(
    another_engine: Callable[..., ManualEngine], gate: Event
) -> None:
    engine = another_engine(settings=Settings(threads=1))
    scheduler = engine.scheduler
    started: list[int] = []
    scheduler.register(lambda: gate.wait(30), "cron", id="busy", hour=13)
    scheduler.register(lambda: started.append(1), "cron", id="waits", hour=13)
    running(scheduler, engine, "busy")
    waits = scheduler.run_job("waits")
    engine.step(wait=False)
    assert scheduler.run(waits).node is not None
    assert scheduler.cancel_run(waits) is Cancellation.CANCELLED
    gate.set()
    engine.settle()
    assert started == []
    assert scheduler.run(waits).state is RunState.CANCELLED


def test_a_run_that_waits_for_its_retry_is_cancelled_and_not_tried_again(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.register(fail, "cron", id="job", hour=13, retries=3, retry_delay=60)
    run_id = scheduler.run_job("job")
    engine.step()
    assert scheduler.run(run_id).attempt == 2
    assert scheduler.cancel_run(run_id) is Cancellation.CANCELLED
    engine.run_until(ONE - timedelta(minutes=1))
    run = scheduler.get_run(run_id)
    assert [(attempt["number"], attempt["state"]) for attempt in run["attempts"]] == [(1, "failed"), (2, "cancelled")]


async def wait_long() -> None:
    await asyncio.sleep(60)


@pytest.mark.parametrize("executor", ["processes", "command", "asyncio"])
def test_a_running_run_is_ended_by_its_node_for_whoever_asks(
    scheduler: Scheduler, engine: ManualEngine, another_scheduler: Callable[..., Scheduler], executor: str
) -> None:
    functions = {"processes": (sleep_a_minute, ()), "asyncio": (wait_long, ()), "command": (run_command, ("sleep 60",))}
    func, args = functions[executor]
    scheduler.register(func, "cron", id="job", hour=13, executor=executor, args=args)
    run_id = running(scheduler, engine)
    elsewhere = another_scheduler()
    assert elsewhere.cancel_run(run_id, author=ALICE) is Cancellation.ENDING
    asked = elsewhere.run(run_id)
    assert (asked.state, asked.cancel_requested_at, asked.cancel_requested_by) == (RunState.RUNNING, NOON, "alice")
    assert ended(scheduler, engine, run_id) is RunState.CANCELLED
    assert elsewhere.get_run(run_id)["cancel_requested"]["by"] == "alice"


def test_a_thread_that_looks_is_asked_and_ends(scheduler: Scheduler, engine: ManualEngine) -> None:
    def job() -> None:
        while not current_run().cancelled:
            time.sleep(0.001)

    scheduler.register(job, "cron", id="job", hour=13)
    run_id = running(scheduler, engine)
    assert scheduler.cancel_run(run_id) is Cancellation.ASKED
    assert ended(scheduler, engine, run_id) is RunState.CANCELLED


def test_a_thread_that_does_not_look_is_shown_as_asked_and_ends_as_it_ends(
    scheduler: Scheduler, engine: ManualEngine, gate: Event
) -> None:
    scheduler.register(lambda: gate.wait(30), "cron", id="job", hour=13)
    run_id = running(scheduler, engine)
    assert scheduler.cancel_run(run_id) is Cancellation.ASKED
    engine.step(wait=False)
    assert scheduler.run(run_id).cancel_requested_at == NOON
    gate.set()
    assert ended(scheduler, engine, run_id) is RunState.SUCCEEDED


def test_an_attempt_that_fails_after_somebody_asked_is_not_tried_again(
    scheduler: Scheduler, engine: ManualEngine, gate: Event
) -> None:
    def job() -> None:
        gate.wait(30)
        raise RuntimeError("in the middle of it")

    scheduler.register(job, "cron", id="job", hour=13, retries=5, retry_delay=0)
    run_id = running(scheduler, engine)
    scheduler.cancel_run(run_id, author=ALICE)
    gate.set()
    assert ended(scheduler, engine, run_id) is RunState.CANCELLED
    run = scheduler.run(run_id)
    assert run.attempt == 1
    assert "in the middle of it" in (run.error or "")
    assert (run.error or "").endswith("cancelled on request of alice")


def test_to_ask_again_changes_nothing_and_is_logged_once(
    scheduler: Scheduler, engine: ManualEngine, gate: Event
) -> None:
    scheduler.register(lambda: gate.wait(30), "cron", id="job", hour=13, max_instances=2)
    runs = {running(scheduler, engine): Cancellation.ASKED, scheduler.run_job("job"): Cancellation.CANCELLED}
    for run_id, answer in runs.items():
        assert scheduler.cancel_run(run_id, author=ALICE) is answer
        before = scheduler.run(run_id)
        assert scheduler.cancel_run(run_id, author=Author("bob")) is answer
        assert scheduler.run(run_id) == before
        (change,) = [
            change for change in scheduler.changes("job") if change.run_id == run_id and change.action == "cancel"
        ]
        assert change.author == ALICE
        assert change.before == {"run": run_id, "state": "running" if answer is Cancellation.ASKED else "queued"}


def test_what_has_ended_is_refused_with_its_state(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    run_id = scheduler.run_job("job")
    engine.step()
    with pytest.raises(ChangeRefused, match="has ended already: it is succeeded; nothing was cancelled"):
        scheduler.cancel_run(run_id)
    with pytest.raises(RunNotFound):
        scheduler.cancel_run(10**12)
    assert [change.action for change in scheduler.changes("job")] == ["run"]


def test_a_coroutine_that_tidies_up_is_cancelled_once(scheduler: Scheduler, engine: ManualEngine, gate: Event) -> None:
    tidied: list[str] = []

    async def job() -> None:
        try:
            await asyncio.sleep(60)
        finally:
            await asyncio.to_thread(gate.wait, 30)
            tidied.append("up")

    scheduler.register(job, "cron", id="job", hour=13)
    run_id = running(scheduler, engine)
    scheduler.cancel_run(run_id)
    for _ in range(3):
        engine.step(wait=False)
    gate.set()
    assert ended(scheduler, engine, run_id) is RunState.CANCELLED
    assert tidied == ["up"]


def test_a_run_is_cancelled_while_its_scheduler_is_paused(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(run_command, "cron", id="job", hour=13, executor="command", args=("sleep 60",))
    run_id = running(scheduler, engine)
    scheduler.engine.pause()
    scheduler.cancel_run(run_id)
    assert ended(scheduler, engine, run_id) is RunState.CANCELLED


def test_a_run_is_cancelled_while_its_node_waits_for_it_to_stop(
    another_engine: Callable[..., ManualEngine], another_scheduler: Callable[..., Scheduler]
) -> None:
    engine = another_engine(settings=Settings(heartbeat=0.05))
    engine.scheduler.register(run_command, "cron", id="job", hour=13, executor="command", args=("sleep 60",))
    run_id = running(engine.scheduler, engine)
    stopping = threading.Thread(target=engine.scheduler.shutdown, daemon=True)
    stopping.start()
    elsewhere = another_scheduler()
    elsewhere.cancel_run(run_id)
    wait_until(lambda: elsewhere.run(run_id).state is RunState.CANCELLED)
    stopping.join(30)
    assert not stopping.is_alive()
