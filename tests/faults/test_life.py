"""Starting, stopping, forking and interrupting a node: nothing hangs, nothing leaks, nothing is forgotten."""

from __future__ import annotations

import gc
import os
import signal
import threading
import time
from pathlib import Path

import pytest
from apscheduler.schedulers import SchedulerAlreadyRunningError

from gnomon import RunState, Scheduler
from tests.faults.ledger_checks import check_ledger
from tests.faults.nodes import SECOND, declared, running, wait_until_settled
from tests.jobs import evidence, starts
from tests.processes import output_of, python, wait_until

pytestmark = pytest.mark.slow


def test_starting_and_stopping_many_times_leaks_neither_threads_nor_files(migrated_url: str, tmp_path: Path) -> None:
    scheduler = declared(migrated_url, tmp_path, settings={"threads": 2})

    def cycle() -> tuple[int, int]:
        with scheduler:
            pass
        gc.collect()
        return threading.active_count(), len(os.listdir("/dev/fd"))

    for _ in range(3):
        first = cycle()
    for _ in range(47 if migrated_url.startswith("sqlite") else 12):
        last = cycle()
    assert last <= first


def test_of_starts_at_the_same_time_one_succeeds(migrated_url: str, tmp_path: Path) -> None:
    scheduler = declared(migrated_url, tmp_path, settings={"threads": 2})
    together = threading.Barrier(6)
    answers: list[type[Exception] | None] = []

    def start() -> None:
        together.wait()
        try:
            scheduler.start()
        except SchedulerAlreadyRunningError as error:
            answers.append(type(error))
        else:
            answers.append(None)

    starting = [threading.Thread(target=start) for _ in range(6)]
    for thread in starting:
        thread.start()
    for thread in starting:
        thread.join()
    assert answers.count(None) == 1
    assert len(scheduler.store.nodes.all()) == 1
    names = [thread.name for thread in threading.enumerate()]
    for once in ("gnomon-lease", "gnomon-recorder", "gnomon-feed", "APScheduler"):
        assert names.count(once) == 1
    scheduler.shutdown()
    scheduler.close()


def test_a_shutdown_that_waits_runs_what_has_started_and_gives_up_the_rest(migrated_url: str, tmp_path: Path) -> None:
    jobs = 400
    scheduler = Scheduler(migrated_url, timezone="UTC")
    for number in range(jobs):
        scheduler.register(
            nap_with_evidence, "interval", id=f"job {number}", seconds=1, args=(str(tmp_path),), max_instances=100
        )
    scheduler.start()
    wait_until(lambda: scheduler.engine.recorder.backlog > jobs / 2, what="a queue")
    scheduler.shutdown(wait=True)
    runs = check_ledger(scheduler, tmp_path, every=SECOND)
    states = {run.state for run in runs}
    assert RunState.RUNNING not in states
    assert RunState.LOST not in states
    queued = [run for run in runs if run.state is RunState.QUEUED]
    assert queued
    assert {run.node for run in queued} == {None}, "nobody else could take them"
    scheduler.close()


def nap_with_evidence(folder: str) -> None:
    """Start, and take a moment."""
    evidence(folder)
    time.sleep(0.05)


def test_a_shutdown_that_does_not_wait_settles_what_still_runs(migrated_url: str, tmp_path: Path) -> None:
    scheduler = declared(migrated_url, tmp_path, takes=1.5)
    scheduler.start()
    wait_until(lambda: scheduler.runs(states=[RunState.RUNNING]), what="a run in progress")
    scheduler.shutdown(wait=False)
    states = {run.state for run in scheduler.runs()}
    assert not states & {RunState.QUEUED, RunState.RUNNING}
    # It can be started again, and what ends late changes nothing.
    lost = {run.id for run in scheduler.runs(states=[RunState.LOST])}
    with running(scheduler):
        wait_until_settled(scheduler)
        scheduler.shutdown()
        check_ledger(scheduler, tmp_path, every=SECOND)
        assert {scheduler.run(run_id).state for run_id in lost} <= {RunState.LOST}


_INTERRUPTED = """
    import sys, time
    from tests.faults.nodes import declared
    with declared(sys.argv[1], sys.argv[2], takes=float(sys.argv[3])):
        print("started", flush=True)
        time.sleep(60)
"""


def test_an_interrupt_at_the_keyboard_shuts_down_in_good_order(migrated_url: str, tmp_path: Path) -> None:
    node = python(_INTERRUPTED, migrated_url, str(tmp_path), "0.2")
    assert node.stdout is not None
    node.stdout.readline()
    wait_until(lambda: starts(tmp_path), what="a start")
    node.send_signal(signal.SIGINT)
    _, errors = node.communicate(timeout=60)
    assert "KeyboardInterrupt" in errors
    scheduler = declared(migrated_url, tmp_path)
    assert {node.state for node in scheduler.store.nodes.all()} == {"stopped"}
    runs = check_ledger(scheduler, tmp_path, every=SECOND)
    assert {run.state for run in runs} <= {RunState.SUCCEEDED, RunState.COALESCED, RunState.SKIPPED, RunState.QUEUED}
    scheduler.close()


def test_who_interrupts_again_does_not_wait_for_a_long_job(migrated_url: str, tmp_path: Path) -> None:
    node = python(_INTERRUPTED, migrated_url, str(tmp_path), "50")
    assert node.stdout is not None
    node.stdout.readline()
    wait_until(lambda: starts(tmp_path), what="a start")
    while node.poll() is None:
        node.send_signal(signal.SIGINT)
        time.sleep(0.2)
    node.communicate(timeout=60)
    with running(declared(migrated_url, tmp_path)) as following:
        wait_until_settled(following)
        following.shutdown()
        runs = check_ledger(following, tmp_path, every=SECOND)
        assert RunState.LOST in {run.state for run in runs}


_WAITING = """
    import os, signal, sys, threading, time
    from tests.faults.nodes import declared
    scheduler = declared(sys.argv[1], sys.argv[2])
    scheduler.start_all_jobs()
    changes = []
    leading, go_on = threading.Event(), threading.Event()

    def hold(point):
        if point == "change:begin":
            leading.set()
            go_on.wait(60)

    def change(number):
        changes.append(scheduler.update_job_schedule(f"job {number}", "cron", hour=number))

    scheduler.store.database.boundary = hold
    others = [threading.Thread(target=change, args=(number,)) for number in (0, 1)]
    others[0].start()
    leading.wait(60)
    # From here on, the next change waits for the first one, and the one after that behind it.
    threading.Timer(0.3, others[1].start).start()
    threading.Timer(0.8, os.kill, (os.getpid(), signal.SIGINT)).start()
    threading.Timer(1.3, go_on.set).start()
    try:
        change(2)
    except KeyboardInterrupt:
        print("interrupted", flush=True)
    go_on.wait(60)
    for other in others:
        other.join()
    change(2)
    print(changes)
    scheduler.close()
"""


def test_who_interrupts_a_change_that_waits_for_others_holds_up_nobody(migrated_url: str, tmp_path: Path) -> None:
    assert output_of(_WAITING, migrated_url, str(tmp_path)) == "interrupted\n[True, True, True]\n"


_FORKING = """
    import logging, os, sys, time
    from tests.faults.nodes import declared, fired_since
    logging.disable(logging.WARNING)
    scheduler = declared(sys.argv[1], sys.argv[2], jobs=20)

    def children(count):
        for number in range(count):
            time.sleep(0.03)
            pid = os.fork()
            if pid == 0:
                code = 1
                try:
                    code = child(number)
                finally:
                    os._exit(code)
            _, status = os.waitpid(pid, 0)
            assert status == 0, f"child {number} ended with {os.waitstatus_to_exitcode(status)}"

    def child(number):
        assert len(scheduler.get_all_jobs()) == 20
        assert not scheduler.engine.running
        assert scheduler.health()["loop"] == "stopped"
        assert scheduler.update_job_schedule("job 0", "interval", minutes=number + 1)
        assert scheduler.get_job("job 0")["trigger_args"]["minutes"] == number + 1
        scheduler.shutdown()
        scheduler.close()
        return 0

    scheduler.start_all_jobs()
    children(5)  # after use, before the start: a web server that forks its workers from a loaded application
    with scheduler:
        name = scheduler.engine.lease.node_id
        children(25)  # while it fires
        assert scheduler.engine.lease.node_id == name, "a child took the parent's node away"
        assert scheduler.health()["status"] == "ok"
        before = scheduler.store.database.now()
        deadline = time.monotonic() + 60
        while not any(run.scheduled_at > before for run in scheduler.runs("job 1")):
            assert time.monotonic() < deadline
            time.sleep(0.05)
    print(len(scheduler.changes()))
    scheduler.close()
"""


def test_forked_children_use_the_store_and_leave_the_parent_alone(migrated_url: str, tmp_path: Path) -> None:
    """SQLite forbids to take a connection over a fork, and remembers locks that the child does not have."""
    assert output_of(_FORKING, migrated_url, str(tmp_path)) == "30\n"


def test_a_child_that_would_run_what_its_parent_runs_is_told_what_to_do(migrated_url: str, tmp_path: Path) -> None:
    said = output_of(
        """
        import os, sys
        from gnomon.errors import GnomonError
        from tests.faults.nodes import declared
        with declared(sys.argv[1], sys.argv[2]) as scheduler:
            pid = os.fork()
            if pid == 0:
                try:
                    scheduler.start()
                except GnomonError as error:
                    print(error, flush=True)
                # A scheduler of its own does.
                with declared(sys.argv[1], sys.argv[2]) as own:
                    print(own.engine.running, flush=True)
                os._exit(0)
            os.waitpid(pid, 0)
        """,
        migrated_url,
        str(tmp_path),
    )
    assert "make another Scheduler" in said
    assert said.endswith("True\n")


def test_a_job_that_forks_is_no_second_node(migrated_url: str, tmp_path: Path) -> None:
    said = output_of(
        """
        import os, sys, time
        from gnomon import Scheduler
        def fork():
            pid = os.fork()
            if pid == 0:
                os._exit(0)
            os.waitpid(pid, 0)
        scheduler = Scheduler(sys.argv[1], timezone="UTC")
        scheduler.register(fork, "interval", id="forking", hours=1)
        with scheduler:
            scheduler.run_job("forking")
            deadline = time.monotonic() + 60
            while not scheduler.runs() or scheduler.runs()[-1].finished_at is None:
                assert time.monotonic() < deadline
                time.sleep(0.05)
        print("succeeded" in {run.state.value for run in scheduler.runs()}, len(scheduler.store.nodes.all()))
        scheduler.close()
        """,
        migrated_url,
    )
    assert said == "True 1\n"
