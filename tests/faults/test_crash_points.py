"""Kill -9 at every commit boundary and in between; restart; the ledger accounts for every due time."""

from __future__ import annotations

import json
import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gnomon import Run, RunState, Scheduler, Settings
from tests.faults.ledger_checks import check_ledger, unresolved
from tests.jobs import evidence, starts
from tests.processes import python, wait_until

pytestmark = pytest.mark.slow

JOBS = 5
FAST = {"lease": 0.6, "heartbeat": 0.15}

NODE = """
    import json, os, signal, sys, time
    from tests.faults.test_crash_points import declared

    url, folder, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    scheduler = declared(url, folder, **options["job"])
    left = options["nth"]

    def crash(point):
        global left
        if point == options["point"]:
            left -= 1
            if left == 0:
                os.kill(os.getpid(), signal.SIGKILL)

    scheduler.store.database.boundary = crash
    scheduler.start()
    time.sleep(30)
"""


def declared(url: str, folder: str, *, dies: bool = False, rerun_lost: bool = False) -> Scheduler:
    scheduler = Scheduler(url, timezone="UTC", settings=Settings(**FAST))
    for number in range(JOBS):
        func = die_once if dies else evidence
        scheduler.register(func, "interval", id=f"job {number}", seconds=1, args=(folder,), rerun_lost=rerun_lost)
    return scheduler


def die_once(folder: str) -> None:
    """Leave evidence, and kill the whole process the first time that one of these jobs runs."""
    import os

    evidence(folder)
    try:
        (Path(folder) / "died").touch(exist_ok=False)
    except FileExistsError:
        return
    os.kill(os.getpid(), signal.SIGKILL)


def crash_and_recover(url: str, folder: Path, **options: object) -> Scheduler:
    """Run a node until it kills itself, then another until all that was due is settled."""
    process = python(NODE, url, str(folder), json.dumps({"point": "", "nth": 1, "job": {}, **options}))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors

    scheduler = declared(url, str(folder))
    scheduler.start()
    healed = datetime.now(UTC)
    wait_until(lambda: not unresolved(scheduler, before=healed), what="the settling of what was due before the crash")
    wait_until(lambda: any(run.scheduled_at > healed for run in scheduler.runs(limit=1)), what="a run after the crash")
    scheduler.shutdown()
    return scheduler


def without_given_back(runs: list[Run]) -> list[Run]:
    """Leave out what was claimed when the recovered node was shut down, and given back before it started."""
    return [run for run in runs if not (run.state is RunState.QUEUED and run.started_at is None)]


@pytest.mark.parametrize(
    ("point", "nth"),
    [
        ("declare:commit", 1),  # the jobs are not stored yet
        ("declare:committed", 1),
        ("heartbeat:commit", 2),
        ("claim:begin", 1),
        ("claim:commit", 2),
        ("claim:committed", 1),  # claimed, not handed over
        ("claim:committed", 3),
        ("record:begin", 1),  # handed over, the start not recorded
        ("record:commit", 1),
        ("record:committed", 1),  # recorded as started, not started
        ("record:begin", 2),  # ended, the end not recorded
        ("record:commit", 2),
        ("record:committed", 2),
        ("record:commit", 5),
    ],
)
def test_a_crash_doubles_nothing_and_leaves_no_due_time_without_a_line(
    migrated_url: str, tmp_path: Path, point: str, nth: int
) -> None:
    scheduler = crash_and_recover(migrated_url, tmp_path, point=point, nth=nth)
    runs = check_ledger(scheduler, tmp_path, every=timedelta(seconds=1))
    for run in without_given_back(runs):
        assert run.state in {RunState.SUCCEEDED, RunState.LOST, RunState.COALESCED, RunState.SKIPPED}, run
    scheduler.close()


def test_what_provably_never_started_runs_on_another_node(migrated_url: str, tmp_path: Path) -> None:
    scheduler = crash_and_recover(migrated_url, tmp_path, point="record:begin", nth=1)
    runs = check_ledger(scheduler, tmp_path, every=timedelta(seconds=1))
    assert RunState.LOST not in {run.state for run in runs}
    scheduler.close()


def test_a_run_that_had_started_is_lost_and_does_not_start_again(migrated_url: str, tmp_path: Path) -> None:
    scheduler = crash_and_recover(migrated_url, tmp_path, job={"dies": True})
    runs = check_ledger(scheduler, tmp_path, every=timedelta(seconds=1))
    lost = [run for run in runs if run.state is RunState.LOST]
    assert lost
    assert all("no sign of life" in (run.error or "") for run in lost)
    scheduler.close()


def test_a_run_declared_rerun_lost_starts_again(migrated_url: str, tmp_path: Path) -> None:
    scheduler = crash_and_recover(migrated_url, tmp_path, job={"dies": True, "rerun_lost": True})
    runs = check_ledger(scheduler, tmp_path, every=timedelta(seconds=1), at_least_once=True)
    assert {run.state for run in without_given_back(runs)} <= {RunState.SUCCEEDED, RunState.COALESCED, RunState.SKIPPED}
    again = [run for run in runs if run.attempt > 1]
    assert again
    found = {(job_id, run_id) for job_id, _, _, run_id in starts(tmp_path)}
    assert {(run.job_id, run.id) for run in again} <= found
    scheduler.close()


def test_a_change_killed_before_its_commit_never_was(migrated_url: str, tmp_path: Path) -> None:
    changing = """
        import os, signal, sys
        from tests.faults.test_crash_points import declared
        scheduler = declared(sys.argv[1], sys.argv[2])
        scheduler.start_all_jobs()
        scheduler.store.database.boundary = (
            lambda point: os.kill(os.getpid(), signal.SIGKILL) if point == sys.argv[3] else None
        )
        scheduler.update_job_schedule("job 1", "cron", hour=5)
    """
    scheduler = declared(migrated_url, str(tmp_path))
    scheduler.start_all_jobs()
    for point, changed in (("change:commit", False), ("change:committed", True)):
        process = python(changing, migrated_url, str(tmp_path), point)
        _, errors = process.communicate(timeout=60)
        assert process.returncode == -signal.SIGKILL, errors
        assert (scheduler.get_job("job 1")["trigger"] == "cron") is changed
        assert len(scheduler.changes()) == int(changed)
    scheduler.close()
