"""Jobs that are coroutine functions."""

from __future__ import annotations

import asyncio
import time

import pytest

from gnomon.domain.run import RunState
from gnomon.executors import CoroutinesExecutor, Outcome, current_run
from tests.unit.executors.recording import PATIENCE, Recorder, execution, outcome_of, running


async def double(number: int) -> int:
    await asyncio.sleep(0)
    return 2 * number


async def sleep_long() -> None:
    print("asleep")
    await asyncio.sleep(PATIENCE)


async def ignore_the_end() -> str:
    print("asleep")
    try:
        await asyncio.sleep(PATIENCE)
    except asyncio.CancelledError:
        await asyncio.sleep(0.01)
    return "still here"


def test_a_coroutine_function_is_awaited() -> None:
    assert outcome_of(CoroutinesExecutor(), execution(double, 21)) == Outcome(RunState.SUCCEEDED, result=42)


def test_an_ordinary_function_works_too() -> None:
    assert outcome_of(CoroutinesExecutor(), execution(divmod, 7, 2)).result == (3, 1)


def test_many_run_at_once_and_each_knows_its_run() -> None:
    async def job() -> int:
        await asyncio.sleep(0.01)
        print("run", current_run().id)
        return current_run().id

    executor = CoroutinesExecutor()
    with running(executor) as recorder:
        runs = [execution(job) for _ in range(500)]
        executor.submit(runs)
        assert [recorder.outcome(run).result for run in runs] == [run.run_id for run in runs]
        assert sorted(recorder.output("stdout").split("\n")[:-1]) == sorted(f"run {run.run_id}" for run in runs)


@pytest.mark.parametrize("error", [ValueError("no such report"), SystemExit(1), KeyboardInterrupt()])
def test_an_error_fails_the_run_and_the_loop_goes_on(error: BaseException) -> None:
    async def job() -> None:
        raise error

    executor = CoroutinesExecutor()
    with running(executor) as recorder:
        bad, good = execution(job), execution(double, 1)
        executor.submit([bad, good])
        outcome = recorder.outcome(bad)
        assert outcome.state is RunState.FAILED
        assert outcome.exception is error
        assert outcome.error is not None
        assert "gnomon/executors/coroutines.py" not in outcome.error
        assert recorder.outcome(good).result == 2


def test_exit_in_a_task_that_a_job_made_does_not_end_the_loop(caplog: pytest.LogCaptureFixture) -> None:
    async def leave() -> None:
        raise SystemExit

    async def job() -> None:
        asyncio.get_running_loop().create_task(leave())
        await asyncio.sleep(0.01)

    executor = CoroutinesExecutor()
    with running(executor) as recorder:
        run = execution(job)
        executor.submit([run])
        assert recorder.outcome(run).state is RunState.SUCCEEDED
    assert "left in the event loop" in caplog.text


def test_a_run_that_takes_too_long_is_ended() -> None:
    outcome = outcome_of(CoroutinesExecutor(), execution(sleep_long, timeout=0.02))
    assert (outcome.state, outcome.error) == (RunState.TIMED_OUT, "timed out after 0.02 s")


def test_a_run_that_ignores_its_timeout_has_timed_out() -> None:
    outcome = outcome_of(CoroutinesExecutor(), execution(ignore_the_end, timeout=0.02))
    assert outcome.state is RunState.TIMED_OUT


def test_a_timeout_error_of_the_job_itself_is_a_failure() -> None:
    async def job() -> None:
        raise TimeoutError("the other side is slow")

    outcome = outcome_of(CoroutinesExecutor(), execution(job, timeout=PATIENCE))
    assert outcome.state is RunState.FAILED


def test_a_run_is_cancelled() -> None:
    executor = CoroutinesExecutor()
    with running(executor) as recorder:
        run = execution(sleep_long)
        executor.submit([run])
        recorder.wait_until(lambda: recorder.output("stdout") == "asleep\n")
        assert executor.cancel(run.run_id)
        assert recorder.outcome(run) == Outcome(RunState.CANCELLED, "cancelled on request")
        assert not executor.cancel(run.run_id)


def test_a_run_that_is_cancelled_before_its_first_step_is_told_as_ended() -> None:
    executor = CoroutinesExecutor()
    with running(executor) as recorder:
        blocker, run = execution(time.sleep, 0.05), execution(sleep_long)
        executor.submit([blocker])
        executor.submit([run])
        assert executor.cancel(run.run_id)
        assert recorder.outcome(run) == Outcome(RunState.CANCELLED, "cancelled on request")


def test_concurrency_is_bounded() -> None:
    executor = CoroutinesExecutor(limit=3)
    with running(executor) as recorder:
        run = execution(sleep_long)
        executor.submit([run, execution(sleep_long)])
        assert executor.free() == 1
        executor.cancel(run.run_id)
        recorder.outcome(run)
        assert executor.free() == 2


def test_shutdown_with_waiting_lets_all_end() -> None:
    executor, recorder = CoroutinesExecutor(), Recorder()
    executor.start(recorder)
    runs = [execution(asyncio.sleep, 0.02) for _ in range(3)]
    executor.submit(runs)
    executor.shutdown(wait=True)
    assert [outcome.state for _, outcome in recorder.ends] == [RunState.SUCCEEDED] * 3


def test_shutdown_without_waiting_cancels() -> None:
    executor, recorder = CoroutinesExecutor(), Recorder()
    executor.start(recorder)
    executor.submit([execution(sleep_long), execution(sleep_long)])
    executor.shutdown(wait=False)
    expected = Outcome(RunState.CANCELLED, "cancelled because Gnomon was shut down")
    assert [outcome for _, outcome in recorder.ends] == [expected, expected]
    late = execution(double, 1)
    executor.submit([late])
    assert recorder.outcome(late) == expected


def test_a_job_may_shut_down_the_executor_that_it_runs_in() -> None:
    executor = CoroutinesExecutor()
    assert outcome_of(executor, execution(executor.shutdown, wait=True)).state is RunState.SUCCEEDED


def test_it_can_be_started_again() -> None:
    executor = CoroutinesExecutor()
    for _ in range(2):
        recorder = Recorder()
        executor.start(recorder)
        run = execution(double, 4)
        executor.submit([run])
        assert recorder.outcome(run).result == 8
        executor.shutdown(wait=True)
