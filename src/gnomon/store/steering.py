"""Statements for what operators do to runs: cancel, try again, run now under a key. All are compare-and-set."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from gnomon.domain.run import Run
from gnomon.domain.times import to_micros
from gnomon.store.attempts import keep_attempts
from gnomon.store.database import Database
from gnomon.store.ledger import RUN_COLUMNS, run_of
from gnomon.store.tables import CANCEL_REQUESTED


class KnownKey(NamedTuple):
    """What a key was given for."""

    job_id: str
    run_id: int


class Steering:
    """Writes of people to ``gnomon_runs``, and ``gnomon_run_keys``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def lock(self, run_id: int) -> Run | None:
        """A run, which nobody else changes until the open transaction ends."""
        statement = f"SELECT {RUN_COLUMNS} FROM gnomon_runs WHERE id = :id {self._database.dialect.lock}"
        with self._database.read() as session:
            row = session.execute(statement, {"id": run_id}).one_or_none()
        return None if row is None else run_of(row)

    # -- cancelling

    def cancel_queued(self, run: Run, *, at: datetime, by: str, error: str) -> bool:
        """End a run that has not started. ``False`` if it does not stand as it was read."""
        statement = (
            "UPDATE gnomon_runs SET state = 'cancelled', finished_at = :at, error = :error, "
            "cancel_requested_at = :at, cancel_requested_by = :by "
            "WHERE id = :id AND state = 'queued' AND attempt = :attempt"
        )
        values = {"id": run.id, "attempt": run.attempt, "at": to_micros(at), "by": by, "error": error}
        with self._database.transaction("cancel") as session:
            return session.execute(statement, values).rowcount == 1

    def request_cancel(self, run: Run, *, at: datetime, by: str) -> bool:
        """Ask the node of a running run to end it. ``False`` if it was asked to already, or does not run."""
        statement = (
            "UPDATE gnomon_runs SET cancel_requested_at = :at, cancel_requested_by = :by "
            "WHERE id = :id AND state = 'running' AND attempt = :attempt AND cancel_requested_at IS NULL"
        )
        values = {"id": run.id, "attempt": run.attempt, "at": to_micros(at), "by": by}
        with self._database.transaction("cancel") as session:
            self._database.announce()
            return session.execute(statement, values).rowcount == 1

    def cancel_requests(self, node: str) -> set[tuple[int, int]]:
        """The running attempts (run id, number) of a node that somebody wants to end."""
        statement = f"SELECT id, attempt FROM gnomon_runs WHERE {CANCEL_REQUESTED} AND node = :node"
        with self._database.read() as session:
            return {(row[0], row[1]) for row in session.execute(statement, {"node": node})}

    # -- trying again

    def try_again(self, run: Run, *, at: datetime) -> bool:
        """Make a run that ended, or never started, its next attempt. ``False`` if it does not stand as it was read.

        The error stays until the next attempt has ended, as after a retry that was declared.
        """
        statement = (
            "UPDATE gnomon_runs SET state = 'queued', attempt = attempt + 1, node = NULL, not_before = :at, "
            "started_at = NULL, finished_at = NULL, progress_done = NULL, progress_total = NULL, "
            "cancel_requested_at = NULL, cancel_requested_by = NULL "
            "WHERE id = :id AND state = :state AND attempt = :attempt"
        )
        values = {"id": run.id, "state": run.state.value, "attempt": run.attempt, "at": to_micros(at)}
        started_at = None if run.started_at is None else to_micros(run.started_at)
        finished_at = None if run.finished_at is None else to_micros(run.finished_at)
        with self._database.transaction("retry") as session:
            if session.execute(statement, values).rowcount != 1:
                return False
            kept = (run.id, run.attempt, run.node, started_at, finished_at, run.state.value, run.error)
            keep_attempts(session, [kept])
            self._database.announce()
            return True

    # -- keys of run-now

    def known_key(self, key: str, *, since: datetime) -> KnownKey | None:
        """What a key was given for, if that was after ``since``."""
        statement = "SELECT job_id, run_id FROM gnomon_run_keys WHERE key = :key AND at > :since"
        with self._database.read() as session:
            row = session.execute(statement, {"key": key, "since": to_micros(since)}).one_or_none()
        return None if row is None else KnownKey(row[0], row[1])

    def remember_key(self, key: str, run_id: int, job_id: str, *, at: datetime, since: datetime) -> bool:
        """Bind a key to a run. ``False`` if it is bound already, and that was after ``since``."""
        statement = (
            "INSERT INTO gnomon_run_keys (key, job_id, run_id, at) VALUES (:key, :job_id, :run_id, :at) "
            "ON CONFLICT (key) DO UPDATE SET job_id = excluded.job_id, run_id = excluded.run_id, at = excluded.at "
            "WHERE gnomon_run_keys.at <= :since"
        )
        values = {"key": key, "job_id": job_id, "run_id": run_id, "at": to_micros(at), "since": to_micros(since)}
        with self._database.transaction("run_now") as session:
            return session.execute(statement, values).rowcount == 1

    def forget_keys(self, *, before: datetime) -> None:
        """Drop keys that were given before a time."""
        with self._database.transaction("prune") as session:
            session.execute("DELETE FROM gnomon_run_keys WHERE at <= :before", {"before": to_micros(before)})
