"""Where runs go: by declaration, by the kind of function, by the row; timeouts and cancelling; what cannot run."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from threading import Event, current_thread

import pytest

from gnomon import RunState, Scheduler
from gnomon.domain.steering import Cancellation
from gnomon.errors import InvalidInput
from gnomon.executors import run_command
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import nothing, sleep_a_minute
from tests.processes import wait_until

ONE = NOON + timedelta(hours=1)


async def wait_long() -> None:
    await asyncio.sleep(60)


def register_long_jobs(scheduler: Scheduler, **options: object) -> None:
    scheduler.register(sleep_a_minute, "cron", id="processes", hour=13, executor="processes", **options)
    scheduler.register(wait_long, "cron", id="asyncio", hour=13, **options)
    scheduler.register(run_command, "cron", id="command", hour=13, executor="command", args=("sleep 60",), **options)


def test_coroutine_functions_go_to_asyncio_and_others_to_threads(scheduler: Scheduler, engine: ManualEngine) -> None:
    where: dict[str, str] = {}

    async def coroutine() -> None:
        await asyncio.sleep(0)
        where["coroutine"] = current_thread().name

    scheduler.register(coroutine, "cron", hour=13)
    scheduler.register(lambda: where.update(function=current_thread().name), "cron", id="function", hour=13)
    states = {run.state for run in engine.run_until(ONE)}

    assert states == {RunState.SUCCEEDED}
    assert where["coroutine"].startswith("gnomon-asyncio")
    assert where["function"].startswith("gnomon-threads")
    assert scheduler.get_job("coroutine")["executor"] == "asyncio"


def test_jobs_that_only_a_row_names_go_where_their_function_belongs(scheduler: Scheduler, engine: ManualEngine) -> None:
    """APScheduler's rows name the executor "default"."""
    scheduler.engine.add_job(nothing, "date", id="function", run_date=ONE)
    scheduler.engine.add_job(wait_briefly, "date", id="coroutine", run_date=ONE)
    lines = engine.run_until(ONE)
    assert {run.job_id: (run.state, run.error) for run in lines} == {
        "function": (RunState.SUCCEEDED, None),
        "coroutine": (RunState.SUCCEEDED, None),
    }


async def wait_briefly() -> None:
    await asyncio.sleep(0.01)


def test_timeouts_are_enforced_where_the_work_can_be_ended(scheduler: Scheduler, engine: ManualEngine) -> None:
    register_long_jobs(scheduler, timeout=0.3)
    lines = engine.run_until(ONE)
    assert {run.job_id: run.state for run in lines} == dict.fromkeys(
        ("processes", "asyncio", "command"), RunState.TIMED_OUT
    )
    assert {run.error for run in lines} == {"timed out after 0.3 s"}


def test_a_run_can_be_cancelled_where_the_work_can_be_ended(scheduler: Scheduler, engine: ManualEngine) -> None:
    register_long_jobs(scheduler)
    engine.clock.set(ONE)
    lines = engine.step(wait=False)
    wait_until(lambda: len(scheduler.runs(states=[RunState.RUNNING])) == 3)
    for run in lines:
        assert scheduler.cancel_run(run.id) is Cancellation.ENDING
    wait_until(lambda: engine.step(wait=False) == [] and not scheduler.runs(states=[RunState.RUNNING]))
    assert {scheduler.run(run.id).state for run in lines} == {RunState.CANCELLED}


def test_a_command_that_fails_says_with_which_code(scheduler: Scheduler, engine: ManualEngine) -> None:
    command = "echo $GNOMON_JOB_ID $GNOMON_SCHEDULED_AT; echo trouble >&2; exit 3"
    scheduler.register(run_command, "cron", id="job", hour=13, executor="command", args=(command,))
    (run,) = engine.run_until(ONE)
    assert run.state is RunState.FAILED
    assert "3" in (run.error or "")
    assert {piece.stream: piece.text for piece in scheduler.output(run.id)} == {
        "stdout": f"job {ONE.isoformat()}\n",
        "stderr": "trouble\n",
    }


def test_an_executor_that_nobody_has_fails_the_run_with_the_reason_and_keeps_the_job(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.engine.add_job(nothing, "date", id="job", run_date=ONE, executor="mainframe")
    (run,) = engine.run_until(ONE)
    assert run.state is RunState.FAILED
    assert "no executor 'mainframe'" in (run.error or "")
    assert scheduler.get_job("job")["state"] == "finished"


def test_an_executor_that_does_not_exist_cannot_be_declared(scheduler: Scheduler) -> None:
    with pytest.raises(InvalidInput, match="executor: 'mainframe' is not allowed; there are asyncio, command"):
        scheduler.register(nothing, "cron", hour=13, executor="mainframe")


def test_an_executor_without_room_delays_only_its_own_runs(
    scheduler: Scheduler, engine: ManualEngine, gate: Event
) -> None:
    for number in range(20):
        scheduler.register(lambda: gate.wait(30), "cron", id=f"thread {number}", hour=13)
    scheduler.register(wait_briefly, "cron", id="coroutine", hour=13)
    engine.clock.set(ONE)
    lines = {run.job_id: run.id for run in engine.step(wait=False)}
    wait_until(lambda: scheduler.run(lines["coroutine"]).state is RunState.SUCCEEDED)
    wait_until(lambda: len(scheduler.runs(states=[RunState.RUNNING])) == 10)
    assert len(scheduler.runs(states=[RunState.QUEUED])) == 10
    gate.set()
    engine.settle()
    assert {run.state for run in scheduler.runs()} == {RunState.SUCCEEDED}
