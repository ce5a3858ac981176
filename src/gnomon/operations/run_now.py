"""Running a job now, once, beside its schedule."""

from __future__ import annotations

from datetime import timedelta

from gnomon.domain.ledger import Line
from gnomon.domain.run import Cause, RunState
from gnomon.errors import ChangeRefused, JobNotFound, StoreUnavailable
from gnomon.operations.ports import Context
from gnomon.operations.read import NO_CODE, JobDict, read_job

_TRIES = 10


def run_now(context: Context, job_id: str) -> int:
    """Queue a run that any living node with code for the job starts at once; return its id.

    The schedule does not move. Raises ``JobNotFound``, and ``ChangeRefused`` where the run could not start: the job is
    quarantined or orphaned, or as many of its runs as may are active already.
    """
    store = context.store
    queued: list[tuple[int, Line]] = []
    try:
        with store.database.transaction("run_now"):
            # One at a time of each job, so that two don't find the same room.
            if store.schedules.lock(job_id) is None:
                raise JobNotFound(job_id)
            queued.append(_queue(context, read_job(context, job_id)))
            store.announce()
    except StoreUnavailable as error:
        # The answer to COMMIT may have been lost after it was done: the line says what is true.
        if queued and store.settle(error, job_id, lambda: _stands(context, *queued[0])):
            return queued[0][0]
        raise
    return queued[0][0]


def _queue(context: Context, job: JobDict) -> tuple[int, Line]:
    store, job_id = context.store, job["id"]
    if job["state"] == "quarantined":
        raise ChangeRefused(f"job {job_id!r} cannot run: {job['problem']}")
    if job["problem"] == NO_CODE:
        raise ChangeRefused(f"job {job_id!r} cannot run: no node has code for it; start one that declares it")
    active = store.ledger.active([job_id]).get(job_id, 0)
    if active >= job["max_instances"]:
        raise ChangeRefused(
            f"job {job_id!r} cannot run now: {active} of {job['max_instances']} runs are active; "
            "wait for them, or raise max_instances"
        )
    declaration = store.records.declarations([job_id]).get(job_id)
    for tried in range(_TRIES):
        now = store.database.now()
        line = Line(
            job_id=job_id,
            # A coarse clock says the same time twice, and each time of a job has one line.
            scheduled_at=now + timedelta(microseconds=tried),
            state=RunState.QUEUED,
            cause=Cause.MANUAL,
            node=None,
            not_before=now,
            rerun_lost=bool(declaration and declaration.base.get("rerun_lost")),
        )
        (run_id,) = store.ledger.insert([line], at=now)
        if run_id is not None:
            return run_id, line
    raise StoreUnavailable(f"no free moment was found for a run of job {job_id!r}; try again")


def _stands(context: Context, run_id: int, line: Line) -> bool:
    """Whether a line was committed. Its id alone does not say so: if it was not, another may have it."""
    run = context.store.ledger.get(run_id)
    return run is not None and (run.job_id, run.scheduled_at) == (line.job_id, line.scheduled_at)
