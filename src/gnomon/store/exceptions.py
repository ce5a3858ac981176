"""Statements on one-tick exceptions: the lines that are written ahead into the ledger, and who wrote them and why."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gnomon.domain.change import Author, Origin
from gnomon.domain.run import RunState
from gnomon.domain.tick_exception import Action, TickException
from gnomon.domain.times import from_micros, to_micros
from gnomon.store.database import Database

_COLUMNS = (
    "e.job_id, e.scheduled_at, e.action, e.moved_to, e.actor, e.origin, e.reason, e.made_at, "
    # As it was written: skipped, or waiting for its first start. A run of another state has happened.
    "CASE WHEN e.action = 'skip' THEN r.state = 'skipped' AND e.scheduled_at > :now "
    "ELSE r.state = 'queued' AND r.attempt = 1 AND r.node IS NULL END"
)
_LINES = "gnomon_exceptions e JOIN gnomon_runs r ON r.job_id = e.job_id AND r.scheduled_at = e.scheduled_at"


class Exceptions:
    """Reads and writes of ``gnomon_exceptions``, and of the lines in ``gnomon_runs`` that they stand for."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, exception: TickException) -> None:
        """Note who made an exception and why; its line is in the ledger already."""
        statement = (
            "INSERT INTO gnomon_exceptions (job_id, scheduled_at, action, moved_to, until, actor, origin, reason, "
            "made_at) VALUES (:job_id, :scheduled_at, :action, :moved_to, :until, :actor, :origin, :reason, :made_at)"
        )
        values = {
            "job_id": exception.job_id,
            "scheduled_at": to_micros(exception.scheduled_at),
            "action": exception.action.value,
            "moved_to": None if exception.moved_to is None else to_micros(exception.moved_to),
            "until": to_micros(exception.until),
            "actor": exception.author.actor,
            "origin": exception.author.origin.value,
            "reason": exception.author.reason,
            "made_at": to_micros(exception.made_at),
        }
        with self._database.transaction("change") as session:
            session.execute(statement, values)

    def is_beside(self, job_id: str) -> bool:
        """Whether an exception or a calendar stands beside the row of a job: one look for both, and most often none."""
        batch = self._database.batch
        if batch is not None and batch.holds([job_id]):
            return job_id in batch.exceptions or job_id in batch.calendars
        statement = (
            "SELECT EXISTS (SELECT 1 FROM gnomon_exceptions WHERE job_id = :job_id) "
            "OR EXISTS (SELECT 1 FROM gnomon_job_calendars WHERE job_id = :job_id)"
        )
        with self._database.read() as session:
            return bool(session.execute(statement, {"job_id": job_id}).scalar())

    def ahead(self, job_ids: Sequence[str] | None = None, *, now: datetime) -> dict[str, list[TickException]]:
        """The exceptions of some jobs, or of all, whose due time or new time is still to come, by due time."""
        batch = self._database.batch
        if batch is not None and job_ids is not None and batch.holds(job_ids):
            read_ahead = {
                job_id: [each for each in batch.exceptions.get(job_id, ()) if each.until > now] for job_id in job_ids
            }
            return {job_id: found for job_id, found in read_ahead.items() if found}
        condition, parameters = self._of_jobs(job_ids)
        return self._found(f"e.until > :now {condition}", {**parameters, "now": to_micros(now)})

    def of_jobs(self, job_ids: Sequence[str], *, now: datetime) -> dict[str, list[TickException]]:
        """The exceptions of some jobs, also those that are over and not forgotten yet, by due time."""
        condition = self._database.dialect.among("e.job_id", "ids", "text")
        return self._found(condition, {"ids": self._database.dialect.array(job_ids), "now": to_micros(now)})

    def pending(self, job_id: str, *, now: datetime) -> list[TickException]:
        """The exceptions of a job that have not happened, also those whose run waits although its time has come."""
        batch = self._database.batch
        if batch is not None and batch.holds([job_id]):
            return [each for each in batch.exceptions.get(job_id, ()) if each.is_pending and _is_still(each, now)]
        found = self._found("e.job_id = :job_id", {"job_id": job_id, "now": to_micros(now)})
        return [each for each in found.get(job_id, []) if each.is_pending]

    def taken(self, *, since: datetime, until: datetime) -> dict[str, frozenset[datetime]]:
        """The due times from ``since`` to ``until`` for which exceptions were made, of all jobs: they are few."""
        statement = (
            "SELECT job_id, scheduled_at FROM gnomon_exceptions "
            "WHERE until >= :since AND scheduled_at >= :since AND scheduled_at <= :until"
        )
        found: dict[str, set[datetime]] = {}
        with self._database.read() as session:
            for row in session.execute(statement, {"since": to_micros(since), "until": to_micros(until)}):
                found.setdefault(row[0], set()).add(from_micros(row[1]))
        return {job_id: frozenset(times) for job_id, times in found.items()}

    def drop(self, exception: TickException, *, now: datetime, error: str) -> bool:
        """Take an exception back, if it has not happened: as if it had never been made.

        A due time that is over keeps its line, or there would be none: it is ``missed``, with the reason. Returns
        whether there was something to take back.
        """
        key = {
            "job_id": exception.job_id,
            "scheduled_at": to_micros(exception.scheduled_at),
        }
        line = "job_id = :job_id AND scheduled_at = :scheduled_at AND cause = 'exception'"
        pending = (
            f"{line} AND (state = 'skipped' AND scheduled_at > :now "
            "OR state = 'queued' AND attempt = 1 AND node IS NULL)"
        )
        with self._database.transaction("change") as session:
            if exception.scheduled_at > now:
                dropped = session.execute(f"DELETE FROM gnomon_runs WHERE {pending}", {**key, "now": to_micros(now)})
            else:
                statement = (
                    f"UPDATE gnomon_runs SET state = '{RunState.MISSED.value}', finished_at = :now, error = :error "
                    f"WHERE {pending}"
                )
                dropped = session.execute(statement, {**key, "now": to_micros(now), "error": error})
            if dropped.rowcount != 1:
                return False
            session.execute(
                "DELETE FROM gnomon_exceptions WHERE job_id = :job_id AND scheduled_at = :scheduled_at", key
            )
            return True

    def drop_all(self, job_ids: Sequence[str] | None, *, now: datetime, error: str) -> None:
        """Take back what has not happened, of some jobs or of all: they are removed."""
        condition, parameters = self._of_jobs(job_ids)
        with self._database.transaction("change"):
            for found in self._found(f"e.until > :now {condition}", {**parameters, "now": to_micros(now)}).values():
                for exception in found:
                    self.drop(exception, now=now, error=error)

    def forget(self, *, before: datetime) -> None:
        """Forget who made exceptions for times that are long over. What became of those times, the ledger says."""
        with self._database.transaction("prune") as session:
            session.execute("DELETE FROM gnomon_exceptions WHERE until < :before", {"before": to_micros(before)})

    def _found(self, condition: str, parameters: dict[str, Any]) -> dict[str, list[TickException]]:
        statement = f"SELECT {_COLUMNS} FROM {_LINES} WHERE {condition} ORDER BY e.scheduled_at"
        found: dict[str, list[TickException]] = {}
        with self._database.read() as session:
            for row in session.execute(statement, parameters):
                found.setdefault(row[0], []).append(
                    TickException(
                        job_id=row[0],
                        scheduled_at=from_micros(row[1]),
                        action=Action(row[2]),
                        moved_to=None if row[3] is None else from_micros(row[3]),
                        author=Author(row[4], Origin(row[5]), row[6]),
                        made_at=from_micros(row[7]),
                        is_pending=bool(row[8]),
                    )
                )
        return found

    def _of_jobs(self, job_ids: Sequence[str] | None) -> tuple[str, dict[str, Any]]:
        if job_ids is None:
            return "", {}
        dialect = self._database.dialect
        return f"AND {dialect.among('e.job_id', 'ids', 'text')}", {"ids": dialect.array(job_ids)}


def _is_still(exception: TickException, now: datetime) -> bool:
    """A skip whose time has come since it was read has happened."""
    return exception.action is not Action.SKIP or exception.scheduled_at > now
