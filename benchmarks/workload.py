"""The work that both sides do: the same jobs, with the same function, in the same store."""

from __future__ import annotations

import logging
import pickle
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple

from apscheduler.executors.pool import ThreadPoolExecutor
from apscheduler.job import Job
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.util import datetime_to_utc_timestamp

from gnomon import Scheduler
from gnomon.settings import Settings
from gnomon.store import Store

#: Jobs that run at once, on both sides (it is APScheduler's own default).
WORKERS = 10
#: The policies of all jobs, on both sides: nothing that is late is dropped.
POLICIES: dict[str, Any] = {"misfire_grace_time": 3600, "coalesce": True, "max_instances": 1}
#: Interval jobs have this many different intervals, and cron jobs this many different expressions.
_VARIETY = 24

GNOMON_SETTINGS = (
    f"full ledger, SQLite in WAL with synchronous=FULL or PostgreSQL with its defaults, {WORKERS} threads, "
    f"batches of {Settings().claim_batch}, grace {POLICIES['misfire_grace_time']} s"
)
APSCHEDULER_SETTINGS = (
    "BackgroundScheduler, SQLAlchemyJobStore as it comes (SQLite with a rollback journal and synchronous=FULL, or "
    f"PostgreSQL with its defaults), ThreadPoolExecutor({WORKERS}), grace {POLICIES['misfire_grace_time']} s"
)

#: When each start of ``note_start`` happened, in seconds since 1970.
starts: list[float] = []


def note_start() -> None:
    """The function of all jobs."""
    starts.append(time.time())


class JobSpec(NamedTuple):
    """A job that is due at a given instant, and about once a day or oftener after it."""

    id: str
    trigger: str
    trigger_args: dict[str, Any]


def job_specs(count: int, due: float) -> Iterator[JobSpec]:
    """``count`` jobs that are next due at ``due`` (whole seconds since 1970): every other one an interval job, the
    others cron jobs."""
    moment = datetime.fromtimestamp(due, UTC)
    for number in range(count):
        variant = number // 2 % _VARIETY
        if number % 2:
            args: dict[str, Any] = {"hours": 1 + variant, "start_date": moment}
            yield JobSpec(f"interval-{number:06}", "interval", args)
        else:
            hours = ",".join(str(hour) for hour in sorted({moment.hour, variant}))
            args = {"hour": hours, "minute": moment.minute, "second": moment.second}
            yield JobSpec(f"cron-{number:06}", "cron", args)


def gnomon_scheduler(url: str, specs: Iterator[JobSpec]) -> Scheduler:
    """A Gnomon scheduler with these jobs declared; nothing is stored by that."""
    scheduler = Scheduler(url, timezone="UTC", settings=Settings(threads=WORKERS))
    for spec in specs:
        scheduler.register(note_start, spec.trigger, id=spec.id, **POLICIES, **spec.trigger_args)
    return scheduler


def fill_gnomon(url: str, specs: Iterator[JobSpec]) -> None:
    """A store that holds these jobs, as the program that declared them has left it."""
    store = Store(url)
    store.upgrade()
    store.close()
    scheduler = gnomon_scheduler(url, specs)
    scheduler.start_all_jobs()
    scheduler.close()


def apscheduler(url: str, *, store: SQLAlchemyJobStore | None = None) -> BackgroundScheduler:
    """An APScheduler over a store."""
    logging.getLogger("apscheduler").setLevel(logging.ERROR)
    return BackgroundScheduler(
        jobstores={"default": store or SQLAlchemyJobStore(url)},
        executors={"default": ThreadPoolExecutor(WORKERS)},
        job_defaults=POLICIES,
        timezone="UTC",
    )


def add_to_apscheduler(scheduler: BackgroundScheduler, spec: JobSpec, *, replace_existing: bool = False) -> None:
    """Declare a job in the usual way."""
    scheduler.add_job(
        note_start, spec.trigger, id=spec.id, replace_existing=replace_existing, timezone="UTC", **spec.trigger_args
    )


def fill_apscheduler(url: str, specs: Iterator[JobSpec]) -> None:
    """A store that holds these jobs: the rows that APScheduler would write, in one transaction instead of one each."""
    store = _GatheringJobStore(url)
    scheduler = apscheduler(url, store=store)
    for spec in specs:
        add_to_apscheduler(scheduler, spec)
    scheduler.start(paused=True)
    store.write()
    scheduler.shutdown()


class _GatheringJobStore(SQLAlchemyJobStore):  # type: ignore[misc]
    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._rows: list[dict[str, Any]] = []

    def add_job(self, job: Job) -> None:
        self._rows.append(
            {
                "id": job.id,
                "next_run_time": datetime_to_utc_timestamp(job.next_run_time),
                "job_state": pickle.dumps(job.__getstate__(), self.pickle_protocol),
            }
        )

    def write(self) -> None:
        with self.engine.begin() as connection:
            connection.execute(self.jobs_t.insert(), self._rows)
