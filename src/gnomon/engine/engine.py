"""The engine: APScheduler's ``BackgroundScheduler`` with a claim loop in place of its own pass."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Collection, Mapping
from contextlib import ExitStack
from datetime import datetime
from typing import Any

from apscheduler.events import (
    EVENT_JOB_ERROR,
    EVENT_JOB_EXECUTED,
    EVENT_JOB_MAX_INSTANCES,
    EVENT_JOB_MISSED,
    EVENT_JOB_SUBMITTED,
    JobExecutionEvent,
    JobSubmissionEvent,
)
from apscheduler.executors.base import BaseExecutor
from apscheduler.job import Job
from apscheduler.schedulers import SchedulerAlreadyRunningError

from gnomon.domain.run import RunState
from gnomon.engine.cancellations import Cancellations
from gnomon.engine.claims import Claimed, Claims, NextTimes
from gnomon.engine.job_store import JobStore
from gnomon.engine.leases import Lease
from gnomon.engine.recorder import Recorder
from gnomon.engine.stored_jobs import ALIAS, StoredJobs
from gnomon.engine.upkeep import Upkeep
from gnomon.errors import GnomonError, StoreError
from gnomon.executors.contract import Execution, Executor, Outcome
from gnomon.settings import Settings

logger = logging.getLogger("gnomon.engine")

#: While so many claims wait for room, no more are made: other nodes may have room.
_MOST_BATCHES_WAITING = 4
_ROOM_SECONDS = 0.02
_FIRST_PAUSE, _LONGEST_PAUSE = 0.2, 5.0
_SHORTEST_ROUND = 0.02
_FIRST_BATCH = 50
#: What is due may be in the hands of another node, or of a change: there is nothing to do but to look again.
_LOCKED_SECONDS = 0.1
#: A run that shall end is on its way into its executor, or out of it.
_ASK_AGAIN_SECONDS = 0.1
#: Rows decoded ahead of time in one round; what is due meanwhile waits for no more than these.
_ROWS_AHEAD = 200
_STALLED_AFTER = 30.0


_PLANNED_EVENTS = {
    RunState.QUEUED: EVENT_JOB_SUBMITTED,
    RunState.MISSED: EVENT_JOB_MISSED,
    RunState.SKIPPED: EVENT_JOB_MAX_INSTANCES,
}


class _NoExecutor(BaseExecutor):  # type: ignore[misc]
    """APScheduler wants a default executor; runs go to Gnomon's."""

    def _do_submit_job(self, job: Job, run_times: list[datetime]) -> None:
        raise NotImplementedError


class Engine(StoredJobs):
    """Fires what stands in the store, once for each due time, beside any number of others.

    APScheduler's own methods work, started or not: ``add_job``, ``modify_job``, ``reschedule_job``, ``pause_job``,
    ``resume_job``, ``remove_job``, ``get_job(s)``, listeners; see ``StoredJobs``.
    """

    def __init__(
        self, job_store: JobStore, executors: Mapping[str, Executor], settings: Settings, *, timezone: Any
    ) -> None:
        self.executor_names = frozenset(executors)
        self._settings = settings
        super().__init__(
            job_store,
            timezone=timezone,
            executors={ALIAS: _NoExecutor()},
            job_defaults={"misfire_grace_time": 3600, "coalesce": True, "max_instances": 1},
        )
        self.claims = Claims(self._store, job_store.decode, job_store.codec, job_store.functions)
        self.recorder = Recorder(self._store, executors, self._on_finished)
        self.lease = Lease(
            self._store,
            settings,
            held=self.recorder.held,
            health=self.health,
            manifest=job_store.functions.manifest,
            on_beat=lambda: self.cancellations.pass_on(),
        )
        self.upkeep = Upkeep(is_firing=lambda: self.recorder.backlog > 0)
        #: Carries out the expiry of overrides, but for some jobs; returns those that it can't be done for, and why.
        self.expire: Callable[[Collection[str]], Mapping[str, str]] = lambda _exclude: {}
        self._not_expiring: dict[str, str] = {}
        self.cancellations = Cancellations(self._store, self.recorder, lambda: self.lease.node_id)
        self._feed = self._store.database.dialect.feed()
        self._passed_at: float | None = None
        self._pause = _FIRST_PAUSE
        self._reconsidered_at = 0.0
        self._is_hinted = False
        self._trouble: tuple[str, float] | None = None
        self._starting = threading.Lock()
        self._is_inherited = False
        self._store.database.in_child(self._forked)

    # -- life

    def start(self, paused: bool = False) -> None:
        """Fire jobs from here on. Raises ``SchedulerAlreadyRunningError``."""
        if self._is_inherited:
            raise GnomonError(
                "this scheduler was running when its process was forked, and its threads stayed with the parent; "
                "start it after the fork, or make another Scheduler here"
            )
        with self._starting, ExitStack() as undone:
            if self.running:
                raise SchedulerAlreadyRunningError
            self.lease.start()
            undone.callback(self.lease.shutdown)
            self.recorder.start()
            undone.callback(self.recorder.shutdown, False)
            super().start(paused=paused)
            undone.pop_all()
        self._feed.start(self._hinted)
        self.upkeep.start()

    def shutdown(self, wait: bool = True) -> None:
        """Stop claiming; with ``wait``, return when what runs has ended. The store can still be read and written."""
        self.upkeep.shutdown()
        self._feed.stop()
        super().shutdown(wait)
        self.recorder.shutdown(wait)
        self.lease.shutdown()

    def _forked(self) -> None:
        """This is a forked child. What ran, runs in the parent; here only the store is used."""
        self._is_inherited = self._is_inherited or self.running
        self._starting = threading.Lock()
        self.forget_threads()

    def health(self) -> dict[str, Any]:
        """Whether the loop goes round and the store can be written, from their own signs of life."""
        now = time.monotonic()
        trouble = self._trouble or self.recorder.trouble
        stalled = self._passed_at is None or now - self._passed_at > _STALLED_AFTER
        return {
            "loop": "stopped" if not self.running else "paused" if self.is_paused else "stalled" if stalled else "ok",
            "last_pass_seconds_ago": None if self._passed_at is None else round(now - self._passed_at, 3),
            "store": "ok" if trouble is None else "unavailable",
            "store_error": None if trouble is None else trouble[0],
            "store_error_seconds": None if trouble is None else round(now - trouble[1], 3),
            "queued": self.recorder.backlog,
            "running": self.recorder.running,
            "set_aside": dict(self.claims.set_aside),
            "lateness": self.recorder.lateness.summary(),
            "clock_ahead_seconds": self.lease.clock_ahead,
        }

    # -- the loop

    def one_pass(self) -> float:
        """Claim what is due and hand it over; return the seconds to sleep. No exception leaves it."""
        if self._passed_at is not None:
            # Hints come in crowds, from every commit of every process; a look for each would keep a core busy.
            time.sleep(max(0.0, min(self._passed_at + _SHORTEST_ROUND - time.monotonic(), _SHORTEST_ROUND)))
        began = time.monotonic()
        try:
            wait = self._settings.longest_sleep
            # First, and also while nothing shall fire.
            if not self.cancellations.pass_on():
                wait = _ASK_AGAIN_SECONDS
            if self.is_processing:
                wait = min(wait, self._claim_all())
        except BaseException as error:  # what a trigger of the application raises must not end the loop, either
            self._failed(error, began)
            wait, self._pause = self._pause, min(self._pause * 2, _LONGEST_PAUSE)
        else:
            self._pause = _FIRST_PAUSE
            if self._trouble is not None:
                logger.info("the store can be read again")
                self._trouble = None
        self._passed_at = time.monotonic()
        return wait

    def _claim_all(self) -> float:
        batch = self._settings.claim_batch
        limit = min(batch, _FIRST_BATCH)
        self._reconsider()
        while self.is_processing:
            self._passed_at = time.monotonic()
            next_times = self.claims.next_times(not_expiring=self._not_expiring)
            if next_times.is_expiring:
                # Before anything is claimed: what is due at the same moment is due by the schedule that then holds.
                self._not_expiring |= self.expire(self._not_expiring)
                continue
            if not (next_times.is_due or next_times.is_waiting):
                more = self.claims.look_ahead(next_times.now, limit=_ROWS_AHEAD)
                spent = time.monotonic() - self._passed_at
                return 0.0 if more else max(self._until(next_times) - spent, 0.0)
            if self.recorder.backlog >= batch * _MOST_BATCHES_WAITING:
                return _ROOM_SECONDS
            found = 0
            if next_times.is_due:
                # The first of a crowd start while the rest is claimed, in ever larger parts.
                with self.lease.claiming:
                    due = self.claims.due(self.lease.node_id, limit=limit)
                    self.recorder.enqueue(due.runs)
                limit = min(limit * 2, batch)
                self._tell_planned(due)
                found += due.found
            if next_times.is_waiting:
                with self.lease.claiming:
                    waiting = self.claims.waiting(self.lease.node_id, limit=batch)
                    self.recorder.enqueue(waiting.runs)
                self._tell_planned(waiting)
                found += waiting.found
            if not found:
                return _LOCKED_SECONDS
        return 0.0

    def _until(self, next_times: NextTimes) -> float:
        longest = self._settings.longest_sleep
        if next_times.first is None:
            return longest
        return min((next_times.first - next_times.now).total_seconds(), longest)

    def _hinted(self) -> None:
        self._is_hinted = True
        self.wakeup()

    def _reconsider(self) -> None:
        """Give jobs that were set aside another chance: soon after a hint, and now and then without one.

        Not every program that mends a row leaves a hint.
        """
        elapsed = time.monotonic() - self._reconsidered_at
        if (self.claims.set_aside or self._not_expiring) and elapsed > (
            1.0 if self._is_hinted else self._settings.longest_sleep
        ):
            self._is_hinted = False
            self._reconsidered_at = time.monotonic()
            self.claims.reconsider()
            self._not_expiring.clear()

    def _failed(self, error: BaseException, began: float) -> None:
        if isinstance(error, StoreError):
            if self._trouble is None:
                logger.warning("nothing can be claimed now, and will be: %s", error)
        else:
            logger.exception("a pass failed; the loop goes on")
        if self._trouble is None:
            self._trouble = (str(error), began)

    # -- listeners

    def _tell_planned(self, claimed: Claimed) -> None:
        for planned in claimed.planned:
            code = _PLANNED_EVENTS.get(planned.state)
            if code is None or not self.has_listener(code):
                continue
            if code == EVENT_JOB_MISSED:
                self.tell(JobExecutionEvent(code, planned.job_id, ALIAS, planned.scheduled_at))
            else:
                self.tell(JobSubmissionEvent(code, planned.job_id, ALIAS, [planned.scheduled_at]))

    def _on_finished(self, execution: Execution, outcome: Outcome) -> None:
        code = EVENT_JOB_EXECUTED if outcome.state is RunState.SUCCEEDED else EVENT_JOB_ERROR
        if self.has_listener(code):
            self.tell(
                JobExecutionEvent(
                    code,
                    execution.job_id,
                    ALIAS,
                    execution.scheduled_at,
                    retval=outcome.result,
                    exception=outcome.exception,
                    traceback=outcome.error,
                )
            )
