"""Statements on calendars, and on which job leaves out the dates of which."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date

import orjson

from gnomon.domain.calendar import Definition, JobCalendar, StoredCalendar, calendar_of, dates_text
from gnomon.domain.change import Author, Origin
from gnomon.domain.schedule import StoredDeclaration
from gnomon.domain.times import from_micros, to_micros
from gnomon.store.database import Database

_COLUMNS = "name, definition, declared, dates, until, actor, origin, reason, changed_at, declared_at, superseded"


class Calendars:
    """Reads and writes of ``gnomon_calendars`` and ``gnomon_job_calendars``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- what jobs leave out

    def of_jobs(self, job_ids: Sequence[str] | None = None) -> dict[str, JobCalendar]:
        """The calendar of each of some jobs, or of all. Jobs without one are left out: most often all of them."""
        batch = self._database.batch
        if batch is not None and job_ids is not None and batch.holds(job_ids):
            return {job_id: batch.calendars[job_id] for job_id in job_ids if job_id in batch.calendars}
        dialect = self._database.dialect
        with self._database.read() as session:
            if session.execute("SELECT 1 FROM gnomon_job_calendars LIMIT 1").scalar() is None:
                return {}
            statement = "SELECT job_id, calendar FROM gnomon_job_calendars"
            if job_ids is None:
                named = session.execute(statement).all()
            else:
                statement += f" WHERE {dialect.among('job_id', 'ids', 'text')}"
                named = session.execute(statement, {"ids": dialect.array(job_ids)}).all()
            if not named:
                return {}
            names = sorted({row[1] for row in named})
            statement = (
                f"SELECT name, dates, until FROM gnomon_calendars WHERE {dialect.among('name', 'names', 'text')}"
            )
            found = {
                row[0]: JobCalendar(row[0], calendar_of(row[0], row[1], row[2]))
                for row in session.execute(statement, {"names": dialect.array(names)})
            }
        return {job_id: found.get(name) or JobCalendar(name, None) for job_id, name in named}

    def assign(self, names: Mapping[str, str | None]) -> None:
        """Let jobs leave out the dates of a calendar (``None``: of none)."""
        dialect = self._database.dialect
        given = [{"job_id": job_id, "calendar": name} for job_id, name in names.items() if name is not None]
        none = [job_id for job_id, name in names.items() if name is None]
        with self._database.transaction("change") as session:
            if none:
                condition = dialect.among("job_id", "ids", "text")
                session.execute(f"DELETE FROM gnomon_job_calendars WHERE {condition}", {"ids": dialect.array(none)})
            if given:
                session.execute_many(
                    "INSERT INTO gnomon_job_calendars (job_id, calendar) VALUES (:job_id, :calendar) "
                    "ON CONFLICT (job_id) DO UPDATE SET calendar = excluded.calendar",
                    given,
                )

    def forget(self, job_ids: Sequence[str] | None) -> None:
        """These jobs (``None``: all) name no calendar any more."""
        if job_ids is not None:
            self.assign(dict.fromkeys(job_ids))
            return
        with self._database.transaction("change") as session:
            session.execute("DELETE FROM gnomon_job_calendars")

    def users(self) -> dict[str, list[str]]:
        """The ids of the stored jobs that name each calendar, also calendars that do not exist."""
        statement = (
            "SELECT c.calendar, c.job_id FROM gnomon_job_calendars c JOIN apscheduler_jobs j ON j.id = c.job_id "
            "ORDER BY c.job_id"
        )
        found: dict[str, list[str]] = {}
        with self._database.read() as session:
            for name, job_id in session.execute(statement):
                found.setdefault(name, []).append(job_id)
        return found

    # -- calendars

    def all(self) -> list[StoredCalendar]:
        """Every calendar, by name."""
        with self._database.read() as session:
            rows = session.execute(f"SELECT {_COLUMNS} FROM gnomon_calendars ORDER BY name").all()
        return [
            StoredCalendar(
                name=row[0],
                definition=Definition.from_json(row[1]),
                declaration=_declaration(row[2], row[9], row[10]),
                calendar=calendar_of(row[0], row[3], row[4]),
                author=Author(row[5], Origin(row[6]), row[7]),
                changed_at=from_micros(row[8]),
            )
            for row in rows
        ]

    def names(self) -> list[str]:
        """The names of all calendars."""
        with self._database.read() as session:
            return list(session.execute("SELECT name FROM gnomon_calendars ORDER BY name").scalars())

    def hold(self, name: str) -> bool:
        """Keep a calendar from being removed until the open transaction ends; ``False`` if there is none."""
        statement = f"SELECT 1 FROM gnomon_calendars WHERE name = :name {self._database.dialect.hold}"
        with self._database.read() as session:
            return session.execute(statement, {"name": name}).scalar() is not None

    def put(self, stored: StoredCalendar) -> None:
        """Store a calendar, in place of an earlier one of its name."""
        statement = (
            f"INSERT INTO gnomon_calendars ({_COLUMNS}) VALUES (:name, :definition, :declared, :dates, :until, :actor, "
            ":origin, :reason, :changed_at, :declared_at, :superseded) ON CONFLICT (name) DO UPDATE SET "
            "definition = excluded.definition, "
            "declared = excluded.declared, dates = excluded.dates, until = excluded.until, actor = excluded.actor, "
            "origin = excluded.origin, reason = excluded.reason, changed_at = excluded.changed_at, "
            "declared_at = excluded.declared_at, superseded = excluded.superseded"
        )
        until: date | None = stored.calendar.until
        declaration = stored.declaration
        values = {
            "name": stored.name,
            "definition": stored.definition.to_json(),
            "declared": None if declaration is None else declaration.text,
            "declared_at": None if declaration is None else to_micros(declaration.declared_at),
            "superseded": None if declaration is None else orjson.dumps(declaration.superseded).decode(),
            "dates": dates_text(stored.calendar.dates),
            "until": None if until is None else until.isoformat(),
            "actor": stored.author.actor,
            "origin": stored.author.origin.value,
            "reason": stored.author.reason,
            "changed_at": to_micros(stored.changed_at),
        }
        with self._database.transaction("change") as session:
            session.execute(statement, values)

    def remove(self, name: str) -> bool:
        """Remove a calendar; ``False`` if there is none."""
        with self._database.transaction("change") as session:
            return session.execute("DELETE FROM gnomon_calendars WHERE name = :name", {"name": name}).rowcount == 1


def _declaration(text: str | None, at: int | None, superseded: str | None) -> StoredDeclaration | None:
    """What is stored of a declaration; the last two are ``None`` of one that is older than these columns."""
    if text is None:
        return None
    return StoredDeclaration(text, "", from_micros(at or 0), tuple(orjson.loads(superseded or "[]")))
