"""Jobs in threads of this process."""

from __future__ import annotations

import threading
import time

import pytest

from gnomon.domain.run import RunState
from gnomon.executors import Execution, Executor, ThreadsExecutor, current_run
from gnomon.executors.contract import Outcome
from tests.unit.executors.recording import PATIENCE, Recorder, eventually, execution, outcome_of, running


def nothing() -> None:
    """Returns at once."""


def work_off(executor: Executor, recorder: Recorder, runs: list[Execution]) -> None:
    """Submit as much as is free, as the engine does, until all have ended."""
    at = 0
    while at < len(runs):
        room = executor.free()
        if room:
            executor.submit(runs[at : at + room])
            at += room
        else:
            ended = len(recorder.ends)
            recorder.wait_until(lambda ended=ended: len(recorder.ends) > ended or executor.free() > 0)  # type: ignore[misc]
    recorder.wait_until(lambda: len(recorder.ends) == len(runs))


def test_a_run_is_told_as_ended_with_what_it_returned() -> None:
    outcome = outcome_of(ThreadsExecutor(), execution(divmod, 7, 2))
    assert outcome == Outcome(RunState.SUCCEEDED, result=(3, 1))


def test_a_burst_of_ten_thousand_is_told_as_ended_once_each() -> None:
    executor = ThreadsExecutor()
    with running(executor) as recorder:
        runs = [execution(nothing) for _ in range(10_000)]
        work_off(executor, recorder, runs)
    assert sorted(run_id for run_id, _ in recorder.ends) == [run.run_id for run in runs]
    assert {outcome.state for _, outcome in recorder.ends} == {RunState.SUCCEEDED}


def test_one_worker_keeps_the_order() -> None:
    executor = ThreadsExecutor(workers=1)
    with running(executor) as recorder:
        runs = [execution(nothing) for _ in range(300)]
        work_off(executor, recorder, runs)
    assert [run_id for run_id, _ in recorder.ends] == [run.run_id for run in runs]


def test_as_many_runs_as_there_are_workers_run_at_once() -> None:
    together = threading.Barrier(10, timeout=PATIENCE)
    executor = ThreadsExecutor(workers=10)
    with running(executor) as recorder:
        runs = [execution(together.wait) for _ in range(10)]
        executor.submit(runs)
        assert all(recorder.outcome(run).state is RunState.SUCCEEDED for run in runs)


def test_runs_that_block_have_all_workers_after_a_burst_of_short_ones_too() -> None:
    together = threading.Barrier(10, timeout=PATIENCE)
    executor = ThreadsExecutor(workers=10)
    with running(executor) as recorder:
        work_off(executor, recorder, [execution(nothing) for _ in range(500)])
        runs = [execution(together.wait) for _ in range(10)]
        executor.submit(runs)
        assert all(recorder.outcome(run).state is RunState.SUCCEEDED for run in runs)


def test_at_first_no_more_is_free_than_there_are_workers() -> None:
    executor = ThreadsExecutor(workers=7)
    with running(executor):
        assert executor.free() == 7


def test_short_runs_open_the_window_up_to_its_limit() -> None:
    executor = ThreadsExecutor()
    largest = 0
    with running(executor) as recorder:
        for _ in range(20):  # on a machine that is busy, the last few of a burst may have looked long
            recorder.ends.clear()
            work_off(executor, recorder, [execution(nothing) for _ in range(500)])
            largest = max(largest, executor.free())
    assert 10 < largest <= 512


def test_long_runs_never_wait_for_a_worker() -> None:
    executor = ThreadsExecutor(workers=3)
    go_on = threading.Event()
    with running(executor) as recorder:
        # Two runs that take long close the window that many short ones have opened.
        work_off(executor, recorder, [execution(nothing) for _ in range(500)])
        slow = [execution(time.sleep, 0.3) for _ in range(2)]
        executor.submit(slow)
        for run in slow:
            recorder.outcome(run)
        assert eventually(lambda: executor.free() == 3)
        executor.submit([execution(go_on.wait, PATIENCE)])
        assert executor.free() == 2
        executor.submit([execution(go_on.wait, PATIENCE) for _ in range(2)])
        assert executor.free() == 0
        go_on.set()
        recorder.wait_until(lambda: len(recorder.ends) == 505)
        assert executor.free() == 3


def test_workers_that_are_stuck_do_not_count_for_the_window() -> None:
    executor = ThreadsExecutor(workers=3)
    go_on = threading.Event()
    with running(executor) as recorder:
        work_off(executor, recorder, [execution(nothing) for _ in range(500)])
        executor.submit([execution(go_on.wait, PATIENCE) for _ in range(3)])
        assert eventually(lambda: executor.free() == 0)
        go_on.set()


def test_a_run_that_waits_is_withdrawn_by_cancel() -> None:
    executor = ThreadsExecutor(workers=1)
    go_on = threading.Event()
    with running(executor) as recorder:
        first, second = execution(go_on.wait, PATIENCE), execution(nothing)
        executor.submit([first, second])
        assert executor.cancel(second.run_id)
        assert recorder.outcome(second) == Outcome(RunState.CANCELLED, "cancelled on request")
        go_on.set()
        recorder.outcome(first)


def test_a_run_that_has_begun_is_asked_to_end() -> None:
    begun = threading.Event()

    def job() -> None:
        begun.set()
        while not current_run().cancelled:
            time.sleep(0.001)

    executor = ThreadsExecutor()
    with running(executor) as recorder:
        run = execution(job)
        executor.submit([run])
        assert begun.wait(PATIENCE)
        assert executor.cancel(run.run_id)
        assert recorder.outcome(run).state is RunState.CANCELLED


def test_cancelling_what_is_not_here_is_refused() -> None:
    executor = ThreadsExecutor()
    with running(executor):
        assert not executor.cancel(12345)


def test_shutdown_with_waiting_works_off_what_was_submitted() -> None:
    executor, recorder = ThreadsExecutor(workers=2), Recorder()
    executor.start(recorder)
    executor.submit([execution(time.sleep, 0.01) for _ in range(6)])
    executor.shutdown(wait=True)
    assert [outcome.state for _, outcome in recorder.ends] == [RunState.SUCCEEDED] * 6


def test_shutdown_without_waiting_tells_what_did_not_begin_as_cancelled() -> None:
    executor, recorder = ThreadsExecutor(workers=1), Recorder()
    begun, go_on = threading.Event(), threading.Event()
    executor.start(recorder)

    def job() -> None:
        begun.set()
        go_on.wait(PATIENCE)

    first, second = execution(job), execution(nothing)
    executor.submit([first, second])
    assert begun.wait(PATIENCE)
    executor.shutdown(wait=False)
    assert recorder.ends == [
        (second.run_id, Outcome(RunState.CANCELLED, "cancelled because Gnomon was shut down")),
    ]
    go_on.set()
    assert recorder.outcome(first).state is RunState.SUCCEEDED


def test_what_is_submitted_after_shutdown_is_told_as_cancelled() -> None:
    executor, recorder = ThreadsExecutor(), Recorder()
    executor.start(recorder)
    executor.shutdown(wait=True)
    executor.shutdown(wait=True)
    run = execution(nothing)
    executor.submit([run])
    assert recorder.outcome(run).state is RunState.CANCELLED
    assert executor.free() == 0


def test_it_can_be_started_again() -> None:
    executor = ThreadsExecutor()
    for _ in range(2):
        with running(executor) as recorder:
            run = execution(nothing)
            executor.submit([run])
            assert recorder.outcome(run).state is RunState.SUCCEEDED
            executor.shutdown(wait=True)


def test_a_job_may_shut_down_the_executor_that_it_runs_in() -> None:
    executor = ThreadsExecutor()
    assert outcome_of(executor, execution(executor.shutdown, wait=True)).state is RunState.SUCCEEDED


def test_output_and_progress_come_before_the_end(capsys: pytest.CaptureFixture[str]) -> None:
    def job() -> None:
        print("half a line", end="")
        current_run().progress(1)
        current_run().progress(2)

    executor = ThreadsExecutor()
    with running(executor) as recorder:
        run = execution(job)
        executor.submit([run])
        recorder.outcome(run)
        assert recorder.writes == [("stdout", "half a line")]
        assert recorder.progress[-1] == (2, None)
    assert capsys.readouterr().out == "half a line"


def test_a_receiver_that_fails_does_not_end_the_workers(caplog: pytest.LogCaptureFixture) -> None:
    class Broken(Recorder):
        def finished(self, execution: Execution, outcome: Outcome) -> None:
            super().finished(execution, outcome)
            raise RuntimeError("no")

    executor, recorder = ThreadsExecutor(workers=1), Broken()
    executor.start(recorder)
    for _ in range(2):
        run = execution(nothing)
        executor.submit([run])
        recorder.outcome(run)
    executor.shutdown(wait=True)
    assert "could not be told" in caplog.text
