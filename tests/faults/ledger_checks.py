"""What must hold whatever crashes (the invariants I1 to I4 of the fault tests)."""

from __future__ import annotations

from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from gnomon import Run, RunState, Scheduler
from gnomon.domain.run import NEVER_STARTED, Cause
from gnomon.domain.times import to_micros
from tests.jobs import starts


def check_ledger(scheduler: Scheduler, folder: Path, *, every: timedelta, at_least_once: bool = False) -> list[Run]:
    """Hold the ledger against the evidence that the jobs left. ``every`` is the interval of all jobs."""
    runs = [run for run in scheduler.runs(limit=1_000_000) if run.cause is Cause.SCHEDULE]
    found = starts(folder)

    keys = Counter((run.job_id, run.scheduled_at) for run in runs)
    assert max(keys.values()) == 1, "a scheduled time has two lines"

    began = Counter((job_id, scheduled_at) for job_id, scheduled_at, _, _ in found)
    lines = {(run.job_id, to_micros(run.scheduled_at)): run for run in runs}
    for key, count in began.items():
        assert key in lines, f"{key} started and has no line"
        assert lines[key].state not in NEVER_STARTED, f"{key} started and its line says {lines[key].state}"
        if not at_least_once:
            assert count == 1, f"{key} started {count} times"
    for key, run in lines.items():
        if run.state is RunState.SUCCEEDED:
            assert key in began, f"{key} is said to have succeeded and never started"

    for job in scheduler.get_all_jobs():
        own = sorted((run for run in runs if run.job_id == job["id"]), key=lambda run: run.scheduled_at)
        check_no_gap(own, datetime.fromisoformat(job["next_run_time"]), every)
        if job["source"] == "code" and not scheduler.changes(job["id"], limit=1):
            # Nobody changed it, so the first line is of the first due time after it was stored.
            stored_at = scheduler.store.records.declarations([job["id"]])[job["id"]].declared_at
            before = own[0].scheduled_at - every
            assert before <= stored_at, f"nothing says what became of {job['id']} at {before}"
    return runs


def check_no_gap(runs: list[Run], next_run_time: datetime, every: timedelta) -> None:
    """Each due time from the first to the next run has a line, or is covered by one that sums up."""
    assert runs, "a job has no line at all"
    expected = runs[0].scheduled_at
    for run in runs:
        assert run.scheduled_at == expected, f"nothing says what became of {run.job_id} at {expected}"
        expected = run.covers_until or run.scheduled_at + every
    assert expected == next_run_time, f"nothing says what became of {runs[0].job_id} at {expected}"


def unresolved(scheduler: Scheduler, *, before: datetime) -> list[Run]:
    """Runs that were due before a time and are not settled."""
    active = scheduler.runs(states=[RunState.QUEUED, RunState.RUNNING], limit=100_000)
    return [run for run in active if run.not_before < before]
