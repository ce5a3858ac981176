"""Statements on APScheduler's table: the rows that are the schedules."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from datetime import datetime
from functools import partial
from operator import itemgetter
from typing import Any

from sqlalchemy import inspect

from gnomon.domain.schedule import DeclaredRow, JobRow
from gnomon.domain.times import to_seconds
from gnomon.store.database import Database
from gnomon.store.session import Session
from gnomon.store.tables import jobs

_INSERT = (
    "INSERT INTO apscheduler_jobs (id, next_run_time, job_state) VALUES (:id, :next_run_time, :job_state) "
    "ON CONFLICT (id) DO NOTHING"
)


class Schedules:
    """Reads and writes of ``apscheduler_jobs``. Nothing in here looks into ``job_state``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self) -> None:
        """Make the table as APScheduler makes it, if there is none."""
        with self._database.read() as session:
            # Callers hold locks of APScheduler's, which writers wait for: look before waiting to write.
            if inspect(session.connection()).has_table(jobs.name):
                return
        with self._database.transaction("create") as session:
            jobs.create(session.connection(), checkfirst=True)

    def due(self, now: datetime, *, exclude: Collection[str], limit: int) -> list[JobRow]:
        """Rows due at ``now``, the longest overdue first. In a transaction they are locked, passing over those that
        another node has locked."""
        dialect = self._database.dialect
        locking = dialect.skip_locked if self._database.in_transaction else ""
        condition = f"AND NOT ({dialect.among('id', 'exclude', 'text')})" if exclude else ""
        statement = (
            "SELECT id, next_run_time, job_state FROM apscheduler_jobs "
            f"WHERE next_run_time <= :now {condition} ORDER BY next_run_time LIMIT :limit {locking}"
        )
        parameters: dict[str, object] = {"now": to_seconds(now), "limit": limit}
        if exclude:
            parameters["exclude"] = dialect.array(list(exclude))
        with self._database.read() as session:
            return list(map(JobRow._make, session.execute(statement, parameters)))

    def coming(self, after: tuple[float, str], until: datetime, *, limit: int) -> list[JobRow]:
        """Rows by next run time and id, from after the given ones up to a time."""
        statement = (
            "SELECT id, next_run_time, job_state FROM apscheduler_jobs WHERE next_run_time <= :until "
            "AND (next_run_time, id) > (:after_time, :after_id) ORDER BY next_run_time, id LIMIT :limit"
        )
        parameters = {"until": to_seconds(until), "after_time": after[0], "after_id": after[1], "limit": limit}
        with self._database.read() as session:
            return list(map(JobRow._make, session.execute(statement, parameters)))

    def next_due(self, *, exclude: Collection[str]) -> float | None:
        """The earliest next run time, in seconds since 1970."""
        dialect = self._database.dialect
        condition = f"AND NOT ({dialect.among('id', 'exclude', 'text')})" if exclude else ""
        statement = (
            f"SELECT next_run_time FROM apscheduler_jobs WHERE next_run_time IS NOT NULL {condition} "
            "ORDER BY next_run_time LIMIT 1"
        )
        parameters = {"exclude": dialect.array(list(exclude))} if exclude else {}
        with self._database.read() as session:
            earliest: float | None = session.execute(statement, parameters).scalar()
            return earliest

    def due_within(self, since: datetime, until: datetime, *, besides: str = "", limit: int) -> int:
        """How many rows are next due from ``since`` up to, not including, ``until``; counted up to ``limit``."""
        statement = (
            "SELECT COUNT(*) FROM (SELECT 1 AS one FROM apscheduler_jobs WHERE next_run_time >= :since "
            "AND next_run_time < :until AND id <> :besides LIMIT :limit) AS counted"
        )
        parameters = {"since": to_seconds(since), "until": to_seconds(until), "besides": besides, "limit": limit}
        with self._database.read() as session:
            return int(session.execute(statement, parameters).scalar() or 0)

    def count_due_at(self, moment: datetime, *, exclude: str | None = None) -> int:
        """How many jobs, but one, have a time as their next."""
        # Others may have written the column with less than microseconds.
        statement = (
            "SELECT count(*) FROM apscheduler_jobs WHERE next_run_time > :low AND next_run_time < :high "
            "AND id <> :exclude"
        )
        seconds = to_seconds(moment)
        parameters = {"low": seconds - 0.0005, "high": seconds + 0.0005, "exclude": exclude or ""}
        with self._database.read() as session:
            return int(session.execute(statement, parameters).scalar())

    def get(self, job_id: str) -> JobRow | None:
        """One row."""
        return self._one(job_id, lock="")

    def lock(self, job_id: str) -> JobRow | None:
        """One row, that nobody else can write until the open transaction ends."""
        return self._one(job_id, lock=self._database.dialect.lock)

    def lock_all(self, job_ids: Sequence[str]) -> dict[str, JobRow | None]:
        """Several rows by id, as by ``lock``, in the order of their ids; ``None`` for those that there are not."""
        dialect = self._database.dialect
        statement = (
            f"SELECT id, next_run_time, job_state FROM apscheduler_jobs WHERE {dialect.among('id', 'ids', 'text')} "
            f"{dialect.lock_in_order}"
        )
        found: dict[str, JobRow | None] = dict.fromkeys(job_ids)
        with self._database.read() as session:
            rows = session.execute(statement, {"ids": dialect.array(job_ids)})
            return found | {row[0]: JobRow._make(row) for row in rows}

    def some(self, job_ids: Sequence[str]) -> dict[str, JobRow]:
        """Several rows by id."""
        dialect = self._database.dialect
        statement = (
            f"SELECT id, next_run_time, job_state FROM apscheduler_jobs WHERE {dialect.among('id', 'ids', 'text')}"
        )
        with self._database.read() as session:
            found = session.execute(statement, {"ids": dialect.array(job_ids)})
            return {row[0]: JobRow._make(row) for row in found}

    def all(self) -> list[JobRow]:
        """Every row: by next run time, then those without one, by id."""
        statement = (
            "SELECT id, next_run_time, job_state FROM apscheduler_jobs "
            "ORDER BY next_run_time IS NULL, next_run_time, id"
        )
        with self._database.read() as session:
            return list(map(JobRow._make, session.execute(statement)))

    def all_declared(self) -> list[DeclaredRow]:
        """Every row with its declaration, in the order of ``all``."""
        statement = (
            "SELECT j.id, j.next_run_time, j.job_state, d.base, d.token FROM apscheduler_jobs j "
            "LEFT JOIN gnomon_declarations d ON d.job_id = j.id"
        )
        with self._database.read() as session:
            rows = list(map(_declared_row, session.execute(statement)))
        # Sorted here: the database would move the bytes of each row about for it. By one column after the other, which
        # is several times as fast as by pairs.
        rows.sort(key=itemgetter(0))
        timed: list[DeclaredRow] = []
        others: list[DeclaredRow] = []
        for row in rows:
            time = row[1]  # others may have written there what is no number
            (timed if type(time) is float and time == time else others).append(row)
        timed.sort(key=itemgetter(1))
        others.sort(key=lambda row: row[1] is None)
        return timed + others

    def page_by_time(
        self, start: tuple[float, str] | None, *, limit: int, backwards: bool = False
    ) -> list[DeclaredRow]:
        """Rows that have a next run time with their declarations, by that and id, from behind ``start`` on (``None``:
        from the end that one comes from)."""
        beyond, order = _direction(backwards)
        condition = f"AND (j.next_run_time, j.id) {beyond} (:time, :id)" if start is not None else ""
        rest = f"WHERE j.next_run_time IS NOT NULL {condition} ORDER BY j.next_run_time {order}, j.id {order}"
        return self._declared(rest, {} if start is None else {"time": start[0], "id": start[1]}, limit)

    def page_without_time(self, start: str | None, *, limit: int, backwards: bool = False) -> list[DeclaredRow]:
        """Rows without a next run time with their declarations, by id, likewise."""
        beyond, order = _direction(backwards)
        condition = f"AND j.id {beyond} :id" if start is not None else ""
        rest = f"WHERE j.next_run_time IS NULL {condition} ORDER BY j.id {order}"
        return self._declared(rest, {} if start is None else {"id": start}, limit)

    def page_by_id(self, start: str | None, *, limit: int, backwards: bool = False) -> list[DeclaredRow]:
        """Rows with their declarations by id, likewise."""
        beyond, order = _direction(backwards)
        condition = f"WHERE j.id {beyond} :id" if start is not None else ""
        return self._declared(f"{condition} ORDER BY j.id {order}", {} if start is None else {"id": start}, limit)

    def _declared(self, rest: str, parameters: Mapping[str, object], limit: int) -> list[DeclaredRow]:
        statement = (
            "SELECT j.id, j.next_run_time, j.job_state, d.base, d.token FROM apscheduler_jobs j "
            f"LEFT JOIN gnomon_declarations d ON d.job_id = j.id {rest} LIMIT :limit"
        )
        with self._database.read() as session:
            return list(map(DeclaredRow._make, session.execute(statement, {**parameters, "limit": limit})))

    def declared_page(self, after: str, *, limit: int) -> list[DeclaredRow]:
        """Rows with their declarations by id, from after the given one. For going through all without holding all."""
        statement = (
            "SELECT j.id, j.next_run_time, j.job_state, d.base, d.token FROM apscheduler_jobs j "
            "JOIN gnomon_declarations d ON d.job_id = j.id WHERE j.id > :after ORDER BY j.id LIMIT :limit"
        )
        with self._database.read() as session:
            return list(map(DeclaredRow._make, session.execute(statement, {"after": after, "limit": limit})))

    def ids(self) -> set[str]:
        """The ids of all rows."""
        with self._database.read() as session:
            return set(session.execute("SELECT id FROM apscheduler_jobs").scalars())

    def rows_of(self, table: str) -> list[JobRow]:
        """Every row of another table of APScheduler's shape, ``name`` or ``schema.name``; in the order of ``all``."""
        with self._database.read() as session:
            statement = (
                f"SELECT id, next_run_time, job_state FROM {_quoted(session, table)} "
                "ORDER BY next_run_time IS NULL, next_run_time, id"
            )
            return list(map(JobRow._make, session.execute(statement)))

    def copy_from(self, table: str, job_ids: Sequence[str]) -> int:
        """Copy rows of such a table into this one, byte for byte. Ids that exist are passed over; returns how many
        went in."""
        among = self._database.dialect.among("id", "ids", "text")
        with self._database.transaction("copy") as session:
            statement = (
                "INSERT INTO apscheduler_jobs (id, next_run_time, job_state) "
                f"SELECT id, next_run_time, job_state FROM {_quoted(session, table)} WHERE {among} "
                "ON CONFLICT (id) DO NOTHING"
            )
            copied = session.execute(statement, {"ids": self._database.dialect.array(job_ids)}).rowcount
            self._database.announce()
            return int(copied)

    def insert(self, job_id: str, next_run_time: datetime | None, job_state: bytes) -> bool:
        """Add a row; ``False`` if the id exists."""
        values = {"id": job_id, "next_run_time": _seconds(next_run_time), "job_state": job_state}
        with self._database.transaction("insert") as session:
            inserted = session.execute(_INSERT, values).rowcount == 1
            if inserted:
                self._database.announce()
            return inserted

    def restore(self, row: JobRow) -> bool:
        """Add a row as it was; ``False`` if the id exists."""
        with self._database.transaction("insert") as session:
            inserted = session.execute(_INSERT, row._asdict()).rowcount == 1
            if inserted:
                self._database.announce()
            return inserted

    def replace(self, row: JobRow, next_run_time: datetime | None, job_state: bytes) -> bool:
        """Compare and set: write only if the row still holds the bytes that were read."""
        statement = (
            "UPDATE apscheduler_jobs SET next_run_time = :next_run_time, job_state = :job_state "
            "WHERE id = :id AND job_state = :old_state"
        )
        values = {
            "id": row.id,
            "next_run_time": _seconds(next_run_time),
            "job_state": job_state,
            "old_state": row.job_state,
        }
        batch = self._database.batch
        held = None if batch is None else batch.rows.get(row.id)
        if batch is not None and held is not None:
            if held.job_state != row.job_state:
                return False
            batch.rows[row.id] = JobRow(row.id, _seconds(next_run_time), job_state)
            batch.write(statement, values)
            self._database.announce()
            return True
        with self._database.transaction("replace") as session:
            replaced = session.execute(statement, values).rowcount == 1
            if replaced:
                self._database.announce()
            return replaced

    def delete(self, job_id: str) -> bool:
        """Remove a row; ``False`` if there was none."""
        with self._database.transaction("delete") as session:
            deleted = session.execute("DELETE FROM apscheduler_jobs WHERE id = :id", {"id": job_id})
            self._database.announce()
            return deleted.rowcount == 1

    def delete_all(self) -> None:
        """Remove every row."""
        with self._database.transaction("delete") as session:
            session.execute("DELETE FROM apscheduler_jobs")
            self._database.announce()

    def advance(self, rows: Sequence[tuple[JobRow, datetime | None, bytes]]) -> int:
        """What a fire writes: the next run time, of many rows, each compare and set. Returns how many matched."""
        values = [(_seconds(next_run_time), state, row.id, row.job_state) for row, next_run_time, state in rows]
        with self._database.transaction("advance") as session:
            return self._database.dialect.advance_jobs(session, values)

    def _one(self, job_id: str, lock: str) -> JobRow | None:
        batch = self._database.batch
        if batch is not None and job_id in batch.rows:
            return batch.rows[job_id]
        statement = f"SELECT id, next_run_time, job_state FROM apscheduler_jobs WHERE id = :id {lock}"
        with self._database.read() as session:
            row = session.execute(statement, {"id": job_id}).one_or_none()
        return None if row is None else JobRow._make(row)


def _direction(backwards: bool) -> tuple[str, str]:
    """What is beyond a place, and the order in which one comes to it."""
    return ("<", "DESC") if backwards else (">", "ASC")


def _quoted(session: Session, table: str) -> str:
    """The name of a table as SQL; what stands before a dot is a schema, where there are any."""
    dialect = session.connection().dialect
    parts = [table] if dialect.name == "sqlite" else table.split(".", 1)
    return ".".join(dialect.identifier_preparer.quote_identifier(part) for part in parts)


#: As ``DeclaredRow._make``, which is called ten thousand times in a row.
_declared_row: Callable[[Iterable[Any]], DeclaredRow] = partial(tuple.__new__, DeclaredRow)


def _seconds(moment: datetime | None) -> float | None:
    return None if moment is None else to_seconds(moment)
