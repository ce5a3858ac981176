"""Operators do things to runs while nodes are stopped or die, and several do the same thing at once."""

from __future__ import annotations

import signal
import time
from pathlib import Path

import pytest

from gnomon import RunState, Scheduler
from gnomon.domain.run import Cause
from gnomon.domain.steering import Cancellation
from gnomon.errors import StoreUnavailable
from tests.faults.nodes import Node, declared, node, running
from tests.jobs import nothing, starts
from tests.processes import python, wait_until

pytestmark = pytest.mark.slow


def a_running_run(scheduler: Scheduler) -> int:
    """Of the first job, which takes long."""
    wait_until(lambda: scheduler.runs("job 0", states=[RunState.RUNNING]), what="a run in progress")
    return scheduler.runs("job 0", states=[RunState.RUNNING])[0].id


def stop_outside_of_a_write(other: Node, scheduler: Scheduler) -> None:
    """Stop a node where it holds no lock that others need: those it would keep until the server gives it up."""
    database = scheduler.store.database
    while True:
        other.signal(signal.SIGSTOP)
        try:
            # Twice: what the node had sent before it stopped may have waited for these very locks.
            for _ in range(2):
                time.sleep(0.1)
                with database.transaction("test") as session:
                    for table in ("gnomon_runs", "apscheduler_jobs"):
                        session.execute(f"SELECT id FROM {table} {database.dialect.lock}").all()
        except StoreUnavailable:
            other.signal(signal.SIGCONT)
        else:
            return


def test_a_node_that_was_stopped_ends_what_was_cancelled_meanwhile(migrated_url: str, tmp_path: Path) -> None:
    with node(migrated_url, tmp_path, jobs=1, takes=60, executor="processes", settings={"lease": 60.0}) as stopped:
        watching = declared(migrated_url, tmp_path, jobs=1)
        run_id = a_running_run(watching)
        stop_outside_of_a_write(stopped, watching)
        assert watching.cancel_run(run_id) is Cancellation.ENDING
        assert watching.run(run_id).state is RunState.RUNNING
        stopped.signal(signal.SIGCONT)
        wait_until(lambda: watching.run(run_id).state is RunState.CANCELLED, what="the end of the run")
        watching.close()


@pytest.mark.parametrize("end", [signal.SIGSTOP, signal.SIGKILL])
@pytest.mark.parametrize("rerun_lost", [False, True])
def test_what_was_to_end_on_a_node_that_dies_is_cancelled_and_does_not_run_again(
    migrated_url: str, tmp_path: Path, end: signal.Signals, rerun_lost: bool
) -> None:
    options = {"jobs": 1, "takes": 60, "rerun_lost": rerun_lost}
    with node(migrated_url, tmp_path, **options) as dying:
        watching = declared(migrated_url, tmp_path, **options)
        run_id = a_running_run(watching)
        if end is signal.SIGSTOP:
            stop_outside_of_a_write(dying, watching)
        else:
            dying.kill()
        watching.pause_job("job 0")
        assert watching.cancel_run(run_id) is Cancellation.ASKED
        with running(watching):
            wait_until(lambda: not watching.run(run_id).state.is_active, what="the settling")
            run = watching.run(run_id)
            assert (run.state, run.attempt) == (RunState.CANCELLED, 1)
            assert "showed no sign of life" in (run.error or "")
            assert (run.error or "").endswith("cancelled on request of python")
            if end is signal.SIGSTOP:
                dying.signal(signal.SIGCONT)
                wait_until(lambda: len(watching.store.nodes.alive()) == 2, what="its coming back")
            watching.shutdown(wait=False)
        assert watching.run(run_id).state is RunState.CANCELLED
        assert [start for start in starts(tmp_path) if start[3] == run_id] == [starts(tmp_path)[0]]


def test_a_queued_run_that_a_stopped_node_holds_is_cancelled_at_once_and_never_starts(
    migrated_url: str, tmp_path: Path
) -> None:
    settings = {"lease": 60.0, "threads": 1}
    with node(migrated_url, tmp_path, jobs=2, takes=3, settings=settings) as stopped:
        watching = declared(migrated_url, tmp_path, jobs=2)
        wait_until(
            lambda: [run for run in watching.runs(states=[RunState.QUEUED]) if run.node], what="a run that waits"
        )
        stop_outside_of_a_write(stopped, watching)
        held = [run for run in watching.runs(states=[RunState.QUEUED]) if run.node]
        answers = [watching.cancel_run(run.id) for run in held]
        assert set(answers) == {Cancellation.CANCELLED}
        for job_id in ("job 0", "job 1"):
            watching.pause_job(job_id)
        stopped.signal(signal.SIGCONT)
        wait_until(lambda: not watching.runs(states=[RunState.QUEUED, RunState.RUNNING]), what="the end of all")
        began = {start[3] for start in starts(tmp_path)}
        assert not began & {run.id for run in held}
        watching.close()


_ASKING = """
    import sys
    from gnomon import Scheduler
    from gnomon.errors import ChangeRefused
    url, act, argument = sys.argv[1:]
    scheduler = Scheduler(url)
    scheduler.open()
    print("ready", flush=True)
    sys.stdin.readline()
    try:
        if act == "run":
            print(scheduler.run_job(argument, key="the same"))
        elif act == "cancel":
            print(scheduler.cancel_run(int(argument)).value)
        else:
            print(scheduler.retry_run(int(argument)).attempt)
    except ChangeRefused as refused:
        print("refused")
    scheduler.close()
"""


def asked_at_once(url: str, act: str, argument: str, *, times: int = 4) -> list[str]:
    """What as many processes are told that ask for the same thing at the same moment."""
    processes = [python(_ASKING, url, act, argument, stdin=True) for _ in range(times)]
    for process in processes:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        assert process.stdin is not None
        process.stdin.write("\n")
        process.stdin.flush()
    answers = [process.communicate(timeout=60) for process in processes]
    assert [process.returncode for process in processes] == [0] * times, answers
    return sorted(out.strip() for out, _ in answers)


@pytest.fixture
def scheduler(migrated_url: str) -> Scheduler:
    """With one job that may have many runs, not started."""
    scheduler = Scheduler(migrated_url, timezone="UTC")
    scheduler.register(nothing, "cron", id="job", hour=3, max_instances=100)
    scheduler.start_all_jobs()
    return scheduler


def test_one_key_starts_one_run_however_many_ask_at_once(migrated_url: str, scheduler: Scheduler) -> None:
    answers = asked_at_once(migrated_url, "run", "job")
    (run,) = scheduler.runs("job")
    assert run.cause is Cause.MANUAL
    assert answers == [str(run.id)] * 4
    assert [change.action for change in scheduler.changes("job")] == ["run"]
    scheduler.close()


def test_a_run_is_cancelled_once_however_many_ask_at_once(migrated_url: str, scheduler: Scheduler) -> None:
    run_id = scheduler.run_job("job")
    assert asked_at_once(migrated_url, "cancel", str(run_id)) == ["cancelled"] * 4
    assert [change.action for change in scheduler.changes("job")] == ["cancel", "run"]
    scheduler.close()


def test_a_run_is_tried_again_once_however_many_ask_at_once(migrated_url: str, scheduler: Scheduler) -> None:
    run_id = scheduler.run_job("job")
    scheduler.cancel_run(run_id)
    assert asked_at_once(migrated_url, "retry", str(run_id)) == ["2", "refused", "refused", "refused"]
    assert scheduler.run(run_id).attempt == 2
    assert [change.action for change in scheduler.changes("job")] == ["retry", "cancel", "run"]
    scheduler.close()
