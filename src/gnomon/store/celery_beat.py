"""Reading the tables of django-celery-beat, of any version, without Django."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import inspect

from gnomon.domain.celery_beat import PeriodicTask
from gnomon.domain.celery_crontab import CeleryCrontab
from gnomon.errors import StoreUnavailable
from gnomon.store.reading import reading_only
from gnomon.store.session import Session
from gnomon.store.store import Store

_PREFIX = "django_celery_beat_"
_TASKS = f"{_PREFIX}periodictask"
_SCHEDULES = ("interval", "crontab", "clocked", "solar")
_CRONTAB = ("minute", "hour", "day_of_month", "month_of_year", "day_of_week", "timezone")
_TEXTS = ("args", "kwargs", "headers", "description")
_NAMES = ("queue", "exchange", "routing_key")
_NUMBERS = ("priority", "expire_seconds")
_TIMES = ("expires", "start_time", "last_run_at", "date_changed")

Row = Mapping[str, Any]


def periodic_tasks(store: Store) -> list[PeriodicTask]:
    """Every periodic task, by name. Changes nothing.

    Times without a zone are taken as UTC, which is how Django stores them under ``USE_TZ``. Raises
    ``StoreUnavailable`` where there are no such tables.
    """
    with reading_only(store) as database, database.read() as session:
        if not inspect(session.connection()).has_table(_TASKS):
            raise StoreUnavailable(
                f"{store.shown_url} has no table {_TASKS}; give the database that your Django project keeps "
                "django-celery-beat in"
            )
        schedules = {kind: _rows(session, f"{_PREFIX}{kind}schedule") for kind in _SCHEDULES}
        tasks = _rows(session, _TASKS)
    return [_task(row, schedules) for row in sorted(tasks.values(), key=lambda row: str(row["name"]))]


def _rows(session: Session, table: str) -> dict[int, Row]:
    """Rows by id. Older versions lack some tables and columns."""
    found = inspect(session.connection())
    if not found.has_table(table):
        return {}
    columns = [column["name"] for column in found.get_columns(table)]
    names = ", ".join(f'"{name}"' for name in columns)
    rows = session.execute(f'SELECT {names} FROM "{table}"').all()
    return {row["id"]: row for row in (dict(zip(columns, values, strict=True)) for values in rows)}


def _task(row: Row, schedules: Mapping[str, Mapping[int, Row]]) -> PeriodicTask:
    chosen = {kind: schedules[kind].get(row.get(f"{kind}_id")) for kind in _SCHEDULES}  # type: ignore[arg-type]
    interval, crontab, clocked, solar = (chosen[kind] for kind in _SCHEDULES)
    values: dict[str, Any] = {
        **{name: str(row.get(name) or "") for name in _TEXTS},
        **{name: row.get(name) or None for name in _NAMES},
        **{name: row.get(name) for name in _NUMBERS},
        **{name: _moment(row.get(name)) for name in _TIMES},
    }
    return PeriodicTask(
        name=str(row["name"]),
        task=str(row["task"]),
        enabled=bool(row["enabled"]),
        one_off=bool(row.get("one_off")),
        total_run_count=int(row.get("total_run_count") or 0),
        interval=None if interval is None else (int(interval["every"]), str(interval["period"])),
        crontab=None if crontab is None else _crontab(crontab),
        clocked=None if clocked is None else _moment(clocked["clocked_time"]),
        solar=None if solar is None else f"{solar['event']} at {solar['latitude']}, {solar['longitude']}",
        **values,
    )


def _crontab(row: Row) -> CeleryCrontab:
    return CeleryCrontab(**{name: str(row[name]) for name in _CRONTAB if row.get(name) is not None})


def _moment(value: object) -> datetime | None:
    if value is None:
        return None
    moment = value if isinstance(value, datetime) else datetime.fromisoformat(str(value))
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
