"""Operators, readers and nodes at the same time: what was acknowledged holds, and nobody waits for the loop."""

from __future__ import annotations

import json
import random
import threading
import time
from collections import defaultdict
from collections.abc import Callable
from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from gnomon import RunState, Scheduler
from gnomon.domain.run import Cause
from gnomon.errors import ChangeRefused
from tests.faults.nodes import SECOND, declared, running
from tests.jobs import nothing
from tests.processes import python, wait_until

pytestmark = pytest.mark.slow


def at_once(count: int, work: Callable[[int], Any]) -> list[Any]:
    """Run ``work(0)`` to ``work(count - 1)`` in threads that begin together; return what they returned."""
    together = threading.Barrier(count)
    results: list[Any] = [None] * count

    def one(number: int) -> None:
        together.wait()
        try:
            results[number] = work(number)
        except Exception as error:
            results[number] = error

    threads = [threading.Thread(target=one, args=(number,)) for number in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_a_pause_holds_from_the_moment_that_it_is_acknowledged(migrated_url: str, tmp_path: Path) -> None:
    """However close to a due time it comes, in this process or another."""
    jobs, rounds = 10, 2
    elsewhere = declared(migrated_url, tmp_path, jobs=jobs)
    with running(declared(migrated_url, tmp_path, jobs=jobs)) as scheduler:
        now = scheduler.store.database.now
        paused: dict[str, list[tuple[datetime, datetime]]] = defaultdict(list)

        def pause(number: int) -> None:
            job_id = f"job {number}"
            operator = scheduler if number % 2 else elsewhere
            due = datetime.fromisoformat(operator.get_job(job_id)["next_run_time"])
            wait = (due - now()) / SECOND + random.uniform(-0.03, 0.03)
            time.sleep(max(wait, 0))
            operator.pause_job(job_id)
            acknowledged = now()
            time.sleep(1.2)
            until = now()
            operator.resume_job(job_id)
            paused[job_id].append((acknowledged, until))

        for _ in range(rounds):
            assert at_once(jobs, pause) == [None] * jobs
        scheduler.shutdown()
        for job_id, spans in paused.items():
            assert len(spans) == rounds
            for run in scheduler.runs(job_id, limit=1_000):
                for acknowledged, until in spans:
                    assert not acknowledged < run.scheduled_at < until, f"{run} while paused"
    elsewhere.close()


def test_one_click_of_many_at_once_runs_a_job_of_which_one_may_run(migrated_url: str, tmp_path: Path) -> None:
    operators = [declared(migrated_url, tmp_path, jobs=1) for _ in range(2)]
    operators[0].start_all_jobs()
    operators[0].pause_job("job 0")
    for _ in range(3):
        answers = at_once(8, lambda number: operators[number % 2].run_job("job 0"))
        accepted = [answer for answer in answers if isinstance(answer, int)]
        assert len(accepted) == 1, answers
        assert all(isinstance(answer, (int, ChangeRefused)) for answer in answers), answers
        with running(declared(migrated_url, tmp_path, jobs=1)) as node:
            wait_until(lambda: not node.runs(states=[RunState.QUEUED, RunState.RUNNING]), what="its end")
    runs = [run for run in operators[0].runs() if run.cause is Cause.MANUAL]
    assert [run.state for run in runs] == [RunState.SUCCEEDED] * 3
    for operator in operators:
        operator.close()


_OPERATOR = """
    import json, sys
    from tests.faults.test_concurrency import edit
    from tests.faults.nodes import declared
    scheduler = declared(sys.argv[1], sys.argv[2], settings={"lock_timeout": 30})
    print(json.dumps([edit(scheduler, int(sys.argv[3]), number) for number in range(40)]))
    scheduler.close()
"""


def edit(scheduler: Scheduler, who: int, number: int) -> bool:
    """Make a change that no other of these makes."""
    job_id = f"job {number % 3}"
    return scheduler.update_job_schedule(job_id, "interval", seconds=1, jitter=1 + who * 1_000 + number)


def test_no_edit_of_many_is_lost_or_torn_while_the_jobs_fire(migrated_url: str, tmp_path: Path) -> None:
    """Each change is written onto the one before it, and readers see none but those that were made."""
    threads, processes = 8, 2
    with running(declared(migrated_url, tmp_path, settings={"lock_timeout": 30})) as scheduler:
        others = [python(_OPERATOR, migrated_url, str(tmp_path), str(10 + number)) for number in range(processes)]
        seen: set[int] = set()
        sources: set[str] = set()
        done = threading.Event()

        def read() -> None:
            reader = declared(migrated_url, tmp_path)
            while not done.is_set():
                for job in reader.get_all_jobs():
                    seen.add(job["trigger_args"].get("jitter") or 0)
                    sources.add(job["source"])
            reader.close()

        reading = threading.Thread(target=read)
        reading.start()
        answers = [sum(made) for made in at_once(threads, lambda who: [edit(scheduler, who, n) for n in range(20)])]
        for other in others:
            out, errors = other.communicate(timeout=60)
            assert other.returncode == 0, errors
            answers.append(sum(json.loads(out)))
        done.set()
        reading.join()
        changes = scheduler.changes(limit=10_000)
        assert len(changes) == sum(answers) == threads * 20 + processes * 40
        for job in scheduler.get_all_jobs():
            own = [change for change in reversed(changes) if change.job_id == job["id"]]
            for earlier, later in pairwise(own):
                assert later.before["trigger_args"] == earlier.after["trigger_args"], "an edit was overwritten unseen"
            assert own[-1].after["trigger_args"] == job["trigger_args"]
        assert seen <= {0} | {change.after["trigger_args"]["jitter"] for change in changes}
        assert sources <= {"code", "override"}, "a state was seen that never stood"


def test_readers_do_not_wait_for_who_writes(migrated_url: str, tmp_path: Path) -> None:
    scheduler = declared(migrated_url, tmp_path)
    scheduler.start_all_jobs()
    with scheduler.store.database.transaction("held") as session:
        session.execute("UPDATE apscheduler_jobs SET next_run_time = next_run_time + 1")

        def read(number: int) -> int:
            reader = declared(migrated_url, tmp_path) if number % 2 else scheduler
            try:
                return len(reader.get_all_jobs()) + len([reader.get_job("job 1")]) + len(reader.runs())
            finally:
                if reader is not scheduler:
                    reader.close()

        # In threads of their own: they are not part of the transaction that is held here until all have read.
        assert at_once(6, read) == [4] * 6
    scheduler.close()


def test_readers_are_served_while_a_burst_is_claimed(migrated_url: str) -> None:
    jobs = 2_000
    with_burst = Scheduler(migrated_url, timezone="UTC")
    due = with_burst.store.database.now() + timedelta(seconds=4)
    for number in range(jobs):
        with_burst.register(nothing, "date", id=f"job {number}", run_date=due)
    reads = 0
    with running(with_burst):
        wait_until(lambda: with_burst.runs(limit=1), what="the burst")
        while len(with_burst.runs(states=[RunState.SUCCEEDED], limit=jobs)) < jobs:
            assert len(with_burst.get_all_jobs()) == jobs
            reads += 1
    assert reads, "no reader came through before the burst was over"


def test_nodes_of_a_new_version_that_start_at_the_same_time_all_start(store_url: str, tmp_path: Path) -> None:
    """The file does not exist yet, or the tables are empty: each finds the same jobs missing."""
    if not store_url.startswith("sqlite"):
        first = Scheduler(store_url)
        first._store.upgrade()
        first.close()
    starting = """
        import sys
        from tests.faults.nodes import declared
        scheduler = declared(sys.argv[1], sys.argv[2], jobs=50)
        with scheduler:
            pass
    """
    nodes = [python(starting, store_url, str(tmp_path)) for _ in range(4)]
    for node in nodes:
        _, errors = node.communicate(timeout=100)
        assert node.returncode == 0, errors
    schedulers = [declared(store_url, tmp_path, jobs=200) for _ in range(4)]
    answers = at_once(4, lambda number: schedulers[number].start_all_jobs())
    assert sorted(len(answer) for answer in answers) == [0, 0, 0, 150], answers
    assert {job["source"] for job in schedulers[0].get_all_jobs()} == {"code"}
    for scheduler in schedulers:
        scheduler.close()


def test_starts_and_stops_and_changes_never_wait_for_each_other_in_a_circle(migrated_url: str, tmp_path: Path) -> None:
    scheduler = declared(migrated_url, tmp_path)
    scheduler.start_all_jobs()
    done = threading.Event()
    failed: list[bool] = []

    def change() -> None:
        count = 0
        while not done.is_set():
            count += 1
            if not scheduler.update_job_schedule("job 0", "interval", minutes=1 + count % 50):
                failed.append(False)

    changing = [threading.Thread(target=change, daemon=True) for _ in range(2)]
    for thread in changing:
        thread.start()

    def start_and_stop() -> None:
        for _ in range(15):
            scheduler.start()
            scheduler.engine.get_jobs()
            scheduler.shutdown()

    starting = threading.Thread(target=start_and_stop, daemon=True)
    starting.start()
    starting.join(60)
    done.set()
    for thread in changing:
        thread.join(60)
    assert not starting.is_alive(), "start or shutdown waits for ever"
    assert not any(thread.is_alive() for thread in changing), "a change waits for ever"
    assert failed == []
    scheduler.close()
