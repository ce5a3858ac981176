"""Statements on the ledger. Every change of a state is compare-and-set under the claim: ``node`` and ``attempt``."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gnomon.domain.ledger import Finish, Line, Piece, Settled, WaitingRun
from gnomon.domain.run import Cause, Run, RunState
from gnomon.domain.steering import cancelled_by
from gnomon.domain.times import from_micros, to_micros
from gnomon.store.attempts import keep_attempts
from gnomon.store.database import Database
from gnomon.store.session import Session

RUN_COLUMNS = (
    "id, job_id, scheduled_at, state, cause, attempt, node, not_before, created_at, started_at, finished_at, "
    "covers, covers_until, error, progress_done, progress_total, cancel_requested_at, cancel_requested_by"
)
#: The condition of the partial index, to the letter: SQLite does not see that ``state = 'queued'`` implies it.
_ACTIVE = "state IN ('queued', 'running')"


class Ledger:
    """Reads and writes of ``gnomon_runs`` and ``gnomon_output``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    # -- claiming

    def active(self, job_ids: Sequence[str]) -> dict[str, int]:
        """How many runs of each job are queued or running, on all nodes. Jobs without any are left out.

        A run that was moved to another time counts once a node has claimed it: until then it takes no other's place.
        """
        dialect = self._database.dialect
        statement = (
            "SELECT job_id, count(*) FROM gnomon_runs WHERE state IN ('queued', 'running') "
            f"AND {dialect.among('job_id', 'ids', 'text')} "
            "AND NOT (cause = 'exception' AND node IS NULL AND attempt = 1) GROUP BY job_id"
        )
        with self._database.read() as session:
            rows = session.execute(statement, {"ids": dialect.array(job_ids)})
            return {row[0]: row[1] for row in rows}

    def insert(self, lines: Sequence[Line], *, at: datetime) -> list[int | None]:
        """Write lines; ``None`` in place of an id where this job and time has a line already."""
        if not lines:
            return []
        now = to_micros(at)
        with self._database.transaction("ledger") as session:
            dialect = self._database.dialect
            ids = dialect.allocate_run_ids(session, len(lines))
            rows = [
                (
                    run_id,
                    line.job_id,
                    to_micros(line.scheduled_at),
                    line.state.value,
                    line.cause.value,
                    1,
                    line.node,
                    to_micros(line.not_before),
                    line.rerun_lost,
                    now,
                    # A line that is written ahead, of a time that is skipped, is over when its time is.
                    None if line.state is RunState.QUEUED else max(now, to_micros(line.scheduled_at)),
                    line.covers,
                    None if line.covers_until is None else to_micros(line.covers_until),
                    line.error,
                )
                for run_id, line in zip(ids, lines, strict=True)
            ]
            if dialect.insert_runs(session, rows) == len(rows):
                return list(ids)
            statement = f"SELECT id FROM gnomon_runs WHERE {dialect.among('id', 'ids', 'bigint')}"
            written = set(session.execute(statement, {"ids": dialect.array(list(ids))}).scalars())
            return [run_id if run_id in written else None for run_id in ids]

    def claim_waiting(self, node: str, *, now: datetime, exclude: Collection[str], limit: int) -> list[WaitingRun]:
        """Claim queued runs that belong to nobody and may start now."""
        dialect = self._database.dialect
        condition = f"AND NOT ({dialect.among('job_id', 'exclude', 'text')})" if exclude else ""
        select = (
            "SELECT id, job_id, scheduled_at, attempt, not_before, cause FROM gnomon_runs "
            "WHERE state = 'queued' AND node IS NULL "
            f"AND not_before <= :now {condition} ORDER BY not_before LIMIT :limit {dialect.skip_locked}"
        )
        update = (
            "UPDATE gnomon_runs SET node = :node WHERE state = 'queued' AND node IS NULL "
            f"AND {dialect.among('id', 'ids', 'bigint')}"
        )
        parameters: dict[str, Any] = {"now": to_micros(now), "limit": limit}
        if exclude:
            parameters["exclude"] = dialect.array(list(exclude))
        with self._database.transaction("claim") as session:
            rows = session.execute(select, parameters).all()
            if rows:
                session.execute(update, {"node": node, "ids": dialect.array([row[0] for row in rows])})
        return [
            WaitingRun(row[0], row[1], from_micros(row[2]), row[3], from_micros(row[4]), Cause(row[5])) for row in rows
        ]

    def next_waiting(self, *, exclude: Collection[str]) -> datetime | None:
        """When the next run that belongs to nobody may start."""
        dialect = self._database.dialect
        condition = f"AND NOT ({dialect.among('job_id', 'exclude', 'text')})" if exclude else ""
        statement = (
            f"SELECT not_before FROM gnomon_runs WHERE state = 'queued' AND node IS NULL {condition} "
            "ORDER BY not_before LIMIT 1"
        )
        parameters = {"exclude": dialect.array(list(exclude))} if exclude else {}
        with self._database.read() as session:
            micros = session.execute(statement, parameters).scalar()
        return None if micros is None else from_micros(micros)

    # -- recording

    def start(self, claims: Sequence[tuple[int, str, int]], *, at: datetime) -> set[int]:
        """Record the start of (run id, node, attempt). Returns the ids that may start: the claim still held, and its
        node not given up for dead.

        May be repeated when the answer to the COMMIT was lost: each claim passes here once in the life of its node.
        """
        dialect = self._database.dialect
        source = dialect.rows("rows", {"id": "bigint", "node": "text", "attempt": "bigint"})
        statement = (
            f"UPDATE gnomon_runs SET state = 'running', started_at = :at FROM {source} AS r "
            "WHERE gnomon_runs.id = r.id AND gnomon_runs.node = r.node AND gnomon_runs.attempt = r.attempt "
            "AND gnomon_runs.state IN ('queued', 'running') "
            "AND EXISTS (SELECT 1 FROM gnomon_nodes n WHERE n.id = r.node AND n.state = 'alive') "
            "RETURNING gnomon_runs.id"
        )
        parameters = {"at": to_micros(at), "rows": dialect.table(claims)}
        with self._database.transaction("record") as session:
            return set(session.execute(statement, parameters).scalars())

    def finish(self, finishes: Sequence[Finish], *, at: datetime) -> int:
        """Record what became of attempts. Returns how many still belonged to the node that says so.

        An attempt that another shall follow is kept beside the run; where somebody has asked the run to end, none does.
        """
        dialect = self._database.dialect
        now = to_micros(at)
        source = dialect.rows(
            "rows",
            {
                "id": "bigint",
                "node": "text",
                "attempt": "bigint",
                "state": "text",
                "error": "text",
                "next_attempt": "bigint",
                "not_before": "bigint",
                "finished_at": "bigint",
                "next_node": "text",
            },
        )
        statement = (
            "UPDATE gnomon_runs SET state = r.state, error = r.error, attempt = r.next_attempt, "
            "not_before = coalesce(r.not_before, gnomon_runs.not_before), finished_at = r.finished_at, "
            "started_at = CASE WHEN r.state = 'queued' THEN NULL ELSE gnomon_runs.started_at END, "
            f"node = r.next_node FROM {source} AS r WHERE gnomon_runs.id = r.id AND gnomon_runs.node = r.node "
            "AND gnomon_runs.attempt = r.attempt AND gnomon_runs.state = 'running'"
        )
        is_any_again = any(finish.state is RunState.QUEUED for finish in finishes)
        with self._database.transaction("record") as session:
            if is_any_again:
                finishes = self._before_the_next(session, finishes, now)
            rows = [
                (
                    finish.run_id,
                    finish.node,
                    finish.attempt,
                    finish.state.value,
                    finish.error,
                    finish.next_attempt,
                    None if finish.not_before is None else to_micros(finish.not_before),
                    None if finish.state is RunState.QUEUED else now,
                    None if finish.state is RunState.QUEUED else finish.node,
                )
                for finish in finishes
            ]
            written = session.execute(statement, {"rows": dialect.table(rows)}).rowcount
            if is_any_again:
                self._database.announce()
            return written

    def _before_the_next(self, session: Session, finishes: Sequence[Finish], now: int) -> list[Finish]:
        """Keep the attempts that others follow; end the runs of those that somebody has asked to end."""
        dialect = self._database.dialect
        again = {
            (finish.run_id, finish.node, finish.attempt): finish
            for finish in finishes
            if finish.state is RunState.QUEUED
        }
        # Locked, so that no request comes between this look and the end of the attempt.
        statement = (
            "SELECT id, node, attempt, started_at, cancel_requested_at IS NOT NULL, cancel_requested_by "
            f"FROM gnomon_runs WHERE {dialect.among('id', 'ids', 'bigint')} AND state = 'running' {dialect.lock}"
        )
        kept, ended = [], {}
        for row in session.execute(statement, {"ids": dialect.array([run_id for run_id, _, _ in again])}):
            finish = again.get((row[0], row[1], row[2]))
            if finish is None:
                continue
            if row[4]:
                error = cancelled_by(row[5], finish.error)
                ended[finish.run_id] = Finish(*finish[:3], RunState.CANCELLED, error, finish.attempt, None)
            else:
                kept.append((row[0], row[2], row[1], row[3], now, finish.outcome.value, finish.error))
        keep_attempts(session, kept)
        return [ended.get(finish.run_id, finish) for finish in finishes]

    def refuse(
        self,
        run_ids: Sequence[int],
        node: str,
        *,
        error: str | None,
        at: datetime,
        state: RunState = RunState.FAILED,
    ) -> None:
        """End queued runs of a node that cannot start, with the reason."""
        dialect = self._database.dialect
        statement = (
            "UPDATE gnomon_runs SET state = :state, error = :error, finished_at = :at "
            f"WHERE state = 'queued' AND node = :node AND {dialect.among('id', 'ids', 'bigint')}"
        )
        ids = dialect.array(run_ids)
        parameters = {"state": state.value, "error": error, "at": to_micros(at), "node": node, "ids": ids}
        with self._database.transaction("record") as session:
            session.execute(statement, parameters)

    def progress(self, rows: Sequence[tuple[int, str, int, float, float | None]]) -> None:
        """Record (run id, node, attempt, done, total) of running attempts."""
        dialect = self._database.dialect
        columns = {"id": "bigint", "node": "text", "attempt": "bigint", "done": "float", "total": "float"}
        statement = (
            "UPDATE gnomon_runs SET progress_done = r.done, progress_total = r.total "
            f"FROM {dialect.rows('rows', columns)} AS r WHERE gnomon_runs.id = r.id AND gnomon_runs.node = r.node "
            "AND gnomon_runs.attempt = r.attempt AND gnomon_runs.state = 'running'"
        )
        with self._database.transaction("record") as session:
            session.execute(statement, {"rows": dialect.table(rows)})

    def write_output(self, pieces: Sequence[Piece]) -> None:
        """Keep output. A piece that is already there (its COMMIT was in doubt) stays as it is."""
        statement = (
            "INSERT INTO gnomon_output (run_id, seq, at, stream, text) VALUES (:run_id, :seq, :at, :stream, :text) "
            "ON CONFLICT (run_id, seq) DO NOTHING"
        )
        values = [
            {**piece._asdict(), "at": to_micros(piece.at), "text": piece.text.replace("\0", "\ufffd")}
            for piece in pieces
        ]
        with self._database.transaction("record") as session:
            session.execute_many(statement, values)

    def give_back(self, run_ids: Sequence[int], node: str) -> None:
        """Claimed, but not for this node after all: they belong to nobody again."""
        dialect = self._database.dialect
        statement = (
            "UPDATE gnomon_runs SET node = NULL WHERE state = 'queued' AND node = :node "
            f"AND {dialect.among('id', 'ids', 'bigint')}"
        )
        with self._database.transaction("claim") as session:
            session.execute(statement, {"node": node, "ids": dialect.array(run_ids)})

    # -- claims of dead nodes. They pass over rows that are locked: a machine that was stopped in a transaction keeps
    # its locks until the server gives it up, and who waited for them would show no sign of life. The next look settles
    # what is left.

    def release_queued(self, node: str, *, keep: Collection[int] = ()) -> int:
        """Give up queued runs claimed by a node (but ``keep``): they provably never started. Returns how many."""
        dialect = self._database.dialect
        condition = f"AND NOT ({dialect.among('id', 'keep', 'bigint')})" if keep else ""
        statement = (
            f"UPDATE gnomon_runs SET node = NULL WHERE id IN (SELECT id FROM gnomon_runs WHERE {_ACTIVE} "
            f"AND state = 'queued' AND node = :node {condition} {dialect.skip_locked})"
        )
        parameters: dict[str, Any] = {"node": node}
        if keep:
            parameters["keep"] = dialect.array(list(keep))
        with self._database.transaction("sweep") as session:
            released = session.execute(statement, parameters).rowcount
            if released:
                self._database.announce()
            return released

    def abandoned(self) -> list[str]:
        """Nodes that hold queued or running runs and do not live."""
        statement = (
            "SELECT DISTINCT r.node FROM gnomon_runs r WHERE r.state IN ('queued', 'running') AND r.node IS NOT NULL "
            "AND NOT EXISTS (SELECT 1 FROM gnomon_nodes n WHERE n.id = r.node AND n.state = 'alive')"
        )
        with self._database.read() as session:
            return list(session.execute(statement).scalars())

    def lose_running(self, node: str, *, at: datetime, error: str) -> Settled:
        """Settle the running runs of a dead node: ``lost``, or queued again where declared ``rerun_lost``.

        Those that somebody has asked to end are ``cancelled``, and don't run again; how far they came, nobody knows.
        """
        dialect = self._database.dialect
        running = (
            "SELECT id, attempt, started_at, rerun_lost, cancel_requested_at IS NOT NULL, cancel_requested_by "
            f"FROM gnomon_runs WHERE {_ACTIVE} AND state = 'running' AND node = :node {dialect.skip_locked}"
        )
        now = to_micros(at)
        with self._database.transaction("sweep") as session:
            kept, ended = [], []
            repeated = cancelled = 0
            for row in session.execute(running, {"node": node}):
                if row[4]:
                    cancelled += 1
                    ended.append((row[0], RunState.CANCELLED.value, cancelled_by(row[5], error)))
                elif row[3]:
                    repeated += 1
                    kept.append((row[0], row[1], node, row[2], now, RunState.LOST.value, error))
                else:
                    ended.append((row[0], RunState.LOST.value, error))
            if kept:
                self._repeat(session, node, kept, error)
            if ended:
                source = dialect.rows("rows", {"id": "bigint", "state": "text", "error": "text"})
                statement = (
                    f"UPDATE gnomon_runs SET state = r.state, finished_at = :at, error = r.error FROM {source} AS r "
                    "WHERE gnomon_runs.id = r.id AND gnomon_runs.node = :node AND gnomon_runs.state = 'running'"
                )
                session.execute(statement, {"rows": dialect.table(ended), "node": node, "at": now})
        return Settled(len(ended) - cancelled, repeated, cancelled)

    def _repeat(self, session: Session, node: str, attempts: Sequence[tuple[Any, ...]], error: str) -> None:
        """Queue running runs of a node again."""
        dialect = self._database.dialect
        keep_attempts(session, attempts)
        statement = (
            "UPDATE gnomon_runs SET state = 'queued', node = NULL, attempt = attempt + 1, error = :error, "
            f"started_at = NULL WHERE {dialect.among('id', 'ids', 'bigint')} AND state = 'running' AND node = :node"
        )
        ids = dialect.array([attempt[0] for attempt in attempts])
        session.execute(statement, {"ids": ids, "node": node, "error": error})
        self._database.announce()

    # -- reading

    def get(self, run_id: int) -> Run | None:
        """One run."""
        found = self._runs("WHERE id = :id", {"id": run_id})
        return found[0] if found else None

    def newest(
        self, *, job_id: str | None = None, states: Iterable[RunState] = (), limit: int = 50, before: int | None = None
    ) -> list[Run]:
        """Runs, newest first: of one job by scheduled time, of all by id. ``before`` is an id to page on from."""
        conditions, parameters = [], {"limit": limit}
        dialect = self._database.dialect
        chosen = [state.value for state in states]
        if job_id is not None:
            conditions.append("job_id = :job_id")
            parameters["job_id"] = job_id  # type: ignore[assignment]
        if chosen:
            conditions.append(dialect.among("state", "states", "text"))
            parameters["states"] = dialect.array(chosen)
        if before is not None:
            conditions.append("id < :before")
            parameters["before"] = before
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        return self._runs(f"{where} ORDER BY id DESC LIMIT :limit", parameters)

    def last_runs(self, job_ids: Sequence[str] | None = None) -> dict[str, Run]:
        """The newest run of each job, by scheduled time. Jobs that never had one are left out.

        A line that was written ahead, and has not happened, is no run yet.
        """
        batch = self._database.batch
        if batch is not None and job_ids is not None and batch.holds(job_ids):
            return {job_id: batch.last_runs[job_id] for job_id in job_ids if job_id in batch.last_runs}
        found = self._last_runs(job_ids, "")
        ahead = [run.job_id for run in found.values() if run.cause is Cause.EXCEPTION and _may_be_ahead(run)]
        if ahead:
            now = to_micros(self._database.now())
            happened = (
                f"AND NOT (r.cause = 'exception' AND r.scheduled_at > {now} AND r.state IN ('skipped', 'queued'))"
            )
            again = self._last_runs(ahead, happened)
            found = {job_id: run for job_id, run in found.items() if job_id not in ahead} | again
        return found

    def _last_runs(self, job_ids: Sequence[str] | None, condition: str) -> dict[str, Run]:
        dialect = self._database.dialect
        if job_ids is None:
            source, parameters = "(SELECT id FROM apscheduler_jobs)", {}
        else:
            source, parameters = dialect.rows("ids", {"id": "text"}), {"ids": dialect.table([[j] for j in job_ids])}
        # One look at the unique index a job, however many runs it had.
        newest = (
            f"JOIN (SELECT (SELECT r.id FROM gnomon_runs r WHERE r.job_id = j.id {condition} "
            "ORDER BY r.scheduled_at DESC LIMIT 1) "
            f"AS newest_id FROM {source} AS j) AS n ON n.newest_id = gnomon_runs.id"
        )
        return {run.job_id: run for run in self._runs(newest, parameters)}

    def output(self, run_id: int, *, after: int = -1) -> list[Piece]:
        """Output of a run, in order, from the piece after ``after``."""
        statement = (
            "SELECT run_id, seq, at, stream, text FROM gnomon_output WHERE run_id = :id AND seq > :after ORDER BY seq"
        )
        with self._database.read() as session:
            rows = session.execute(statement, {"id": run_id, "after": after})
            return [Piece(row[0], row[1], from_micros(row[2]), row[3], row[4]) for row in rows]

    def counts(self) -> dict[RunState, int]:
        """How many lines there are in each state."""
        with self._database.read() as session:
            rows = session.execute("SELECT state, count(*) FROM gnomon_runs GROUP BY state")
            return {RunState(row[0]): row[1] for row in rows}

    # -- retention

    def prune(self, *, before: datetime, keep: int, limit: int) -> int:
        """Forget up to ``limit`` finished runs: those from before a time, and those beyond ``keep`` of a job.

        A job's newest line is never forgotten: its key must stay closed. One that was written ahead, for a time that is
        still to come, is later than the newest that was not. Returns how many were forgotten.
        """
        # The bounds are looked up once a job, not once a run, and no run above them is looked at.
        statement = (
            "WITH jobs AS MATERIALIZED (SELECT j.job_id, "
            "(SELECT n.scheduled_at FROM gnomon_runs n WHERE n.job_id = j.job_id AND n.cause <> 'exception' "
            "ORDER BY n.scheduled_at DESC LIMIT 1) AS newest, "
            "(SELECT k.scheduled_at FROM gnomon_runs k WHERE k.job_id = j.job_id "
            "ORDER BY k.scheduled_at DESC LIMIT 1 OFFSET :keep) AS last_kept "
            "FROM (SELECT DISTINCT job_id FROM gnomon_runs) AS j) "
            "SELECT r.id FROM jobs JOIN gnomon_runs r ON r.job_id = jobs.job_id AND r.scheduled_at < jobs.newest "
            "AND r.scheduled_at < CASE WHEN jobs.last_kept > :before THEN jobs.last_kept ELSE :before END "
            "WHERE r.state NOT IN ('queued', 'running') "
            "AND (r.finished_at < :before OR r.scheduled_at < jobs.last_kept) LIMIT :limit"
        )
        dialect = self._database.dialect
        parameters = {"before": to_micros(before), "keep": keep - 1, "limit": limit}
        with self._database.read() as session:
            ids = list(session.execute(statement, parameters).scalars())
        if not ids:
            return 0
        chosen = {"ids": dialect.array(ids)}
        with self._database.transaction("prune") as session:
            for beside in ("gnomon_output", "gnomon_attempts"):
                session.execute(f"DELETE FROM {beside} WHERE {dialect.among('run_id', 'ids', 'bigint')}", chosen)
            return session.execute(
                (f"DELETE FROM gnomon_runs WHERE {dialect.among('id', 'ids', 'bigint')}"), chosen
            ).rowcount

    def _runs(self, rest: str, parameters: Mapping[str, Any]) -> list[Run]:
        with self._database.read() as session:
            rows = session.execute((f"SELECT {RUN_COLUMNS} FROM gnomon_runs {rest}"), parameters).all()
        return [run_of(row) for row in rows]


def _may_be_ahead(run: Run) -> bool:
    return run.state in {RunState.SKIPPED, RunState.QUEUED}


def run_of(row: Any) -> Run:
    """A run from a row of ``RUN_COLUMNS``."""

    def moment(micros: int | None) -> datetime | None:
        return None if micros is None else from_micros(micros)

    return Run(
        id=row[0],
        job_id=row[1],
        scheduled_at=from_micros(row[2]),
        state=RunState(row[3]),
        cause=Cause(row[4]),
        attempt=row[5],
        node=row[6],
        not_before=from_micros(row[7]),
        created_at=from_micros(row[8]),
        started_at=moment(row[9]),
        finished_at=moment(row[10]),
        covers=row[11],
        covers_until=moment(row[12]),
        error=row[13],
        progress_done=row[14],
        progress_total=row[15],
        cancel_requested_at=moment(row[16]),
        cancel_requested_by=row[17],
    )
