"""Kill -9 at every commit boundary and in between; restart; the ledger accounts for every due time."""

from __future__ import annotations

import contextlib
import json
import re
import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from gnomon import Run, RunState, Scheduler, Settings
from gnomon.domain.crontab_file import CrontabOrigin, parse
from gnomon.errors import ChangeRefused, JobNotFound
from gnomon.store import Store
from gnomon.store.schema import HEAD
from tests.faults.ledger_checks import check_ledger, unresolved
from tests.jobs import evidence, nothing, starts
from tests.processes import ROOT, python, wait_until

pytestmark = pytest.mark.slow

SOURCE = ROOT / "src" / "gnomon"
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


def crash(url: str, folder: Path, **options: object) -> None:
    """Run a node until it kills itself."""
    process = python(NODE, url, str(folder), json.dumps({"point": "", "nth": 1, "job": {}, **options}))
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors


def crash_and_recover(url: str, folder: Path, **options: object) -> Scheduler:
    """Run a node until it kills itself, then another until all that was due is settled."""
    crash(url, folder, **options)
    return recover(url, folder)


def recover(url: str, folder: Path) -> Scheduler:
    """Run a node until all that was due is settled."""
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


POINTS_OF_A_NODE = [
    ("declare:commit", 1),  # the jobs are not stored yet
    ("declare:committed", 1),
    ("heartbeat:commit", 2),
    ("heartbeat:committed", 2),
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
    ("prune:commit", 1),
    ("prune:committed", 1),
]
POINTS_OF_A_SWEEP = ["sweep:begin", "sweep:commit", "sweep:committed"]


@pytest.mark.parametrize(("point", "nth"), POINTS_OF_A_NODE)
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


@pytest.mark.parametrize("point", POINTS_OF_A_SWEEP)
def test_a_node_that_dies_while_it_settles_what_a_dead_node_left_is_followed_by_one_that_does(
    migrated_url: str, tmp_path: Path, point: str
) -> None:
    crash(migrated_url, tmp_path, job={"dies": True})
    crash(migrated_url, tmp_path, point=point)
    scheduler = recover(migrated_url, tmp_path)
    runs = check_ledger(scheduler, tmp_path, every=timedelta(seconds=1))
    assert RunState.LOST in {run.state for run in runs}
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


_OPERATOR = """
    import os, signal, sys
    from gnomon import Scheduler
    from tests.faults.test_crash_points import ACTS
    url, act, run_id, point = sys.argv[1:]
    scheduler = Scheduler(url, timezone="UTC")
    scheduler.open()
    scheduler.store.database.boundary = (
        lambda reached: os.kill(os.getpid(), signal.SIGKILL) if reached == f"{act}:{point}" else None
    )
    ACTS[act](scheduler, int(run_id))
"""


def rename_as_apscheduler_does(scheduler: Scheduler) -> None:
    """As it writes a job back, without a transaction of ours around it."""
    job = scheduler.engine.job_store.lookup_job("job 1")
    assert job is not None
    job._modify(name="renamed")
    scheduler.engine.job_store.update_job(job)


def remove_again(scheduler: Scheduler) -> None:
    with contextlib.suppress(JobNotFound):
        scheduler.remove_job("added")


def import_two_lines(scheduler: Scheduler) -> None:
    origin = CrontabOrigin(name="a file", user="somebody", home=None)
    found = parse("0 3 * * * first\n0 4 * * * second\n", origin, timezone="UTC", now=datetime.now(UTC))
    scheduler.import_crontab(found.jobs)


#: What operators do beside changing schedules, by the name of its transaction. The run is one that waits, of "job 1".
ACTS: dict[str, Callable[[Scheduler, int], object]] = {
    "run_now": lambda scheduler, _: scheduler.run_job("job 2", key="a key"),
    "cancel": lambda scheduler, run_id: scheduler.cancel_run(run_id),
    "retry": lambda scheduler, run_id: scheduler.retry_run(run_id),
    "import": lambda scheduler, _: import_two_lines(scheduler),
    "replace": lambda scheduler, _: rename_as_apscheduler_does(scheduler),
    "remove": lambda scheduler, _: remove_again(scheduler),
    "calendar": lambda scheduler, _: scheduler.set_calendar("stock-taking", dates=["2050-12-30"]),
}


def seen(scheduler: Scheduler) -> tuple[object, ...]:
    """All that those acts can change."""
    return (
        [(job["id"], job["name"], job["enabled"]) for job in scheduler.get_all_jobs()],
        [(run.job_id, run.state, run.attempt) for run in scheduler.runs()],
        [(change.job_id, change.action) for change in scheduler.changes()],
        [calendar["name"] for calendar in scheduler.get_calendars()],
    )


@pytest.mark.parametrize("act", ACTS)
def test_what_an_operator_does_is_done_whole_or_not_at_all(migrated_url: str, tmp_path: Path, act: str) -> None:
    scheduler = declared(migrated_url, str(tmp_path))
    scheduler.start_all_jobs()
    run_id = scheduler.run_job("job 1")
    if act == "retry":
        scheduler.cancel_run(run_id)
    scheduler.engine.add_job(nothing, "cron", id="added", hour=1)
    before = seen(scheduler)
    for point in ("begin", "commit"):
        killed(migrated_url, act, run_id, point)
        assert seen(scheduler) == before, f"half of it was done by who was killed at {point}"
    killed(migrated_url, act, run_id, "committed")
    after = seen(scheduler)
    assert after != before

    # Who did not hear the answer does it again, or learns that it is done; and nothing more comes of it.
    if act == "retry":
        with pytest.raises(ChangeRefused, match="queued"):
            ACTS[act](scheduler, run_id)
    else:
        ACTS[act](scheduler, run_id)
    assert seen(scheduler) == after
    scheduler.close()


def killed(url: str, act: str, run_id: int, point: str) -> None:
    process = python(_OPERATOR, url, act, str(run_id), point)
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors or f"{act}:{point} was not reached"


@pytest.mark.parametrize(("point", "is_there"), [("begin", False), ("commit", False), ("committed", True)])
def test_tables_are_there_whole_or_not_at_all(store_url: str, point: str, is_there: bool) -> None:
    migrating = """
        import os, signal, sys
        from gnomon.store import Store
        store = Store(sys.argv[1])
        store.database.boundary = lambda at: os.kill(os.getpid(), signal.SIGKILL) if at == sys.argv[2] else None
        store.upgrade()
    """
    process = python(migrating, store_url, f"migrate:{point}")
    _, errors = process.communicate(timeout=60)
    assert process.returncode == -signal.SIGKILL, errors

    engine = create_engine(store_url)
    assert (len(inspect(engine).get_table_names()) > 0) is is_there
    engine.dispose()
    store = Store(store_url)
    assert store.upgrade() == HEAD
    store.close()
    scheduler = Scheduler(store_url)
    assert scheduler.get_all_jobs() == []
    scheduler.close()


#: Transactions at whose commit nobody is killed here, and why.
ELSEWHERE = {
    "change": "test_a_change_killed_before_its_commit_never_was",
    "add": "tests/faults/test_adding.py",
    "adopt": "one transaction as the import is; what it writes is in tests/adoption",
    "advance": "never begins one: part of a claim",
    "announce": "writes nothing",
    "copy": "part of adopting",
    "create": "makes the table of a job store that works alone, if it is not there",
    "delete": "one row by a job store that works alone",
    "insert": "one row by a job store that works alone",
    "update": "as replace, where somebody else has changed the row meanwhile",
    "ledger": "never begins one: part of a claim, a change or a run now",
    "session": "one row, who signed in signs in again",
    "token": "one row, whose secret was not shown yet",
    "settle": "writes nothing: asks what became of a commit",
}


def test_no_transaction_is_forgotten() -> None:
    source = "".join(file.read_text(encoding="utf-8") for file in SOURCE.rglob("*.py"))
    named = set(re.findall(r'(?:transaction\(\s*|GroupCommit\([^,]+, |carry_out_alone\(.*name=)"(\w+)"', source))
    points = [point for point, _ in POINTS_OF_A_NODE] + POINTS_OF_A_SWEEP
    killed_at = {point.partition(":")[0] for point in points} | {*ACTS, "migrate"}
    assert killed_at & ELSEWHERE.keys() == set()
    assert named == killed_at | ELSEWHERE.keys()
