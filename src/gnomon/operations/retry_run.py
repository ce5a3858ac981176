"""Trying a run again: a further attempt of the same run, as an operator's explicit act."""

from __future__ import annotations

from gnomon.domain.change import Author, Change
from gnomon.domain.run import Cause, Run, RunState
from gnomon.domain.steering import check_may_be_tried_again
from gnomon.errors import ChangeRefused, RunNotFound, StoreUnavailable
from gnomon.operations.change_key import new_key
from gnomon.operations.ports import Context
from gnomon.operations.read import read_job
from gnomon.operations.run_now import check_can_run


def retry_run(context: Context, run_id: int, author: Author) -> Run:
    """Queue a further attempt of a run that ended badly or never started, on any living node; return the run.

    Raises ``RunNotFound``, and ``ChangeRefused`` for a run that is active, succeeded, was folded into a later one or
    stands for many due times, and for a job that is gone, quarantined, orphaned, or has as many active runs as it may.
    """
    store, key = context.store, new_key()
    found = store.ledger.get(run_id)
    if found is None:
        raise RunNotFound(run_id)
    is_queued = False
    try:
        with store.database.transaction("retry"):
            _queue(context, found, author, key)
            is_queued = True
    except StoreUnavailable as error:
        # The answer to COMMIT may have been lost after it was done: the log says what is true.
        if not is_queued or not store.settle(error, found.job_id, lambda: store.records.has_change(key)):
            raise
    context.engine.wakeup()
    queued = store.ledger.get(run_id)
    if queued is None:
        raise RunNotFound(run_id)
    return queued


def _queue(context: Context, found: Run, author: Author, key: str) -> None:
    store = context.store
    # The job first, as for run-now: two that ask for runs of one job must not find the same room.
    row = store.schedules.lock(found.job_id)
    run = store.steering.lock(found.id)
    if run is None:
        raise RunNotFound(found.id)
    check_may_be_tried_again(run)
    if row is None:
        raise ChangeRefused(f"run {run.id} cannot be tried again: its job {run.job_id!r} was removed")
    check_can_run(context, read_job(context, run.job_id))
    at = store.database.now()
    if run.cause is Cause.EXCEPTION and run.state is RunState.SKIPPED and run.scheduled_at > at:
        raise ChangeRefused(
            f"run {run.id} has not been skipped yet: its due time is still to come; `gnomon clear` lets it run"
        )
    if not store.steering.try_again(run, at=at):
        # The row is locked from reading to here, so this cannot be.
        raise ChangeRefused(f"run {run.id} changed while it was being queued; look again")
    store.records.log(
        Change(
            key=key,
            job_id=run.job_id,
            at=at,
            author=author,
            action="retry",
            before={"run": run.id, "state": run.state.value, "attempt": run.attempt},
            after={"run": run.id, "state": RunState.QUEUED.value, "attempt": run.attempt + 1},
            run_id=run.id,
        )
    )
