"""APScheduler's own methods, carried out on the store at once, whether the scheduler was started or not."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

from apscheduler.job import Job
from apscheduler.jobstores.base import JobLookupError
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.util import undefined

from gnomon.domain.schedule import JobRow, Schedule
from gnomon.domain.triggers import KINDS, build, ensure_fires, next_fire
from gnomon.engine import exceptions
from gnomon.engine.apscheduler_private import AdaptedScheduler, new_job, schedule_of
from gnomon.engine.job_store import JobStore
from gnomon.engine.overdue import pass_over, settle
from gnomon.errors import ChangeRefused, InvalidInput

#: The alias of the one store.
ALIAS = "default"


class StoredJobs(AdaptedScheduler):
    """Adds, changes and removes jobs where they stand.

    They differ from APScheduler's where that loses something: a rescheduled job that was paused stays paused, one whose
    trigger is exhausted is kept, next run times are counted from now and never in the past.
    """

    def __init__(self, job_store: JobStore, **options: Any) -> None:
        self.job_store = job_store
        self._store = job_store.store
        super().__init__(jobstores={ALIAS: job_store}, **options)
        job_store._scheduler, job_store._alias = self, ALIAS

    def writing(self) -> AbstractContextManager[Any]:
        """The transaction that a change is made in; joins the one that is open."""
        return self._store.database.transaction("change")

    def after_commit(self, callback: Any) -> None:
        """Call back when the open transaction has committed."""
        self._store.database.after_commit(callback)

    def add_jobstore(self, jobstore: Any, alias: str = ALIAS, **options: Any) -> None:
        """Gnomon has one store; others would have schedules that no page shows."""
        if not isinstance(jobstore, JobStore):
            raise InvalidInput("jobstore", jobstore, "the engine has its one store; give its URL to Scheduler(...)")
        super().add_jobstore(jobstore, alias, **options)

    def add_job(
        self,
        func: Any,
        trigger: Any = None,
        args: Any = None,
        kwargs: Any = None,
        id: str | None = None,
        name: str | None = None,
        misfire_grace_time: Any = undefined,
        coalesce: Any = undefined,
        max_instances: Any = undefined,
        next_run_time: Any = undefined,
        jobstore: str = ALIAS,
        executor: str = ALIAS,
        replace_existing: bool = False,
        **trigger_args: Any,
    ) -> Job:
        """APScheduler's ``add_job``, carried out at once, started or not."""
        given = {"misfire_grace_time": misfire_grace_time, "coalesce": coalesce, "max_instances": max_instances}
        policies = {**self.job_defaults(), **{k: v for k, v in given.items() if v is not undefined}}
        made = self._create_trigger(trigger, trigger_args)
        if next_run_time is undefined:
            # Without a trigger, or with a date that has passed, APScheduler means "at once".
            is_past = isinstance(made, DateTrigger) and made.run_date <= self._now()
            next_run_time = made.run_date if is_past else self._first_fire(made)
        attributes: dict[str, Any] = {"name": name} if name else {}
        job = new_job(
            self,
            job_id=id or uuid4().hex,
            trigger=made,
            executor=executor,
            func=func,
            args=tuple(args or ()),
            kwargs=dict(kwargs or {}),
            next_run_time=next_run_time,
            **policies,
            **attributes,
        )
        with self.writing():
            self.store_job(job, jobstore, replace_existing)
        return job

    def add_schedule(self, schedule: Schedule, next_run_time: datetime | None) -> JobRow | None:
        """Store a job whose code need not be here; ``None`` if the id exists."""
        with self.writing():
            row = self.job_store.add_schedule(schedule, next_run_time)
            if row is not None:
                self.tell_added(schedule.job_id, ALIAS)
            return row

    def restore(self, row: JobRow) -> bool:
        """Store a row as it was, byte for byte, whatever it holds; ``False`` if the id exists."""
        with self.writing():
            is_stored = self._store.schedules.restore(row)
            if is_stored:
                self.tell_added(row.id, ALIAS)
            return is_stored

    def pass_over(self, job_id: str) -> None:
        """A job goes: what was due and nobody has claimed will not run, and a line says so."""
        with self.writing():
            job = self.job_store.lookup_job(job_id)
            if job is not None:
                pass_over(self._store, job_id, job.trigger, job.next_run_time, self._now())

    def replace_arguments(self, job_id: str, kwargs: Mapping[str, Any]) -> Job:
        """Give a job other keyword arguments. Its code need not be here: nothing is checked against it."""
        with self.writing():
            job, alias = self.find_job(job_id, None)
            job.kwargs = dict(kwargs)
            return self.write_back(job, alias, {})

    def modify_job(self, job_id: str, jobstore: str | None = None, **changes: Any) -> Job:
        """APScheduler's ``modify_job``; a new trigger without a next run time gets one.

        Times that were due and had not been claimed yet are passed over, each with a line in the ledger.
        """
        with self.writing():
            job, alias = self.find_job(job_id, jobstore)
            if "trigger" in changes or "next_run_time" in changes:
                pass_over(self._store, job.id, job.trigger, job.next_run_time, self._now())
            if "trigger" in changes and "next_run_time" not in changes:
                first = self._first_fire(changes["trigger"])
                changes["next_run_time"] = None if self._is_paused(job.trigger, job.next_run_time) else first
            changed = self.write_back(job, alias, changes)
            if "trigger" in changes or "next_run_time" in changes:
                self._keep_exceptions(changed)
            return changed

    def settle_before(self, job_id: str, until: datetime, *, rerun_lost: bool) -> None:
        """The time of a job's schedule was over at ``until``, which has passed: queue what was due before that and
        nobody has claimed, and nothing that would have come after."""
        with self.writing():
            job, alias = self.find_job(job_id, None)
            now = self._now()
            if job.next_run_time is None or job.next_run_time > now:
                return
            if job.next_run_time < until:
                settle(self._store, schedule_of(job), job.next_run_time, until, now, rerun=rerun_lost)
            following = next_fire(job.trigger, previous=None, now=now)
            self.write_back(job, alias, {"next_run_time": following})

    def keep_exceptions(self, job_id: str) -> None:
        """Another program wrote a job's row: exceptions for times that are no due times any more are dropped."""
        with self.writing():
            self._keep_exceptions(self.find_job(job_id, None)[0])

    def reschedule_job(self, job_id: str, jobstore: str | None = None, trigger: Any = None, **trigger_args: Any) -> Job:
        """Give a job another trigger. The next run is counted from now; a paused job stays paused.

        Raises ``InvalidTrigger`` if the trigger would not fire within five years.
        """
        made = self._create_trigger(trigger, trigger_args)
        with self.writing():
            row = self._store.schedules.lock(job_id) if jobstore in (None, ALIAS) else None
            stored = None if row is None else self.job_store.readable(row)
            if row is None or stored is None:
                raise JobLookupError(job_id)
            now, schedule = self._now(), stored.schedule
            pass_over(self._store, job_id, schedule.trigger, stored.next_run_time, now)
            first = ensure_fires(made, now=now)
            is_paused = self._is_paused(schedule.trigger, stored.next_run_time)
            job = self.job_store.reschedule(row, schedule, made, None if is_paused else first)
            self.tell_modified(job_id, ALIAS)
            exceptions.keep_what_still_holds(self._store, job_id, made, job.next_run_time, now)
            return job

    def pause_job(self, job_id: str, jobstore: str | None = None) -> Job:
        """Do not fire a job until it is resumed."""
        return self.modify_job(job_id, jobstore, next_run_time=None)

    def resume_job(self, job_id: str, jobstore: str | None = None) -> Job:
        """Fire a paused job again, counted from now. Raises ``ChangeRefused`` if its trigger has no time left."""
        with self.writing():
            job, alias = self.find_job(job_id, jobstore)
            following = next_fire(job.trigger, previous=None, now=self._now())
            if following is None:
                raise ChangeRefused(f"job {job_id!r} has no time left to run at; give it another schedule")
            resumed = self.write_back(job, alias, {"next_run_time": following})
            self._keep_exceptions(resumed)
            return resumed

    def remove_all_jobs(self, jobstore: str | None = None) -> None:
        """Remove the rows of all jobs. Their runs stay in the ledger."""
        with self.writing():
            super().remove_all_jobs(jobstore)
            exceptions.forget_removed(self._store, None, self._now())

    def remove_job(self, job_id: str, jobstore: str | None = None) -> None:
        """Remove a job's row. Its runs stay in the ledger."""
        with self.writing():
            super().remove_job(job_id, jobstore)
            exceptions.forget_removed(self._store, [job_id], self._now())

    def get_job(self, job_id: str, jobstore: str | None = None) -> Job | None:
        """The job of this id, or ``None``."""
        return self.job_store.lookup_job(job_id)

    def get_jobs(self, jobstore: str | None = None, pending: Any = None) -> list[Job]:
        """Every stored job whose row decodes."""
        return self.job_store.get_all_jobs()

    def _keep_exceptions(self, job: Job) -> None:
        exceptions.keep_what_still_holds(self._store, job.id, job.trigger, job.next_run_time, self._now())

    def _create_trigger(self, trigger: Any, trigger_args: dict[str, Any]) -> BaseTrigger:
        if isinstance(trigger, str) and trigger in KINDS:
            return build(trigger, trigger_args, timezone=self.timezone, now=self._store.database.local_now())
        return super()._create_trigger(trigger, trigger_args)

    def _first_fire(self, trigger: BaseTrigger) -> datetime:
        return ensure_fires(trigger, now=self._now())

    def _is_paused(self, trigger: BaseTrigger, next_run_time: datetime | None) -> bool:
        """Without a next run time, and with one to come if it were resumed."""
        return next_run_time is None and next_fire(trigger, previous=None, now=self._now()) is not None

    def _now(self) -> datetime:
        return self._store.database.now().astimezone(UTC)
