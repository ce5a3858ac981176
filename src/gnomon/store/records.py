"""Statements on what stands beside the schedules: declarations, overrides, and the audit log of changes."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from datetime import datetime
from typing import Any

import orjson

from gnomon.domain.adoption import ADOPT
from gnomon.domain.change import Author, Change, Origin
from gnomon.domain.override import Override
from gnomon.domain.schedule import StoredDeclaration
from gnomon.domain.times import from_micros, to_micros
from gnomon.store.database import Database

_LOOKED_BACK = 200


class Records:
    """Reads and writes of ``gnomon_declarations``, ``gnomon_overrides`` and ``gnomon_changes``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def declarations(self, job_ids: Sequence[str] | None = None) -> dict[str, StoredDeclaration]:
        """What is stored of the declarations, of some jobs or of all."""
        batch = self._database.batch
        if batch is not None and job_ids is not None and batch.holds(job_ids):
            return {job_id: batch.declarations[job_id] for job_id in job_ids if job_id in batch.declarations}
        condition, parameters = self._of_jobs(job_ids)
        statement = f"SELECT job_id, base, token, declared_at, superseded FROM gnomon_declarations {condition}"
        with self._database.read() as session:
            return {
                row[0]: StoredDeclaration(row[1], row[2], from_micros(row[3]), tuple(orjson.loads(row[4])))
                for row in session.execute(statement, parameters)
            }

    def bases(self) -> dict[str, str]:
        """The stored declarations as the text they are stored as: for comparing many at once."""
        with self._database.read() as session:
            rows = session.execute("SELECT job_id, base FROM gnomon_declarations").all()
            return {row[0]: row[1] for row in rows}

    def declare(self, rows: Sequence[tuple[str, str, str | None]], *, at: datetime) -> None:
        """Store (job id, base as JSON text, token). A token of ``None`` leaves the stored one. What another base
        stood for is noted as superseded."""
        earlier = self.declarations([job_id for job_id, _, _ in rows])
        statement = (
            "INSERT INTO gnomon_declarations (job_id, base, token, declared_at, superseded) "
            "VALUES (:job_id, :base, coalesce(:token, ''), :at, :superseded) ON CONFLICT (job_id) DO UPDATE SET "
            "base = excluded.base, token = coalesce(:token, gnomon_declarations.token), "
            "declared_at = excluded.declared_at, superseded = excluded.superseded"
        )
        values = [
            {
                "job_id": job_id,
                "base": base,
                "token": token,
                "at": to_micros(at),
                "superseded": _json(earlier[job_id].superseded_by(job_id, base) if job_id in earlier else ()),
            }
            for job_id, base, token in rows
        ]
        with self._database.transaction("declare") as session:
            session.execute_many(statement, values)

    def remember_token(self, job_id: str, token: str) -> None:
        """Gnomon wrote this schedule itself."""
        statement = "UPDATE gnomon_declarations SET token = :token WHERE job_id = :job_id"
        values = {"job_id": job_id, "token": token}
        batch = self._database.batch
        if batch is not None and job_id in batch.declarations:
            batch.declarations[job_id] = batch.declarations[job_id]._replace(token=token)
            batch.write(statement, values)
            return
        with self._database.transaction("change") as session:
            session.execute(statement, values)

    def overrides(self, job_ids: Sequence[str] | None = None) -> dict[str, dict[str, Override]]:
        """Overrides by job and field."""
        batch = self._database.batch
        if batch is not None and job_ids is not None and batch.holds(job_ids):
            return {job_id: dict(batch.overrides[job_id]) for job_id in job_ids if job_id in batch.overrides}
        condition, parameters = self._of_jobs(job_ids)
        statement = (
            "SELECT job_id, field, value, base, actor, origin, reason, changed_at, expires_at "
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
                    author=Author(row[4], Origin(row[5]), row[6]),
                    changed_at=from_micros(row[7]),
                    expires_at=None if row[8] is None else from_micros(row[8]),
                )
        return found

    def overridden(self, *, limit: int) -> list[str]:
        """Ids of jobs with overrides: those of which one ends soonest, then others; up to ``limit`` of each."""
        ending = "SELECT job_id FROM gnomon_overrides WHERE expires_at IS NOT NULL ORDER BY expires_at LIMIT :limit"
        others = "SELECT DISTINCT job_id FROM gnomon_overrides ORDER BY job_id LIMIT :limit"
        with self._database.read() as session:
            found = [*session.execute(ending, {"limit": limit}).scalars()]
            return list(dict.fromkeys([*found, *session.execute(others, {"limit": limit}).scalars()]))

    def override(self, override: Override) -> None:
        """Set one field's override, in place of an earlier one."""
        statement = (
            "INSERT INTO gnomon_overrides (job_id, field, value, base, actor, origin, reason, changed_at, expires_at) "
            "VALUES (:job_id, :field, :value, :base, :actor, :origin, :reason, :changed_at, :expires_at) "
            "ON CONFLICT (job_id, field) DO UPDATE SET value = excluded.value, base = excluded.base, "
            "actor = excluded.actor, origin = excluded.origin, reason = excluded.reason, "
            "changed_at = excluded.changed_at, expires_at = excluded.expires_at"
        )
        values = {
            "job_id": override.job_id,
            "field": override.field,
            "value": _json(override.value),
            "base": _json(override.base),
            "actor": override.author.actor,
            "origin": override.author.origin.value,
            "reason": override.author.reason,
            "changed_at": to_micros(override.changed_at),
            "expires_at": None if override.expires_at is None else to_micros(override.expires_at),
        }
        batch = self._database.batch
        if batch is not None and override.job_id in batch.rows:
            batch.overrides.setdefault(override.job_id, {})[override.field] = override
            batch.write(statement, values)
            return
        with self._database.transaction("change") as session:
            session.execute(statement, values)

    def drop_override(self, job_id: str, field: str) -> None:
        """The field is as the code says."""
        statement = "DELETE FROM gnomon_overrides WHERE job_id = :job_id AND field = :field"
        with self._database.transaction("change") as session:
            session.execute(statement, {"job_id": job_id, "field": field})

    def next_expiry(self, *, exclude: Collection[str] = ()) -> datetime | None:
        """When the next override expires; in the past where that has not been carried out."""
        dialect = self._database.dialect
        condition = f"AND NOT ({dialect.among('job_id', 'exclude', 'text')})" if exclude else ""
        statement = (
            f"SELECT expires_at FROM gnomon_overrides WHERE expires_at IS NOT NULL {condition} "
            "ORDER BY expires_at LIMIT 1"
        )
        parameters = {"exclude": dialect.array(list(exclude))} if exclude else {}
        with self._database.read() as session:
            micros = session.execute(statement, parameters).scalar()
        return None if micros is None else from_micros(micros)

    def expired(self, now: datetime, *, exclude: Collection[str] = (), limit: int = 100) -> list[str]:
        """Jobs with overrides whose time is over, the longest expired first."""
        dialect = self._database.dialect
        condition = f"AND NOT ({dialect.among('job_id', 'exclude', 'text')})" if exclude else ""
        statement = (
            f"SELECT job_id FROM gnomon_overrides WHERE expires_at IS NOT NULL AND expires_at <= :now {condition} "
            "GROUP BY job_id ORDER BY min(expires_at) LIMIT :limit"
        )
        parameters: dict[str, Any] = {"now": to_micros(now), "limit": limit}
        if exclude:
            parameters["exclude"] = dialect.array(list(exclude))
        with self._database.read() as session:
            return list(session.execute(statement, parameters).scalars())

    def forget(self, job_ids: Sequence[str]) -> None:
        """These jobs begin anew: without overrides, as if they had never been declared. The log of changes stays."""
        condition, parameters = self._of_jobs(job_ids)
        with self._database.transaction("change") as session:
            session.execute(f"DELETE FROM gnomon_overrides {condition}", parameters)
            session.execute(f"DELETE FROM gnomon_declarations {condition}", parameters)

    def log(self, change: Change) -> None:
        """Write a line of the audit log."""
        statement = (
            "INSERT INTO gnomon_changes (key, job_id, at, actor, origin, action, before, after, reason, token, "
            "run_id) VALUES (:key, :job_id, :at, :actor, :origin, :action, :before, :after, :reason, :token, :run_id)"
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
            "token": change.token,
            "run_id": change.run_id,
        }
        batch = self._database.batch
        if batch is not None:
            batch.write(statement, values)
            return
        with self._database.transaction("change") as session:
            session.execute(statement, values)

    def has_change(self, key: str) -> bool:
        """Whether the change of this key was committed."""
        with self._database.read() as session:
            found = session.execute("SELECT 1 FROM gnomon_changes WHERE key = :key", {"key": key})
            return found.scalar() is not None

    def changes(
        self,
        job_id: str | None = None,
        *,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        origins: Iterable[Origin] = (),
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
        is_nearest: bool = False,
    ) -> list[Change]:
        """The audit log, newest first. ``since`` and ``until`` are inclusive; ``before`` is an id to page on from,
        ``after`` one that was seen: the newest ones after it, or those next to it (``is_nearest``)."""
        dialect, among = self._database.dialect, sorted(origin.value for origin in origins)
        narrowing: dict[str, tuple[str, Any]] = {
            "job_id": ("job_id = :job_id", job_id),
            "actor": ("actor = :actor", actor),
            "since": ("at >= :since", None if since is None else to_micros(since)),
            "origins": (dialect.among("origin", "origins", "text"), dialect.array(among) if among else None),
            "until": ("at <= :until", None if until is None else to_micros(until)),
            "before": ("id < :before", before),
            "after": ("id > :after", after),
        }
        asked = {name: both for name, both in narrowing.items() if both[1] is not None}
        where = f"WHERE {' AND '.join(condition for condition, _ in asked.values())}" if asked else ""
        parameters = {name: value for name, (_, value) in asked.items()} | {"limit": limit}
        if is_nearest:
            return self._changes(f"{where} ORDER BY id LIMIT :limit", parameters)[::-1]
        return self._changes(f"{where} ORDER BY id DESC LIMIT :limit", parameters)

    def change(self, change_id: int) -> Change | None:
        """One line of the audit log."""
        found = self._changes("WHERE id = :id", {"id": change_id})
        return found[0] if found else None

    def changes_of_run(self, run_id: int) -> list[Change]:
        """What somebody did to a run, oldest first."""
        return self._changes("WHERE run_id = :run_id ORDER BY id", {"run_id": run_id})

    def changes_after(self, job_id: str, token: str) -> list[Change] | None:
        """What was changed since the schedule of a job had a token, oldest first; ``None`` if it never had, as far back
        as ``_LOOKED_BACK`` changes."""
        newest = self._changes(
            "WHERE job_id = :job_id ORDER BY id DESC LIMIT :limit", {"job_id": job_id, "limit": _LOOKED_BACK}
        )
        since: list[Change] = []
        for change in newest:
            since.append(change)
            if change.token == token:
                return since[::-1]
        return None

    def _changes(self, rest: str, parameters: dict[str, Any]) -> list[Change]:
        statement = (
            "SELECT id, key, job_id, at, actor, origin, action, before, after, reason, token, run_id "
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
                    token=row[10],
                    run_id=row[11],
                )
                for row in session.execute(statement, parameters)
            ]

    def adopted(self) -> dict[str, str]:
        """Ids of the jobs that were adopted, with the table that they stood in."""
        statement = "SELECT job_id, after FROM gnomon_changes WHERE action = :action ORDER BY id"
        with self._database.read() as session:
            found = session.execute(statement, {"action": ADOPT}).all()
        return {job_id: str(orjson.loads(after).get("table")) for job_id, after in found}

    def _of_jobs(self, job_ids: Sequence[str] | None) -> tuple[str, dict[str, Any]]:
        if job_ids is None:
            return "", {}
        dialect = self._database.dialect
        return f"WHERE {dialect.among('job_id', 'ids', 'text')}", {"ids": dialect.array(job_ids)}


def _json(value: Any) -> str:
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()
