"""Claiming: due jobs become runs, and runs that belong to nobody become this node's, each in one transaction."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

from gnomon.domain.declaration import Retries
from gnomon.domain.ledger import Line, WaitingRun
from gnomon.domain.plan import FiringPlan, Overdue, overdue, plan
from gnomon.domain.run import Cause, RunState
from gnomon.domain.schedule import JobRow, StoredJob
from gnomon.domain.times import from_seconds
from gnomon.domain.triggers import BaseTrigger, DueTimes, next_fire
from gnomon.engine.aside import Aside, read_aside
from gnomon.engine.functions import Functions, Task
from gnomon.engine.row_codec import RowCodec
from gnomon.errors import InvalidTrigger, RowRefused
from gnomon.executors.contract import Execution
from gnomon.store import Store

logger = logging.getLogger("gnomon.engine")

_AHEAD = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class ClaimedRun:
    """An attempt that this node may start, once its start is recorded under the claim (``node``, attempt), from
    ``not_before`` on."""

    execution: Execution
    node: str
    executor: str
    retries: Retries
    not_before: datetime


class Planned(NamedTuple):
    """What was written into the ledger for a job: for telling APScheduler's listeners."""

    job_id: str
    state: RunState
    scheduled_at: datetime


@dataclass(slots=True)
class Claimed:
    """What one transaction claimed. ``found`` is how many rows it got hold of, ``full`` that there may be more."""

    runs: list[ClaimedRun] = field(default_factory=list)
    planned: list[Planned] = field(default_factory=list)
    found: int = 0
    full: bool = False


class NextTimes(NamedTuple):
    """When the next job is due, when the next waiting run may start, when the next override expires, and what time it
    is."""

    due: datetime | None
    waiting: datetime | None
    expiring: datetime | None
    now: datetime

    @property
    def is_expiring(self) -> bool:
        """Whether the time of an override is over."""
        return self.expiring is not None and self.expiring <= self.now

    @property
    def is_due(self) -> bool:
        """Whether there are due jobs to claim."""
        return self.due is not None and self.due <= self.now

    @property
    def is_waiting(self) -> bool:
        """Whether there are waiting runs to claim."""
        return self.waiting is not None and self.waiting <= self.now

    @property
    def first(self) -> datetime | None:
        """When there is something to do; ``None`` if there is nothing."""
        return min((time for time in (self.due, self.waiting, self.expiring) if time is not None), default=None)


class _Due(NamedTuple):
    row: JobRow
    stored: StoredJob
    task: Task
    plan: FiringPlan


class Claims:
    """Claims for one node. Used from one thread.

    ``set_aside`` maps the ids of jobs that this node leaves alone to the reason: no code here (another node may have
    it), a row that does not decode, a trigger that does not calculate, a calendar that does not exist.
    """

    def __init__(
        self, store: Store, decode: Callable[[JobRow], StoredJob], codec: RowCodec, functions: Functions
    ) -> None:
        self._store = store
        self._decode = decode
        self._codec = codec
        self._functions = functions
        self.set_aside: dict[str, str] = {}
        #: Those of them whose calendar can't be asked. A run that somebody asked for starts all the same.
        self._held: set[str] = set()
        self._looked_at = (0.0, "")
        self._told: dict[str, str] = {}

    def reconsider(self) -> None:
        """Something has changed: look again at the jobs that were set aside."""
        self.set_aside.clear()
        self._held.clear()

    def due(self, node: str, *, limit: int) -> Claimed:
        """Claim up to ``limit`` due jobs: write their lines, advance their rows, commit."""
        store = self._store
        with store.database.transaction("claim"):
            if not store.nodes.is_alive(node):
                return Claimed()  # it could not start them; the next sign of life makes it another node
            now = store.database.now()
            rows = store.schedules.due(now, exclude=self.set_aside, limit=limit)
            claimed = Claimed(found=len(rows), full=len(rows) == limit)
            if not rows:
                return claimed
            active = store.ledger.active([row.id for row in rows])
            aside = read_aside(store, [row.id for row in rows], since=_earliest(rows, now), now=now)
            known = _KnownTimes()
            due = [
                planned
                for row in rows
                if (planned := self._plan(row, now, active.get(row.id, 0), known.overdue, aside)) is not None
            ]
            self._write(due, node, now, claimed)
        return claimed

    def waiting(self, node: str, *, limit: int) -> Claimed:
        """Claim up to ``limit`` queued runs that belong to nobody: run now, retries, those of dead nodes."""
        store = self._store
        with store.database.transaction("claim"):
            if not store.nodes.is_alive(node):
                return Claimed()  # it could not start them; the next sign of life makes it another node
            now = store.database.now()
            found = store.ledger.claim_waiting(node, now=now, exclude=self._not_waiting(), limit=limit)
            claimed = Claimed(found=len(found), full=len(found) == limit)
            if not found:
                return claimed
            rows = store.schedules.some(sorted({run.job_id for run in found}))
            moved = _Moved(store, found, now)
            given_back = []
            for run in found:
                row = rows.get(run.job_id)
                if row is None:
                    error = "the job was removed before this run could start"
                    store.ledger.refuse([run.id], node, error=error, at=now)
                elif (runnable := self._runnable(row)) is None:
                    given_back.append(run.id)
                elif run.is_moved and (fate := moved.fate(run, runnable[0])) is not None:
                    store.ledger.refuse([run.id], node, error=fate.error, at=now, state=fate.state)
                    claimed.planned.append(Planned(run.job_id, fate.state, run.scheduled_at))
                else:
                    claimed.runs.append(_claimed(run, runnable[1], node))
            if given_back:
                store.ledger.give_back(given_back, node)
        return claimed

    def look_ahead(self, now: datetime, *, limit: int) -> bool:
        """Decode rows that will be due within a minute, and so have them remembered when they are due all at once.

        Looks at up to ``limit`` rows that it has not looked at; returns whether there are more.
        """
        until = now + _AHEAD
        rows = self._store.schedules.coming(self._looked_at, until, limit=limit)
        for row in rows:
            self._looked_at = (row.next_run_time or 0.0, row.id)
            with suppress(RowRefused):  # it is set aside when it is due
                self._decode(row)
        return len(rows) == limit

    def next_times(self, *, not_expiring: Collection[str] = ()) -> NextTimes:
        """When there is something to do again. A read: it waits for nobody and nobody waits for it."""
        with self._store.database.read():
            seconds = self._store.schedules.next_due(exclude=self.set_aside)
            waiting = self._store.ledger.next_waiting(exclude=self._not_waiting())
            expiring = self._store.records.next_expiry(exclude=not_expiring)
            now = self._store.database.now()
        try:
            due = None if seconds is None else from_seconds(seconds)
        except ValueError:
            # Below all times: it is due, and its row will be set aside. Above: it never is, and comes after all others.
            due = now if isinstance(seconds, float) and seconds < 0 else None
        return NextTimes(due, waiting, expiring, now)

    def _not_waiting(self) -> Collection[str]:
        return self.set_aside.keys() - self._held if self._held else self.set_aside

    def _runnable(self, row: JobRow) -> tuple[StoredJob, Task] | None:
        """What a row says and the code for it; without either the job is set aside."""
        try:
            stored = self._decode(row)
        except RowRefused as error:
            self._set_aside(row.id, f"quarantined: {error}")
            return None
        task = self._functions.find(stored.schedule)
        if task is None:
            self._set_aside(row.id, "orphaned: this process has no code for it")
            return None
        return stored, task

    def _plan(self, row: JobRow, now: datetime, active: int, overdue: Overdue, aside: Aside) -> _Due | None:
        runnable = self._runnable(row)
        if runnable is None:
            return None
        stored, task = runnable
        if stored.next_run_time is None or stored.next_run_time > now:
            # Somebody wrote only the column. What is pickled is what would run: put the column right.
            return _Due(row, stored, task, FiringPlan((), stored.next_run_time))
        trigger = stored.schedule.trigger
        if (problem := aside.problem(row.id, trigger, now)) is not None:
            self._held.add(row.id)
            self._set_aside(row.id, f"held: {problem}")
            return None
        try:
            made = plan(
                stored.schedule,
                stored.next_run_time,
                now=now,
                active=active,
                overdue=overdue,
                taken=aside.taken_of(row.id),
                excluded=aside.excluded(row.id, trigger),
            )
            return _Due(row, stored, task, made)
        except InvalidTrigger as error:
            self._set_aside(row.id, f"quarantined: {error}")
        except Exception as error:  # a trigger class of the application may raise anything; others must fire
            self._set_aside(row.id, f"quarantined: its trigger raised {error!r}")
        return None

    def _write(self, due: list[_Due], node: str, now: datetime, claimed: Claimed) -> None:
        lines: list[Line] = []
        tasks: list[Task] = []
        for job in due:
            for run in job.plan.runs:
                starts_here = run.state is RunState.QUEUED and run.not_before <= now
                lines.append(
                    Line(
                        job_id=job.row.id,
                        scheduled_at=run.scheduled_at,
                        state=run.state,
                        cause=Cause.SCHEDULE,
                        node=node if starts_here else None,
                        not_before=run.not_before,
                        rerun_lost=job.task.rerun_lost,
                        covers=run.covers,
                        covers_until=run.covers_until,
                        error=run.reason,
                    )
                )
                tasks.append(job.task)
        advanced = [
            (job.row, job.plan.next_run_time, self._codec.advance(job.row.job_state, job.plan.next_run_time))
            for job in due
        ]
        if advanced and self._store.schedules.advance(advanced) != len(advanced):
            # The rows are locked from reading to here, so this cannot be; committing would fire what has changed.
            raise RuntimeError("a job's row changed under its lock")
        for line, task, run_id in zip(lines, tasks, self._store.ledger.insert(lines, at=now), strict=True):
            if run_id is None:
                continue  # this time has its line already: a clock went back, or a schedule was moved back
            claimed.planned.append(Planned(line.job_id, line.state, line.scheduled_at))
            if line.node is not None:
                waiting = WaitingRun(run_id, line.job_id, line.scheduled_at, 1, line.not_before)
                claimed.runs.append(_claimed(waiting, task, node))

    def _set_aside(self, job_id: str, reason: str) -> None:
        self.set_aside[job_id] = reason
        if self._told.get(job_id) != reason:  # it is looked at again and again
            self._told[job_id] = reason
            logger.warning("job %r is left alone here, %s", job_id, reason)


class _KnownTimes:
    """The due times calculated in one pass. At midnight thousands of jobs share trigger and next run time, and the
    codec gives rows with equal triggers the same object."""

    def __init__(self) -> None:
        # With the trigger, so that it lives as long as its id is a key.
        self._known: dict[tuple[int, datetime], tuple[BaseTrigger, DueTimes]] = {}

    def overdue(self, trigger: BaseTrigger, first: datetime, now: datetime) -> DueTimes:
        """As ``gnomon.domain.plan.overdue``, of one ``now``."""
        # In UTC: two times of one zone are equal to Python where the clocks go back and show the same hour twice.
        key = (id(trigger), first.astimezone(UTC))
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = (trigger, overdue(trigger, first, now))
        return found[1]


class _Fate(NamedTuple):
    state: RunState
    error: str | None


class _Moved:
    """Runs that were moved to a time which has come. They start as if that were when they are due: within the grace
    time, and if no more runs of the job are active than may be."""

    def __init__(self, store: Store, found: list[WaitingRun], now: datetime) -> None:
        self._now = now
        job_ids = [run.job_id for run in found if run.is_moved]
        # They have just been claimed, and so are counted among the active ones themselves.
        self._others = store.ledger.active(sorted(set(job_ids))) if job_ids else {}
        for job_id in job_ids:
            self._others[job_id] -= 1

    def fate(self, run: WaitingRun, stored: StoredJob) -> _Fate | None:
        """Why a run does not start; ``None`` if it does."""
        schedule, grace = stored.schedule, stored.schedule.misfire_grace_time
        if stored.next_run_time is None and _has_time_left(schedule.trigger, self._now):
            return _Fate(RunState.MISSED, "the job was paused when this run, which had been moved, was to start")
        if grace is not None and self._now - run.not_before > timedelta(seconds=grace):
            return _Fate(RunState.MISSED, None)
        if self._others[run.job_id] >= schedule.max_instances:
            return _Fate(RunState.SKIPPED, None)
        self._others[run.job_id] += 1
        return None


def _has_time_left(trigger: BaseTrigger, now: datetime) -> bool:
    try:
        return next_fire(trigger, previous=None, now=now) is not None
    except InvalidTrigger:
        return False


def _earliest(rows: list[JobRow], now: datetime) -> datetime:
    """The first next run time of rows that are due, in their order; nonsense in the column is before all times."""
    try:
        # Column and pickle may be a rounding apart.
        return min(from_seconds(rows[0].next_run_time or 0.0), now) - timedelta(milliseconds=1)
    except ValueError:
        return datetime.min.replace(tzinfo=UTC)


def _claimed(run: WaitingRun, task: Task, node: str) -> ClaimedRun:
    execution = Execution(
        run_id=run.id,
        job_id=run.job_id,
        scheduled_at=run.scheduled_at,
        attempt=run.attempt,
        func=task.func,
        args=task.args,
        kwargs=task.kwargs,
        timeout=task.timeout,
    )
    return ClaimedRun(execution, node, task.executor, task.retries, run.not_before)
