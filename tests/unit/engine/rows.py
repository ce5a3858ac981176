"""Rows for the tests of the codec: as a plain APScheduler writes them, and put together by hand."""

from __future__ import annotations

import copyreg
import pickle
from collections.abc import Mapping
from datetime import UTC, date, datetime, timedelta
from io import BytesIO
from typing import Any
from zoneinfo import ZoneInfo

from apscheduler.job import Job
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from gnomon.domain.schedule import Schedule
from gnomon.domain.triggers import CrontabTrigger

BERLIN = ZoneInfo("Europe/Berlin")
NOW = datetime(2026, 6, 1, 12, tzinfo=BERLIN)

TRIGGERS: Mapping[str, BaseTrigger] = {
    "cron": CronTrigger(hour="3-5", day_of_week="mon-fri", month="jan,mar-jun", jitter=30, timezone=BERLIN),
    "cron with all forms": CronTrigger(
        year="2026-2030/2",
        month="*/3",
        day="1,last,2nd fri,last mon",
        week="1-50",
        day_of_week="mon,wed-fri,6",
        hour="*/2",
        minute="5/10",
        second="0-30/5",
        start_date=datetime(2026, 1, 1, tzinfo=BERLIN),
        end_date=datetime(2030, 1, 1, tzinfo=UTC),
        timezone=BERLIN,
    ),
    "interval": IntervalTrigger(minutes=5, start_date=NOW, timezone=BERLIN),
    "interval with an end": IntervalTrigger(
        days=1, start_date=NOW, end_date=NOW + timedelta(days=9), jitter=5, timezone=ZoneInfo("UTC")
    ),
    "date": DateTrigger(NOW, timezone=BERLIN),
    "date in an hour that comes twice": DateTrigger(datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)),
    "calendarinterval": CalendarIntervalTrigger(
        months=1, days=2, hour=8, start_date=date(2026, 1, 15), end_date=date(2029, 1, 1), timezone=BERLIN
    ),
    "and": AndTrigger([CronTrigger(hour=3, timezone=BERLIN), CronTrigger(day="1-7", timezone=BERLIN)], jitter=10),
    "or": OrTrigger(
        [
            CronTrigger(hour=3, timezone=BERLIN),
            AndTrigger([CronTrigger(minute=1, timezone=UTC), IntervalTrigger(hours=1, start_date=NOW, timezone=UTC)]),
        ]
    ),
    "crontab": CrontabTrigger("0 3 * * 1-5", BERLIN, jitter=5),
}


def schedule(trigger: BaseTrigger = TRIGGERS["cron"], **changes: Any) -> Schedule:
    """A schedule whose function does not exist: nothing may try to import it."""
    fields: dict[str, Any] = {
        "job_id": "backup",
        "name": "Backup of everything",
        "func": "no_such_module.jobs:backup",
        "trigger": trigger,
        "executor": "default",
        "misfire_grace_time": 3600,
        "coalesce": True,
        "max_instances": 1,
    }
    return Schedule(**{**fields, **changes})


def job_state(trigger: object = TRIGGERS["cron"], **changes: Any) -> dict[str, Any]:
    """What ``Job.__getstate__()`` gives."""
    state: dict[str, Any] = {
        "version": 1,
        "id": "backup",
        "func": "no_such_module.jobs:backup",
        "trigger": trigger,
        "executor": "default",
        "args": (),
        "kwargs": {},
        "name": "Backup of everything",
        "misfire_grace_time": 3600,
        "coalesce": True,
        "max_instances": 1,
        "next_run_time": NOW,
    }
    return {**state, **changes}


def foreign_row(trigger: object = TRIGGERS["cron"], protocol: int = pickle.HIGHEST_PROTOCOL, **changes: Any) -> bytes:
    """A row with the bytes that ``SQLAlchemyJobStore`` of a plain APScheduler stores."""
    return pickle.dumps(job_state(trigger, **changes), protocol)


def row_with_trigger_state(trigger: BaseTrigger, state: object, protocol: int = pickle.HIGHEST_PROTOCOL) -> bytes:
    """The same with a trigger that pickled another state than it does today."""
    stream = BytesIO()
    pickler = pickle.Pickler(stream, protocol)
    newobj = copyreg.__newobj__  # type: ignore[attr-defined]
    pickler.dispatch_table = {**copyreg.dispatch_table, type(trigger): lambda _: (newobj, (type(trigger),), state)}
    pickler.dump(job_state(trigger))
    return stream.getvalue()


def row_of_operations(args: bytes = b")", trigger: bytes | None = None, before: bytes = b"") -> bytes:
    """A row whose args, or whose trigger, are given as pickle operations. ``before`` is carried out first."""
    state = job_state()
    if trigger is None:
        trigger = pickle.dumps(state["trigger"], 3)[2:-1]
    operations = {key: pickle.dumps(value, 3)[2:-1] for key, value in state.items()}
    operations.update(args=args, trigger=trigger)
    items = b"".join([pickle.dumps(key, 3)[2:-1] + value for key, value in operations.items()])
    return b"\x80\x03" + before + b"}(" + items + b"u."


def plain_job(row: bytes) -> Job:
    """The job that a plain APScheduler makes of a row, by ``Job.__setstate__``."""
    job = Job.__new__(Job)
    job.__setstate__(pickle.loads(row))
    job._scheduler = BackgroundScheduler()
    job._jobstore_alias = "default"
    return job


def parts(trigger: BaseTrigger) -> Any:
    """Everything that a trigger is made of, comparable: classes, attributes, zones and folds."""
    return _parts(trigger)


def _parts(value: Any) -> Any:
    if isinstance(value, datetime):
        return "datetime", value.replace(tzinfo=None), value.fold, repr(value.tzinfo)
    if isinstance(value, list | tuple):
        return type(value).__name__, [_parts(item) for item in value]
    if isinstance(value, dict):
        return {key: _parts(item) for key, item in value.items()}
    if isinstance(value, BaseTrigger):
        state = value.__getstate__()
        return type(value), _parts(state)
    if type(value).__module__.startswith("apscheduler."):
        return type(value), _parts(vars(value))
    return type(value), repr(value)
