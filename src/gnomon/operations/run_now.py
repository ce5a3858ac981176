"""Running a job now, once, beside its schedule."""

from __future__ import annotations

from datetime import datetime, timedelta

from gnomon.domain.change import Author, Change
from gnomon.domain.ledger import Line
from gnomon.domain.run import Cause, RunState
from gnomon.domain.steering import check_key
from gnomon.errors import ChangeRefused, JobNotFound, StoreUnavailable
from gnomon.operations.change_key import new_key
from gnomon.operations.ports import Context
from gnomon.operations.read import MISFIT, NO_CODE, read_job
from gnomon.operations.runnable import reruns_lost, runnable
from gnomon.operations.standing import JobDict

#: For so long, a request that is repeated with its key is known as the same.
KEY_KEPT = timedelta(days=1)
_TRIES = 10


def run_now(context: Context, job_id: str, author: Author, *, key: str | None = None) -> int:
    """Queue a run that any living node with code for the job starts at once; return its id.

    The schedule does not move. A call that is repeated with its ``key`` within a day starts nothing: it returns the run
    that the first one started, whatever has become of it. Raises ``JobNotFound``, ``InvalidInput`` for a key that is
    too long, and ``ChangeRefused`` where the run could not start (the job is quarantined or orphaned, or as many of its
    runs as may are active already) or where the key was given for another job.
    """
    if key is not None:
        check_key(key)
    store = context.store
    started = _Started(context, job_id, author, key)
    try:
        with store.database.transaction("run_now"):
            run_id = started.carry_out()
    except StoreUnavailable as error:
        # The answer to COMMIT may have been lost after it was done: the log says what is true.
        if started.run_id is None or not store.settle(error, job_id, started.stands):
            raise
        run_id = started.run_id
    context.engine.wakeup()
    return run_id


def check_can_run(context: Context, job: JobDict) -> None:
    """Raises ``ChangeRefused`` for a job that nobody could run now. Its row is locked, so the count stays true."""
    job_id = job["id"]
    if job["state"] == "quarantined":
        raise ChangeRefused(f"job {job_id!r} cannot run: {job['problem']}")
    if job["problem"] is not None and job["problem"].startswith(MISFIT):
        raise ChangeRefused(f"job {job_id!r} cannot run: {job['problem']}")
    if job["problem"] == NO_CODE:  # that its calendar can't be asked says nothing of a run that somebody asks for
        raise ChangeRefused(f"job {job_id!r} cannot run: no node has code for it; start one that declares it")
    active = context.store.ledger.active([job_id]).get(job_id, 0)
    if active >= job["max_instances"]:
        raise ChangeRefused(
            f"job {job_id!r} cannot run now: {active} of {job['max_instances']} runs are active; "
            "wait for them, or raise max_instances"
        )


class _Started:
    """One run now. ``run_id`` is set when its line was written, committed or not."""

    def __init__(self, context: Context, job_id: str, author: Author, key: str | None) -> None:
        self._context, self._job_id, self._author, self._key = context, job_id, author, key
        self._change_key = new_key()
        self.run_id: int | None = None

    def carry_out(self) -> int:
        """In the open transaction: the line, its key, and who asked for it."""
        store, job_id, key = self._context.store, self._job_id, self._key
        # One at a time of each job, so that two don't find the same room, nor two calls a key unknown.
        row = store.schedules.lock(job_id)
        now = store.database.now()
        since = now - KEY_KEPT
        if key is not None and (known := store.steering.known_key(key, since=since)) is not None:
            if known.job_id != job_id:
                raise _given_for(key, known.job_id)
            return known.run_id
        if row is None:
            raise JobNotFound(job_id)
        job = read_job(self._context, job_id)
        check_can_run(self._context, job)
        self.run_id = run_id = self._queue(now)
        if key is not None and not store.steering.remember_key(key, run_id, job_id, at=now, since=since):
            # Another job's call with this key has just been committed: its row is another, so it was not waited for.
            raise _given_for(key, None)
        store.records.log(
            Change(
                key=self._change_key,
                job_id=job_id,
                at=now,
                author=self._author,
                action="run",
                before={},
                after={"run": run_id, "state": RunState.QUEUED.value},
                run_id=run_id,
            )
        )
        store.announce()
        return run_id

    def stands(self) -> bool:
        """Whether it was committed."""
        return self._context.store.records.has_change(self._change_key)

    def _queue(self, now: datetime) -> int:
        store, job_id = self._context.store, self._job_id
        declaration = store.records.declarations([job_id]).get(job_id)
        for tried in range(_TRIES):
            line = Line(
                job_id=job_id,
                # A coarse clock says the same time twice, and each time of a job has one line.
                scheduled_at=now + timedelta(microseconds=tried),
                state=RunState.QUEUED,
                cause=Cause.MANUAL,
                node=None,
                not_before=now,
                rerun_lost=reruns_lost(declaration.base if declaration else {}, runnable(self._context)),
            )
            (run_id,) = store.ledger.insert([line], at=now)
            if run_id is not None:
                return run_id
        raise StoreUnavailable(f"no free moment was found for a run of job {job_id!r}; try again")


def _given_for(key: str, job_id: str | None) -> ChangeRefused:
    whose = "another job" if job_id is None else f"job {job_id!r}"
    return ChangeRefused(f"the key {key!r} was given for a run of {whose} less than a day ago; give each run its own")
