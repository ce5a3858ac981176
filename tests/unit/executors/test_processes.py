"""Jobs in processes of their own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from gnomon.domain.run import RunState
from gnomon.executors import Execution, Outcome, ProcessesExecutor
from tests.unit.executors import jobs
from tests.unit.executors.recording import DUE, Recorder, eventually, execution, outcome_of, running


class Workshop:
    """One executor with one worker for all tests of this module: a new interpreter costs a good part of a second."""

    def __init__(self) -> None:
        self.executor = ProcessesExecutor(workers=1, grace=0.2)
        self.recorder = Recorder()
        self.executor.start(self.recorder)

    def submit(self, run: Execution) -> Execution:
        self.recorder.writes.clear()
        self.recorder.progress.clear()
        self.executor.submit([run])
        return run

    def outcome(self, func: Callable[..., Any], *args: Any, timeout: float | None = None) -> Outcome:
        return self.recorder.outcome(self.submit(execution(func, *args, timeout=timeout)))

    def wait_for_output(self, text: str) -> None:
        self.recorder.wait_until(lambda: text in self.recorder.output("stdout"))


@pytest.fixture(scope="module")
def shop() -> Iterator[Workshop]:
    workshop = Workshop()
    yield workshop
    workshop.executor.shutdown(wait=True)


def error_of(outcome: Outcome) -> str:
    assert outcome.error is not None
    return outcome.error


def test_a_function_runs_in_another_process(shop: Workshop) -> None:
    outcome = shop.outcome(jobs.process_id)
    assert outcome.state is RunState.SUCCEEDED
    assert outcome.result not in (None, os.getpid())


def test_the_worker_serves_one_run_after_the_other(shop: Workshop) -> None:
    assert shop.outcome(jobs.process_id).result == shop.outcome(jobs.process_id).result
    assert shop.outcome(jobs.add, 1, 2).result == 3


def test_the_run_is_known_inside_and_what_it_tells_comes_back(shop: Workshop) -> None:
    run = shop.submit(execution(jobs.tell))
    outcome = shop.recorder.outcome(run)
    assert outcome.result == (run.run_id, "report", 2, DUE.isoformat())
    assert shop.recorder.progress == [(1, 4)]
    assert shop.recorder.output("stdout") == "printed\n"
    assert shop.recorder.output("stderr") == "complained\n"
    assert [line[8:] for line in shop.recorder.output("log").splitlines()] == [
        " INFO gnomon.job.report: logged politely",
        " WARNING elsewhere: warned",
    ]


def test_output_is_bounded(shop: Workshop) -> None:
    shop.outcome(jobs.print_much, 4000)
    assert len(shop.recorder.output("stdout")) == 256 * 1024
    assert shop.recorder.output("log") == "\n… 137,856 bytes more were not kept\n"


def test_a_function_that_raises_has_failed_with_its_traceback_and_not_ours(shop: Workshop) -> None:
    outcome = shop.outcome(jobs.fail)
    assert outcome.state is RunState.FAILED
    assert isinstance(outcome.exception, ValueError)
    lines = error_of(outcome).splitlines()
    assert lines[-1] == "ValueError: no such report"
    assert "in fail" in lines[1]


def test_what_cannot_be_pickled_on_its_way_back_is_left_out(shop: Workshop) -> None:
    outcome = shop.outcome(jobs.fail_pickily)
    assert (outcome.state, outcome.exception) == (RunState.FAILED, None)
    assert error_of(outcome).endswith("picky")
    assert shop.outcome(jobs.unpicklable) == Outcome(RunState.SUCCEEDED)


def test_sys_exit_fails_the_run_and_leaves_the_worker(shop: Workshop) -> None:
    before = shop.outcome(jobs.process_id).result
    assert shop.outcome(jobs.exit_with, 0).state is RunState.FAILED
    assert shop.outcome(jobs.process_id).result == before


def test_a_function_that_cannot_be_imported_is_refused(shop: Workshop) -> None:
    outcome = shop.outcome(lambda: None)
    assert outcome.state is RunState.FAILED
    assert "importable at module level" in error_of(outcome)


def test_a_function_that_the_worker_does_not_find_is_a_failure(shop: Workshop, monkeypatch: pytest.MonkeyPatch) -> None:
    def only_here() -> None: ...

    only_here.__qualname__ = "only_here"
    monkeypatch.setattr(jobs, "only_here", only_here, raising=False)
    only_here.__module__ = jobs.__name__
    outcome = shop.outcome(only_here)
    assert outcome.state is RunState.FAILED
    assert "only_here" in error_of(outcome)
    assert error_of(outcome).endswith("the worker process could not load the function or its arguments")
    assert shop.outcome(jobs.add, 1, 1).result == 2


def test_a_worker_that_is_killed_fails_its_run_and_is_replaced(shop: Workshop) -> None:
    outcome = shop.outcome(jobs.kill_itself)
    assert outcome == Outcome(RunState.FAILED, "the worker process died with signal 9 (SIGKILL)")
    assert shop.recorder.output("stdout") == "about to die\n"
    assert shop.outcome(jobs.add, 1, 1).result == 2


def test_a_worker_that_leaves_fails_its_run(shop: Workshop) -> None:
    assert error_of(shop.outcome(jobs.die_with, 3)) == "the worker process ended itself with exit code 3"


def test_a_worker_that_died_while_idle_is_replaced_without_a_failure(shop: Workshop) -> None:
    worker = shop.outcome(jobs.process_id).result
    os.kill(worker, signal.SIGKILL)
    assert eventually(lambda: not jobs.is_alive(worker))
    assert shop.outcome(jobs.add, 1, 1).result == 2


def test_a_run_that_takes_too_long_is_ended_and_may_tidy_up(shop: Workshop, tmp_path: Path) -> None:
    evidence = tmp_path / "evidence"
    outcome = shop.outcome(jobs.sleep, 60, str(evidence), timeout=0.05)
    assert outcome == Outcome(RunState.TIMED_OUT, "timed out after 0.05 s")
    assert evidence.read_text() == "tidied up"
    assert shop.recorder.output("stdout") == "asleep\ntidied up\n"
    assert shop.outcome(jobs.add, 1, 1).result == 2


def test_a_run_that_ignores_the_end_is_killed(shop: Workshop) -> None:
    worker = shop.outcome(jobs.process_id).result
    assert shop.outcome(jobs.ignore_the_end, timeout=0.05).state is RunState.TIMED_OUT
    assert eventually(lambda: not jobs.is_alive(worker)), "it goes on, though its run is said to have ended"


def test_what_a_job_has_started_ends_with_it(shop: Workshop, tmp_path: Path) -> None:
    evidence = tmp_path / "child"
    run = shop.submit(execution(jobs.leave_a_child, str(evidence)))
    shop.wait_for_output("has a child")
    child = int(evidence.read_text())
    assert jobs.is_alive(child)
    assert shop.executor.cancel(run.run_id)
    assert shop.recorder.outcome(run) == Outcome(RunState.CANCELLED, "cancelled on request")
    assert eventually(lambda: not jobs.is_alive(child))


def test_a_run_is_cancelled(shop: Workshop) -> None:
    run = shop.submit(execution(jobs.sleep, 60))
    assert shop.executor.free() == 0
    shop.wait_for_output("asleep")
    assert shop.executor.cancel(run.run_id)
    assert shop.recorder.outcome(run).state is RunState.CANCELLED
    assert not shop.executor.cancel(run.run_id)
    assert shop.executor.free() == 1


def test_a_job_may_use_multiprocessing(shop: Workshop) -> None:
    assert shop.outcome(jobs.have_a_child_by_multiprocessing).result == 3


def test_nothing_is_started_before_there_is_work() -> None:
    executor = ProcessesExecutor()
    with running(executor) as recorder:
        assert executor.free() == 2
    assert recorder.ends == []


def test_shutdown_with_waiting_lets_runs_end() -> None:
    executor, recorder = ProcessesExecutor(workers=1), Recorder()
    executor.start(recorder)
    executor.submit([execution(jobs.sleep, 0.01)])
    executor.shutdown(wait=True)
    assert [outcome.state for _, outcome in recorder.ends] == [RunState.SUCCEEDED]


def test_shutdown_without_waiting_ends_runs_and_tells_it() -> None:
    executor, recorder = ProcessesExecutor(workers=1), Recorder()
    executor.start(recorder)
    executor.submit([execution(jobs.sleep, 60)])
    recorder.wait_until(lambda: recorder.output("stdout") == "asleep\n")
    executor.shutdown(wait=False)
    expected = Outcome(RunState.CANCELLED, "cancelled because Gnomon was shut down")
    assert [outcome for _, outcome in recorder.ends] == [expected]
    assert outcome_after_shutdown(executor, recorder) == expected


def outcome_after_shutdown(executor: ProcessesExecutor, recorder: Recorder) -> Outcome:
    run = execution(jobs.nothing)
    executor.submit([run])
    return recorder.outcome(run)


def test_it_can_be_started_again() -> None:
    executor = ProcessesExecutor(workers=1)
    for _ in range(2):
        recorder = Recorder()
        executor.start(recorder)
        run = execution(jobs.add, 1, 2)
        executor.submit([run])
        assert recorder.outcome(run).result == 3
        executor.shutdown(wait=True)


def test_a_worker_whose_parent_died_ends_itself(tmp_path: Path) -> None:
    evidence = tmp_path / "child"
    program = (
        "import sys, threading\n"
        "from gnomon.executors import ProcessesExecutor\n"
        "from tests.unit.executors import jobs\n"
        "from tests.unit.executors.recording import Recorder, execution\n"
        "executor = ProcessesExecutor()\n"
        "executor.start(Recorder())\n"
        f"executor.submit([execution(jobs.leave_a_child, {str(evidence)!r})])\n"
        "threading.Event().wait()\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    parent = subprocess.Popen([sys.executable, "-c", program], env=environment)
    assert eventually(lambda: evidence.exists() and evidence.read_text() != "")
    child = int(evidence.read_text())
    assert jobs.is_alive(child)
    parent.kill()
    parent.wait()
    assert eventually(lambda: not jobs.is_alive(child))


def test_a_script_that_would_start_a_scheduler_in_each_worker_is_told_what_it_lacks(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "from gnomon.executors import ProcessesExecutor, is_coming_up\n"
        "from tests.unit.executors import jobs\n"
        "from tests.unit.executors.recording import execution, outcome_of\n"
        "if is_coming_up():\n"
        "    raise SystemExit('refused')\n"
        "print(outcome_of(ProcessesExecutor(), execution(jobs.nothing)).error)\n"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, str(script)], env=environment, capture_output=True, text=True)
    assert done.stdout.startswith("the worker process ended itself with exit code 1 before it called the function")
    assert '`if __name__ == "__main__":`' in done.stdout
    assert done.stderr.count("refused") == 2


def test_a_coroutine_function_is_refused_with_the_remedy() -> None:
    assert "executor='asyncio'" in error_of(outcome_of(ProcessesExecutor(workers=1), execution(jobs.coroutine)))
