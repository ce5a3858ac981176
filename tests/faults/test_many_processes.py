"""Several processes on one store fire each due time once (gunicorn workers, cron-like fleets, a deploy's overlap)."""

from __future__ import annotations

from collections import Counter
from datetime import timedelta
from pathlib import Path

import pytest

from gnomon import RunState, Scheduler
from tests.faults.ledger_checks import check_ledger
from tests.jobs import evidence, starts
from tests.processes import python

pytestmark = pytest.mark.slow

PROCESSES, JOBS, SECONDS = 4, 300, 20

NODE = """
    import sys, time
    from tests.faults.test_many_processes import declared
    with declared(sys.argv[1], sys.argv[2]):
        time.sleep(float(sys.argv[3]))
"""


def declared(url: str, folder: str) -> Scheduler:
    scheduler = Scheduler(url, timezone="UTC")
    for number in range(JOBS):
        scheduler.register(evidence, "interval", id=f"job {number}", seconds=1, args=(folder,), max_instances=20)
    return scheduler


def test_four_processes_fire_300_one_second_jobs_once_for_twenty_seconds(migrated_url: str, tmp_path: Path) -> None:
    nodes = [python(NODE, migrated_url, str(tmp_path), str(SECONDS)) for _ in range(PROCESSES)]
    for node in nodes:
        _, errors = node.communicate(timeout=110)
        assert node.returncode == 0, errors

    scheduler = declared(migrated_url, str(tmp_path))
    runs = check_ledger(scheduler, tmp_path, every=timedelta(seconds=1))
    scheduler.close()
    states = Counter(run.state for run in runs)
    assert set(states) <= {RunState.SUCCEEDED, RunState.COALESCED, RunState.QUEUED}, states
    # On a machine that is busy with other things, most due times may be folded into later ones; each job has run.
    assert {run.job_id for run in runs if run.state is RunState.SUCCEEDED} == {f"job {n}" for n in range(JOBS)}
    assert states[RunState.SUCCEEDED] > JOBS * 2, states
    assert len({run.node for run in runs if run.node}) > 1, "one process did everything"
    assert len(starts(tmp_path)) == states[RunState.SUCCEEDED]
