"""Adding jobs from many processes at once, and from one that dies."""

from __future__ import annotations

import json
import signal
from pathlib import Path

import pytest

from gnomon import RunState, Scheduler, Settings
from tests import tasks
from tests.faults.nodes import FAST, running
from tests.processes import python, wait_until

pytestmark = pytest.mark.slow

ADD = """
    import json, os, signal, sys
    from gnomon import Scheduler
    from gnomon.errors import JobExists
    from tests import tasks
    url, ids, name, dies_at = sys.argv[1], json.loads(sys.argv[2]), sys.argv[3], sys.argv[4]
    scheduler = Scheduler(url, timezone="UTC")
    scheduler.task(tasks.keep)
    scheduler.open()
    def crash(point):
        if point == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
    print("ready", flush=True)
    scheduler.store.database.boundary = crash
    for job_id in ids:
        try:
            scheduler.add_job(job_id, "keep", "interval", seconds=1, kwargs={"folder": name, "given": name})
            print(f"added {job_id}", flush=True)
        except JobExists:
            print(f"refused {job_id}", flush=True)
    if dies_at == "acknowledged":
        os.kill(os.getpid(), signal.SIGKILL)
"""


def test_of_two_processes_that_add_the_same_ids_one_wins_each(migrated_url: str) -> None:
    ids = [f"tenant {number}" for number in range(25)]
    processes = {name: python(ADD, migrated_url, json.dumps(ids), name, "never") for name in ("one", "two", "three")}
    told = {}
    for name, process in processes.items():
        out, errors = process.communicate(timeout=90)
        assert process.returncode == 0, errors
        told[name] = out.splitlines()

    scheduler = Scheduler(migrated_url, timezone="UTC")
    for job_id in ids:
        (winner,) = [name for name, lines in told.items() if f"added {job_id}" in lines]
        assert sum(f"refused {job_id}" in lines for lines in told.values()) == 2
        assert scheduler.get_job(job_id)["kwargs"]["given"] == winner
        assert [change.action for change in scheduler.changes(job_id)] == ["add"]
    scheduler.close()


def test_one_that_was_acknowledged_survives_a_kill_and_fires(migrated_url: str, tmp_path: Path) -> None:
    process = python(ADD, migrated_url, json.dumps(["acme"]), str(tmp_path), "acknowledged")
    out, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    assert out.splitlines() == ["ready", "added acme"]

    scheduler = Scheduler(migrated_url, timezone="UTC", settings=Settings(**FAST))
    scheduler.task(tasks.keep)
    with running(scheduler):
        assert scheduler.get_job("acme")["kwargs"] == {"folder": str(tmp_path), "given": str(tmp_path)}
        wait_until(lambda: scheduler.runs("acme", states=[RunState.SUCCEEDED]), what="its first run")
    assert [given for given, _ in tasks.left_in(tmp_path)][:1] == [str(tmp_path)]


@pytest.mark.parametrize("point", ["add:commit", "add:committed"])
def test_killed_at_the_commit_it_is_there_whole_or_not_at_all(migrated_url: str, tmp_path: Path, point: str) -> None:
    process = python(ADD, migrated_url, json.dumps(["acme"]), str(tmp_path), point)
    out, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors
    assert out.splitlines() == ["ready"]

    scheduler = Scheduler(migrated_url, timezone="UTC")
    is_there = point == "add:committed"
    assert [job["id"] for job in scheduler.get_all_jobs()] == (["acme"] if is_there else [])
    assert [change.action for change in scheduler.changes()] == (["add"] if is_there else [])
    assert len(scheduler.store.records.bases()) == is_there
    scheduler.close()
