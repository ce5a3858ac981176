"""Everything private of APScheduler 3 that Gnomon relies on, in one place.

APScheduler 3 is finished and moves little, but it may: ``check_version`` refuses a release that was never tried, and
``tests/engine_contract`` fails loudly when one of these names moves.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import datetime
from importlib.metadata import version
from inspect import isclass, ismethod
from typing import Any

from apscheduler.events import (
    EVENT_ALL_JOBS_REMOVED,
    EVENT_JOB_ADDED,
    EVENT_JOB_MODIFIED,
    EVENT_JOB_REMOVED,
    JobEvent,
    SchedulerEvent,
)
from apscheduler.job import Job
from apscheduler.jobstores.base import BaseJobStore, ConflictingIdError, JobLookupError
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.schedulers.base import STATE_PAUSED, STATE_RUNNING, STATE_STOPPED
from apscheduler.triggers.base import BaseTrigger

from gnomon.domain.schedule import JobRow, Schedule
from gnomon.errors import GnomonError

_TRIED = ("3.11",)
_LONGEST_WAIT = 60.0


def check_version() -> None:
    """Refuse an APScheduler whose private side is not known."""
    found = version("apscheduler")
    if not found.startswith(tuple(f"{tried}." for tried in _TRIED)):
        raise GnomonError(
            f"APScheduler {found} is installed, and this Gnomon is made for {', '.join(_TRIED)}; "
            f"run `pip install 'apscheduler~={_TRIED[-1]}.0'`"
        )


class StoredJobHandle(Job):  # type: ignore[misc]
    """An APScheduler job read from a row; it remembers the row, so that writing it back can be compare-and-set."""

    __slots__ = ("row",)

    row: JobRow


def job_handle(
    row: JobRow,
    schedule: Schedule,
    trigger: BaseTrigger,
    next_run_time: datetime | None,
    func: Callable[..., Any],
    owner: BaseJobStore,
) -> StoredJobHandle:
    """The APScheduler job of a row, without importing anything. Its ``trigger`` is its own: who gets a job may do with
    it what he likes."""
    job: StoredJobHandle = StoredJobHandle.__new__(StoredJobHandle)
    job.id = schedule.job_id
    job.func_ref = schedule.func
    job.func = func
    job.trigger = trigger
    job.executor = schedule.executor
    job.args = schedule.args
    job.kwargs = dict(schedule.kwargs)
    job.name = schedule.name
    job.misfire_grace_time = schedule.misfire_grace_time
    job.coalesce = schedule.coalesce
    job.max_instances = schedule.max_instances
    job.next_run_time = next_run_time
    job._scheduler = owner._scheduler
    job._jobstore_alias = owner._alias
    job.row = row
    return job


def schedule_of(job: Job) -> Schedule:
    """The schedule that an APScheduler job stands for, as ``Job.__getstate__`` would store it.

    A function without an importable name (a closure, a lambda) keeps the name that it has: Gnomon finds the code of a
    job by its declaration, not by importing.
    """
    args = tuple(job.args)
    func = job.func
    if ismethod(func) and not isclass(func.__self__) and job.func_ref:
        args = (func.__self__, *args)
    return Schedule(
        job_id=job.id,
        name=job.name,
        func=job.func_ref or reference_of(func),
        trigger=job.trigger,
        executor=job.executor,
        misfire_grace_time=job.misfire_grace_time,
        coalesce=job.coalesce,
        max_instances=job.max_instances,
        args=args,
        kwargs=dict(job.kwargs),
    )


def reference_of(func: Callable[..., Any]) -> str:
    """``module:qualified.name`` of a function, importable or not."""
    func = getattr(func, "func", func)  # functools.partial
    name = getattr(func, "__qualname__", type(func).__qualname__)
    return f"{getattr(func, '__module__', None) or type(func).__module__}:{name}"


def new_job(scheduler: Any, job_id: str, **attributes: Any) -> Job:
    """A job with defaults of the scheduler filled in."""
    return Job(scheduler, id=job_id, **attributes)


class AdaptedScheduler(BackgroundScheduler):  # type: ignore[misc]
    """A ``BackgroundScheduler`` with its loop, its events and its look-ups replaced by methods without underscores.

    What APScheduler does with a stopped scheduler (keep jobs in memory until it starts) does not happen: the store can
    be read and written at any time.
    """

    def one_pass(self) -> float:
        """Do what is due; return the seconds to sleep."""
        raise NotImplementedError

    def after_commit(self, callback: Callable[[], None]) -> None:
        """Call back when what is being written has been committed."""
        raise NotImplementedError

    def writing(self) -> AbstractContextManager[Any]:
        """The transaction that APScheduler's own changing methods run in."""
        raise NotImplementedError

    @property
    def is_processing(self) -> bool:
        """Started and not paused."""
        return bool(self.state == STATE_RUNNING)

    @property
    def is_paused(self) -> bool:
        """Started and told to fire nothing."""
        return bool(self.state == STATE_PAUSED)

    def wakeup(self) -> None:
        """Look again now."""
        if self._event is not None:
            self._event.set()

    def has_listener(self, code: int) -> bool:
        """Whether anybody listens to an event: if not, it need not be made."""
        return bool(self._listeners) and any(code & mask for _, mask in self._listeners)

    def tell(self, event: SchedulerEvent) -> None:
        """Tell the listeners."""
        super()._dispatch_event(event)

    def _dispatch_event(self, event: SchedulerEvent) -> None:
        if self.has_listener(event.code):
            self.after_commit(lambda: self.tell(event))

    def _process_jobs(self) -> float:
        return min(self.one_pass(), _LONGEST_WAIT)

    def _main_loop(self) -> None:
        while self.state != STATE_STOPPED:
            wait = self._process_jobs()
            self._event.wait(wait)
            self._event.clear()

    def find_job(self, job_id: str, jobstore_alias: str | None) -> tuple[Job, str]:
        """A stored job and the alias of its store. Raises ``JobLookupError``."""
        return self._lookup_job(job_id, jobstore_alias)

    def write_back(self, job: Job, alias: str, changes: dict[str, Any]) -> Job:
        """Change fields of a job (checked by APScheduler), store it, and tell about it."""
        job._modify(**changes)
        self._lookup_jobstore(alias).update_job(job)
        self.tell_modified(job.id, alias)
        return job

    def tell_modified(self, job_id: str, alias: str) -> None:
        """Tell about a job that was changed."""
        if self.has_listener(EVENT_JOB_MODIFIED):
            self._dispatch_event(JobEvent(EVENT_JOB_MODIFIED, job_id, alias))
        self.after_commit(self.wakeup)

    def _lookup_job(self, job_id: str, jobstore_alias: str | None) -> tuple[Job, str]:
        for alias, store in self._jobstores.items():
            if jobstore_alias in (None, alias):
                job = store.lookup_job(job_id)
                if job is not None:
                    return job, alias
        raise JobLookupError(job_id)

    def store_job(self, job: Job, alias: str, replace_existing: bool) -> None:
        """Put a complete job into the store and tell about it."""
        store = self._lookup_jobstore(alias)
        try:
            store.add_job(job)
        except ConflictingIdError:
            if not replace_existing:
                raise
            store.update_job(job)
        job._jobstore_alias = alias
        self.tell_added(job.id, alias)

    def tell_added(self, job_id: str, alias: str) -> None:
        """Tell about a job that was added."""
        self._dispatch_event(JobEvent(EVENT_JOB_ADDED, job_id, alias))
        self.after_commit(self.wakeup)

    def remove_job(self, job_id: str, jobstore: str | None = None) -> None:
        """Remove a job and tell about it."""
        for alias, store in self._jobstores.items():
            if jobstore in (None, alias):
                store.remove_job(job_id)
                self._dispatch_event(JobEvent(EVENT_JOB_REMOVED, job_id, alias))
                return
        raise JobLookupError(job_id)

    def remove_all_jobs(self, jobstore: str | None = None) -> None:
        """Remove every job and tell about it."""
        for alias, store in self._jobstores.items():
            if jobstore in (None, alias):
                store.remove_all_jobs()
        self._dispatch_event(SchedulerEvent(EVENT_ALL_JOBS_REMOVED, jobstore))

    def forget_threads(self) -> None:
        """This is a forked child: nothing runs here, and nobody in it gives back a lock that a thread held."""
        self.state = STATE_STOPPED
        self._executors_lock, self._jobstores_lock, self._listeners_lock = (self._create_lock() for _ in range(3))

    def job_defaults(self) -> dict[str, Any]:
        """The policies of a job that was added without."""
        return dict(self._job_defaults)

    def _check_uwsgi(self) -> None:
        super()._check_uwsgi()
        check_version()
