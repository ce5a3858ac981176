"""Statements on what stands beside the schedules: declarations, overrides, and the audit log of changes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from gnomon.domain.change import Author, Change, Origin
from gnomon.domain.override import Override
from gnomon.domain.schedule import StoredDeclaration
from gnomon.domain.times import from_micros, to_micros
from gnomon.store.database import Database


class Records:
    """Reads and writes of ``gnomon_declarations``, ``gnomon_overrides`` and ``gnomon_changes``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def declarations(self, job_ids: Sequence[str] | None = None) -> dict[str, StoredDeclaration]:
        """What is stored of the declarations, of some jobs or of all."""
        condition, parameters = self._of_jobs(job_ids)
        statement = f"SELECT job_id, base, token FROM gnomon_declarations {condition}"
        with self._database.read() as session:
            return {row[0]: StoredDeclaration(row[1], row[2]) for row in session.execute(statement, parameters)}

    def bases(self) -> dict[str, str]:
        """The stored declarations as the text they are stored as: for comparing many at once."""
        with self._database.read() as session:
            rows = session.execute("SELECT job_id, base FROM gnomon_declarations").all()
            return {row[0]: row[1] for row in rows}

    def declare(self, rows: Sequence[tuple[str, str, str | None]], *, at: datetime) -> None:
        """Store (job id, base as JSON text, token). A token of ``None`` leaves the stored one."""
        statement = (
            "INSERT INTO gnomon_declarations (job_id, base, token, declared_at) "
            "VALUES (:job_id, :base, coalesce(:token, ''), :at) ON CONFLICT (job_id) DO UPDATE SET "
            "base = excluded.base, token = coalesce(:token, gnomon_declarations.token), "
            "declared_at = excluded.declared_at"
        )
        values = [{"job_id": job_id, "base": base, "token": token, "at": to_micros(at)} for job_id, base, token in rows]
        with self._database.transaction("declare") as session:
            session.execute_many(statement, values)

    def remember_token(self, job_id: str, token: str) -> None:
        """Gnomon wrote this schedule itself."""
        statement = "UPDATE gnomon_declarations SET token = :token WHERE job_id = :job_id"
        with self._database.transaction("change") as session:
            session.execute(statement, {"job_id": job_id, "token": token})

    def overrides(self, job_ids: Sequence[str] | None = None) -> dict[str, dict[str, Override]]:
        """Overrides by job and field."""
        condition, parameters = self._of_jobs(job_ids)
        statement = (
            "SELECT job_id, field, value, base, actor, reason, changed_at, expires_at "
            f"FROM gnomon_overrides {condition}"
        )
        found: dict[str, dict[str, Override]] = {}
        with self._database.read() as session:
            for row in session.execute(statement, parameters):
                found.setdefault(row[0], {})[row[1]] = Override(
                    job_id=row[0],
                    field=row[1],
                    value=orjson.loads(row[2]),
                    base=orjson.loads(row[3]),
                    actor=row[4],
                    reason=row[5],
                    changed_at=from_micros(row[6]),
                    expires_at=None if row[7] is None else from_micros(row[7]),
                )
        return found

    def override(self, override: Override) -> None:
        """Set one field's override, in place of an earlier one."""
        statement = (
            "INSERT INTO gnomon_overrides (job_id, field, value, base, actor, reason, changed_at, expires_at) "
            "VALUES (:job_id, :field, :value, :base, :actor, :reason, :changed_at, :expires_at) "
            "ON CONFLICT (job_id, field) DO UPDATE SET value = excluded.value, base = excluded.base, "
            "actor = excluded.actor, reason = excluded.reason, changed_at = excluded.changed_at, "
            "expires_at = excluded.expires_at"
        )
        values = {
            "job_id": override.job_id,
            "field": override.field,
            "value": _json(override.value),
            "base": _json(override.base),
            "actor": override.actor,
            "reason": override.reason,
            "changed_at": to_micros(override.changed_at),
            "expires_at": None if override.expires_at is None else to_micros(override.expires_at),
        }
        with self._database.transaction("change") as session:
            session.execute(statement, values)

    def drop_override(self, job_id: str, field: str) -> None:
        """The field is as the code says."""
        statement = "DELETE FROM gnomon_overrides WHERE job_id = :job_id AND field = :field"
        with self._database.transaction("change") as session:
            session.execute(statement, {"job_id": job_id, "field": field})

    def forget(self, job_ids: Sequence[str]) -> None:
        """These jobs begin anew: without overrides, as if they had never been declared. The log of changes stays."""
        condition, parameters = self._of_jobs(job_ids)
        with self._database.transaction("change") as session:
            session.execute(f"DELETE FROM gnomon_overrides {condition}", parameters)
            session.execute(f"DELETE FROM gnomon_declarations {condition}", parameters)

    def log(self, change: Change) -> None:
        """Write a line of the audit log."""
        statement = (
            "INSERT INTO gnomon_changes (key, job_id, at, actor, origin, action, before, after, reason, run_id) "
            "VALUES (:key, :job_id, :at, :actor, :origin, :action, :before, :after, :reason, :run_id)"
        )
        values = {
            "key": change.key,
            "job_id": change.job_id,
            "at": to_micros(change.at),
            "actor": change.author.actor,
            "origin": change.author.origin.value,
            "action": change.action,
            "before": _json(change.before),
            "after": _json(change.after),
            "reason": change.author.reason,
            "run_id": change.run_id,
        }
        with self._database.transaction("change") as session:
            session.execute(statement, values)

    def has_change(self, key: str) -> bool:
        """Whether the change of this key was committed."""
        with self._database.read() as session:
            found = session.execute("SELECT 1 FROM gnomon_changes WHERE key = :key", {"key": key})
            return found.scalar() is not None

    def changes(self, job_id: str | None = None, *, limit: int = 50) -> list[Change]:
        """The audit log, newest first."""
        condition = "WHERE job_id = :job_id" if job_id is not None else ""
        parameters: dict[str, Any] = {"limit": limit}
        if job_id is not None:
            parameters["job_id"] = job_id
        return self._changes(f"{condition} ORDER BY id DESC LIMIT :limit", parameters)

    def changes_of_run(self, run_id: int) -> list[Change]:
        """What somebody did to a run, oldest first."""
        return self._changes("WHERE run_id = :run_id ORDER BY id", {"run_id": run_id})

    def _changes(self, rest: str, parameters: dict[str, Any]) -> list[Change]:
        statement = (
            "SELECT id, key, job_id, at, actor, origin, action, before, after, reason, run_id "
            f"FROM gnomon_changes {rest}"
        )
        with self._database.read() as session:
            return [
                Change(
                    id=row[0],
                    key=row[1],
                    job_id=row[2],
                    at=from_micros(row[3]),
                    author=Author(row[4], Origin(row[5]), row[9]),
                    action=row[6],
                    before=orjson.loads(row[7]),
                    after=orjson.loads(row[8]),
                    run_id=row[10],
                )
                for row in session.execute(statement, parameters)
            ]

    def _of_jobs(self, job_ids: Sequence[str] | None) -> tuple[str, dict[str, Any]]:
        if job_ids is None:
            return "", {}
        dialect = self._database.dialect
        return f"WHERE {dialect.among('job_id', 'ids', 'text')}", {"ids": dialect.array(job_ids)}


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
