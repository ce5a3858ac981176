"""Ending a run early, from any process."""

from __future__ import annotations

from gnomon.domain.change import Author, Change
from gnomon.domain.run import Run, RunState
from gnomon.domain.steering import Cancellation, cancellation_of, cancelled_by
from gnomon.errors import ChangeRefused, RunNotFound, StoreUnavailable
from gnomon.operations.change_key import new_key
from gnomon.operations.ports import Context


def cancel_run(context: Context, run_id: int, author: Author) -> Cancellation:
    """End a run, or have it ended by the node that runs it; say which.

    A run that has not started is cancelled at once, also one that waits for its next attempt. Of one that runs, the
    request is stored: its node sees it and passes it to its executor; where the node dies first, the run is settled as
    cancelled with it. To ask again changes nothing. Raises ``RunNotFound``, and ``ChangeRefused`` for a run that has
    ended otherwise.
    """
    store, key = context.store, new_key()
    cancelled: list[tuple[Run, Cancellation]] = []
    try:
        with store.database.transaction("cancel"):
            cancelled.append(_cancel(context, run_id, author, key))
    except StoreUnavailable as error:
        # The answer to COMMIT may have been lost after it was done: the log says what is true.
        if not cancelled or not store.settle(error, cancelled[0][0].job_id, lambda: store.records.has_change(key)):
            raise
    context.engine.wakeup()
    return cancelled[0][1]


def _cancel(context: Context, run_id: int, author: Author, key: str) -> tuple[Run, Cancellation]:
    store = context.store
    run = store.steering.lock(run_id)
    if run is None:
        raise RunNotFound(run_id)
    declaration = store.records.declarations([run.job_id]).get(run.job_id)
    answer = cancellation_of(run, declaration.base.get("executor") if declaration else None)
    if run.state is RunState.CANCELLED or run.cancel_requested_at is not None:
        return run, answer
    at, actor = store.database.now(), author.actor
    if answer is Cancellation.CANCELLED:
        done = store.steering.cancel_queued(run, at=at, by=actor, error=cancelled_by(actor))
    else:
        done = store.steering.request_cancel(run, at=at, by=actor)
    if not done:
        # The row is locked from reading to here, so this cannot be.
        raise ChangeRefused(f"run {run_id} changed while it was being cancelled; look again")
    state = RunState.CANCELLED if answer is Cancellation.CANCELLED else run.state
    store.records.log(
        Change(
            key=key,
            job_id=run.job_id,
            at=at,
            author=author,
            action="cancel",
            before={"run": run.id, "state": run.state.value},
            after={"run": run.id, "state": state.value, "cancellation": answer.value},
            run_id=run.id,
        )
    )
    return run, answer
