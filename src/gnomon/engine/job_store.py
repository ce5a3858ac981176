"""An APScheduler job store over ``apscheduler_jobs``: no read deletes a row, no write overwrites a newer one."""

from __future__ import annotations

import copy
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore, ConflictingIdError, JobLookupError
from apscheduler.triggers.base import BaseTrigger

from gnomon.domain.schedule import JobRow, Schedule, StoredJob, effective_next_run_time
from gnomon.domain.times import from_seconds, to_seconds
from gnomon.engine.apscheduler_private import StoredJobHandle, job_handle, schedule_of
from gnomon.engine.functions import Functions, is_unique
from gnomon.engine.row_codec import RowCodec
from gnomon.errors import GnomonError, InvalidInput, RowRefused, StoreUnavailable
from gnomon.store import SqlEngine, Store

logger = logging.getLogger("gnomon.engine")


class OrphanedFunction(GnomonError):
    """A stored job was called whose code is not in this process."""


class JobStore(BaseJobStore):  # type: ignore[misc]
    """Stores jobs as APScheduler's ``SQLAlchemyJobStore`` does, in the same table.

    Works in ``gnomon.Engine`` and alone under a plain ``BackgroundScheduler``. Rows are decoded by an allow-list;
    ``allow`` adds module prefixes of the application. A job whose row does not decode, or whose function this process
    may not run, is kept and left alone.
    """

    def __init__(
        self,
        url: str | None = None,
        engine: SqlEngine | None = None,
        *,
        allow: Sequence[str] = (),
        store: Store | None = None,
    ) -> None:
        super().__init__()
        self._owns_store = store is None
        if store is None:
            where = engine if engine is not None else url
            if where is None:
                raise InvalidInput("url", url, "give a database URL, or engine=")
            store = Store(where)
        self.store = store
        self.codec = RowCodec(allow)
        self.functions = Functions(allow)
        self._complained: set[str] = set()
        self._left_alone: set[str] = set()

    # -- APScheduler's contract

    def start(self, scheduler: Any, alias: str) -> None:
        """Called by the scheduler. Makes the table if there is none."""
        super().start(scheduler, alias)
        self.store.schedules.create()

    def shutdown(self) -> None:
        """Give connections back, unless others still use the store."""
        if self._owns_store:
            self.store.close()

    def lookup_job(self, job_id: str) -> Job | None:
        """The job of this id, or ``None``."""
        row = self.store.schedules.get(job_id)
        return None if row is None else self.job_of(row)

    def get_due_jobs(self, now: datetime) -> list[Job]:
        """Jobs due at ``now`` that this process has code for. (Gnomon's own engine claims rows instead.)"""
        due = []
        self._left_alone.clear()
        for row in self.store.schedules.due(now.astimezone(UTC), exclude=(), limit=10_000):
            job = self.job_of(row)
            if job is not None and self.functions.find(self.decode(row).schedule) is not None:
                due.append(job)
            else:
                self._left_alone.add(row.id)
        return due

    def get_next_run_time(self) -> datetime | None:
        """The earliest next run time, but for due jobs that were left alone: the scheduler would spin on them."""
        seconds = self.store.schedules.next_due(exclude=self._left_alone)
        try:
            return None if seconds is None else from_seconds(seconds)
        except ValueError:  # somebody wrote nonsense into the column; the row is quarantined
            return None

    def get_all_jobs(self) -> list[Job]:
        """Every job whose row decodes, by next run time, those without one last."""
        return [job for row in self.store.schedules.all() if (job := self.job_of(row)) is not None]

    def add_job(self, job: Job) -> None:
        """Add a row. Raises ``ConflictingIdError`` if the id exists, and, as APScheduler does, ``ValueError`` for a
        function that could not be found again by what the row calls it."""
        schedule = schedule_of(job)
        if not is_unique(schedule.func) and not self.functions.declares(job.id):
            raise ValueError(f"{schedule.func} has no name of its own to be found by; declare it")
        self.functions.add(schedule.func, job.func)
        state = self.codec.encode(schedule, job.next_run_time)
        if not self.store.schedules.insert(job.id, job.next_run_time, state):
            raise ConflictingIdError(job.id)

    def add_schedule(self, schedule: Schedule, next_run_time: datetime | None) -> JobRow | None:
        """Add the row of a job whose code need not be here; ``None`` if the id exists."""
        state = self.codec.encode(schedule, next_run_time)
        if not self.store.schedules.insert(schedule.job_id, next_run_time, state):
            return None
        return JobRow(schedule.job_id, None if next_run_time is None else to_seconds(next_run_time), state)

    def update_job(self, job: Job) -> None:
        """Write back what the caller changed of a job, and nothing else.

        A scheduler reads a job, and writes it later: what others changed in between stays. Raises ``JobLookupError``
        if the row is gone.
        """
        schedule, next_run_time = schedule_of(job), job.next_run_time
        if isinstance(job, StoredJobHandle) and self._replace(job, job.row, schedule, next_run_time):
            return
        with self.store.database.transaction("update"):
            row = self.store.schedules.lock(job.id)
            if row is None:
                raise JobLookupError(job.id)
            if isinstance(job, StoredJobHandle):
                schedule, next_run_time = self._merged(job, job.row, row)
            self._replace(job, row, schedule, next_run_time)

    def remove_job(self, job_id: str) -> None:
        """Remove a row. Raises ``JobLookupError`` if there is none."""
        if not self.store.schedules.delete(job_id):
            raise JobLookupError(job_id)

    def remove_all_jobs(self) -> None:
        """Remove every row."""
        self.store.schedules.delete_all()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} (url={self.store.shown_url})>"

    # -- reading rows

    def decode(self, row: JobRow) -> StoredJob:
        """The schedule of a row and when it will fire. Raises ``RowRefused``."""
        stored = self.codec.decode(row.job_state)
        if stored.schedule.job_id != row.id:
            raise RowRefused(f"the row of job {row.id!r} holds a job that calls itself {stored.schedule.job_id!r}")
        return StoredJob(stored.schedule, effective_next_run_time(row, stored))

    def readable(self, row: JobRow) -> StoredJob | None:
        """What ``decode`` gives; ``None`` of a row that is quarantined, which the log is told once."""
        try:
            return self.decode(row)
        except RowRefused as error:
            if row.id not in self._complained:
                self._complained.add(row.id)
                logger.warning("job %r is quarantined: %s; its row is kept as it is", row.id, error)
            return None

    def job_of(self, row: JobRow) -> StoredJobHandle | None:
        """The APScheduler job of a row; ``None`` of one that is quarantined."""
        stored = self.readable(row)
        if stored is None:
            return None
        # Rows with equal triggers share one object.
        return self._handle(row, stored.schedule, copy.copy(stored.schedule.trigger), stored.next_run_time)

    def _handle(
        self, row: JobRow, schedule: Schedule, trigger: BaseTrigger, next_run_time: datetime | None
    ) -> StoredJobHandle:
        func = self.functions.code(schedule)
        if func is None:
            func = _Orphaned(schedule)
        return job_handle(row, schedule, trigger, next_run_time, func, self)

    # -- writing rows

    def reschedule(
        self, row: JobRow, schedule: Schedule, trigger: BaseTrigger, next_run_time: datetime | None
    ) -> StoredJobHandle:
        """Give another trigger to a job whose row the open transaction has locked, and whose ``schedule`` that row
        holds; nothing else of it changes."""
        state = self.codec.reschedule(row.job_state, trigger, next_run_time)
        if not self.store.schedules.replace(row, next_run_time, state):
            raise StoreUnavailable("a row was not as it was read, though it was locked; nothing was changed")
        seconds = None if next_run_time is None else to_seconds(next_run_time)
        return self._handle(JobRow(row.id, seconds, state), schedule, trigger, next_run_time)

    def _replace(self, job: Job, row: JobRow, schedule: Schedule, next_run_time: datetime | None) -> bool:
        """Compare and set. What is as it was keeps its bytes: all but the next run time of a job that only fired."""
        original = self.codec.decode(row.job_state).schedule
        changed = _differing(schedule, original)
        if not changed:
            state = self.codec.advance(row.job_state, next_run_time)
        elif changed == ["trigger"]:
            state = self.codec.reschedule(row.job_state, schedule.trigger, next_run_time)
        else:
            if not isinstance(job.func, _Orphaned):
                self.functions.add(schedule.func, job.func)
            state = self.codec.encode(schedule, next_run_time)
        replaced = self.store.schedules.replace(row, next_run_time, state)
        if replaced and isinstance(job, StoredJobHandle):
            job.row = JobRow(job.id, None if next_run_time is None else to_seconds(next_run_time), state)
        return replaced

    def _merged(self, job: Job, read_from: JobRow, row: JobRow) -> tuple[Schedule, datetime | None]:
        """Three-way: what the caller changed, onto what stands now."""
        original, current = self.decode(read_from), self.decode(row)
        wanted = schedule_of(job)
        changed = {field: getattr(wanted, field) for field in _differing(wanted, original.schedule)}
        values = {field: getattr(current.schedule, field) for field in Schedule.__slots__}
        next_run_time = current.next_run_time
        is_rescheduled = not _same(current.schedule.trigger, original.schedule.trigger)
        is_paused = (current.next_run_time is None) != (original.next_run_time is None)
        if "trigger" in changed or not (is_rescheduled or is_paused):
            next_run_time = job.next_run_time
        return Schedule(**{**values, **changed}), next_run_time


def _differing(one: Schedule, other: Schedule) -> list[str]:
    """The fields in which two schedules differ."""
    both = [(field, getattr(one, field), getattr(other, field)) for field in Schedule.__slots__]
    return [field for field, ours, theirs in both if ours is not theirs and not _same(ours, theirs)]


def _same(one: Any, other: Any) -> bool:
    if hasattr(one, "__getstate__") and type(one) is type(other) and hasattr(one, "get_next_fire_time"):
        return one is other or repr(one.__getstate__()) == repr(other.__getstate__())
    return bool(one == other)


class _Orphaned:
    """In place of a function that is not to be had here."""

    def __init__(self, schedule: Schedule) -> None:
        self._schedule = schedule

    def __call__(self, *_args: Any, **_kwargs: Any) -> None:
        job_id, func = self._schedule.job_id, self._schedule.func
        raise OrphanedFunction(
            f"job {job_id!r} names {func!r}, which this process neither declares nor allows; "
            f"declare it, or pass allow=[{func.partition(':')[0]!r}]"
        )
