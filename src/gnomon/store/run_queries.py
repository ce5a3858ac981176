"""Finding runs among a million: pages by position, outlines of many jobs at once, sums over a span of time."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from gnomon.domain.run import ACTIVE, FAILURES, TROUBLE, Attempt, Run, RunState
from gnomon.domain.run_query import JobSummary, RunOutline, RunPage, RunPosition, RunQuery
from gnomon.domain.times import from_micros, to_micros
from gnomon.store import tables
from gnomon.store.database import Database
from gnomon.store.ledger import RUN_COLUMNS, run_of

#: Lines that are looked through for one page of rare runs.
LINES_A_LOOK = 20_000
_BEFORE_ALL = -(2**62)


class RunQueries:
    """Reads of ``gnomon_runs`` and ``gnomon_attempts`` for people."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(
        self, query: RunQuery, *, limit: int, after: RunPosition | None = None, before: RunPosition | None = None
    ) -> RunPage:
        """Up to ``limit`` runs, the newest first: the next ones after a position, or the last ones before one."""
        asked = _Question(self._database, query, before or after, backwards=before is not None)
        with self._database.read() as session:
            rows = session.execute(asked.rows(), {**asked.parameters, "limit": limit + 1}).all()
            runs = [run_of(row) for row in rows[:limit]]
            if len(rows) > limit:
                further: RunPosition | None = _position(runs[-1])
            else:
                end = session.execute(asked.end(), asked.parameters).one_or_none() if asked.is_narrowed else None
                further = None if end is None else RunPosition(from_micros(end[0]), end[1])
        began = _position(runs[0]) if runs else None
        if before is not None:
            return RunPage(runs[::-1], following=began, preceding=further)
        return RunPage(runs, following=further, preceding=None if after is None else began)

    def outlines(self, job_ids: Sequence[str], *, each: int) -> dict[str, list[RunOutline]]:
        """The last ``each`` runs of each job, oldest first. Jobs that never had one are left out, and so are
        lines that were written ahead and have not happened."""
        dialect = self._database.dialect
        # Step by step down the unique index, from each run to the one before. A bound on the times would do on SQLite;
        # PostgreSQL expects a third of the table above any bound that it does not know, and would read it whole.
        before = "SELECT max(k.scheduled_at) FROM gnomon_runs k WHERE k.job_id ="
        statement = (
            f"WITH RECURSIVE walk(job, at, place) AS (SELECT j.id, ({before} j.id), 1 "
            f"FROM {dialect.rows('ids', {'id': 'text'})} AS j "
            f"UNION ALL SELECT w.job, ({before} w.job AND k.scheduled_at < w.at), w.place + 1 "
            "FROM walk w WHERE w.place < :each AND w.at IS NOT NULL) "
            "SELECT r.id, r.job_id, r.state, r.scheduled_at, r.started_at, r.finished_at FROM walk "
            "JOIN gnomon_runs r ON r.job_id = walk.job AND r.scheduled_at = walk.at "
            "WHERE NOT (r.cause = 'exception' AND r.scheduled_at > :now AND r.state IN ('skipped', 'queued')) "
            "ORDER BY r.job_id, r.scheduled_at"
        )
        ids = dialect.table([[job_id] for job_id in sorted(set(job_ids))])
        found: dict[str, list[RunOutline]] = {}
        with self._database.read() as session:
            parameters = {"ids": ids, "each": each, "now": to_micros(self._database.now())}
            for row in session.execute(statement, parameters):
                outline = RunOutline(
                    row[0], row[1], RunState(row[2]), from_micros(row[3]), _moment(row[4]), _moment(row[5])
                )
                found.setdefault(outline.job_id, []).append(outline)
        return found

    def summary(self, *, since: datetime, until: datetime, every_state: bool) -> list[JobSummary]:
        """The runs that were due from ``since`` up to ``until``, by job; only those that did not succeed, unless
        ``every_state``. Those that failed last come first."""
        condition = "" if every_state else f"AND {tables.TROUBLE}"
        statement = (
            "SELECT job_id, state, count(*), min(scheduled_at), max(scheduled_at) FROM gnomon_runs "
            f"WHERE scheduled_at >= :since AND scheduled_at < :until {condition} GROUP BY job_id, state"
        )
        with self._database.read() as session:
            rows = session.execute(statement, {"since": to_micros(since), "until": to_micros(until)}).all()
            failing = self._failing_since(sorted({row[0] for row in rows}))
        counts: dict[str, dict[RunState, int]] = {}
        spans: dict[str, tuple[int, int]] = {}
        for job_id, state, count, first, last in rows:
            counts.setdefault(job_id, {})[RunState(state)] = count
            known = spans.get(job_id, (first, last))
            spans[job_id] = (min(first, known[0]), max(last, known[1]))
        summaries = [
            JobSummary(
                job_id=job_id,
                counts=counts[job_id],
                first_at=from_micros(first),
                last_at=from_micros(last),
                failing_since=failing.get(job_id),
            )
            for job_id, (first, last) in spans.items()
        ]
        return sorted(summaries, key=lambda summary: (summary.failing_since is None, -summary.last_at.timestamp()))

    def _failing_since(self, job_ids: Sequence[str]) -> dict[str, datetime]:
        dialect = self._database.dialect
        statement = (
            "WITH jobs AS MATERIALIZED (SELECT j.id, coalesce((SELECT r.scheduled_at FROM gnomon_runs r "
            "WHERE r.job_id = j.id AND r.state = 'succeeded' ORDER BY r.scheduled_at DESC LIMIT 1), "
            f"{_BEFORE_ALL}) AS well FROM {dialect.rows('ids', {'id': 'text'})} AS j) "
            "SELECT jobs.id, (SELECT k.scheduled_at FROM gnomon_runs k WHERE k.job_id = jobs.id "
            f"AND k.scheduled_at > jobs.well AND {dialect.among('k.state', 'failures', 'text')} "
            "ORDER BY k.scheduled_at LIMIT 1) FROM jobs"
        )
        parameters = {
            "ids": dialect.table([[job_id] for job_id in job_ids]),
            "failures": dialect.array(sorted(FAILURES)),
        }
        with self._database.read() as session:
            rows = session.execute(statement, parameters).all()
        return {row[0]: from_micros(row[1]) for row in rows if row[1] is not None}

    def attempts(self, run_id: int) -> list[Attempt]:
        """The attempts of a run that others followed, in order."""
        statement = (
            "SELECT attempt, state, node, started_at, finished_at, error FROM gnomon_attempts "
            "WHERE run_id = :id ORDER BY attempt"
        )
        with self._database.read() as session:
            return [
                Attempt(
                    number=row[0],
                    state=RunState(row[1]),
                    node=row[2],
                    started_at=_moment(row[3]),
                    finished_at=_moment(row[4]),
                    error=row[5],
                )
                for row in session.execute(statement, {"id": run_id})
            ]

    def active_by_node(self) -> dict[str, dict[RunState, int]]:
        """How many runs each node has claimed and not started, and how many it runs."""
        statement = (
            "SELECT node, state, count(*) FROM gnomon_runs WHERE state IN ('queued', 'running') "
            "AND node IS NOT NULL GROUP BY node, state"
        )
        found: dict[str, dict[RunState, int]] = {}
        with self._database.read() as session:
            for node, state, count in session.execute(statement):
                found.setdefault(node, {})[RunState(state)] = count
        return found


class _Question:
    """A query as SQL. What an index answers is asked of the table; the rest of at most ``LINES_A_LOOK`` lines of it."""

    def __init__(self, database: Database, query: RunQuery, start: RunPosition | None, *, backwards: bool) -> None:
        self._dialect = database.dialect
        self._indexed: list[str] = []
        self._rest: list[str] = []
        beyond, direction = (">", "ASC") if backwards else ("<", "DESC")
        self._order = self._final_order = f"scheduled_at {direction}, id {direction}"
        self.parameters: dict[str, Any] = {}
        if query.job_id is not None:
            self._ask("job_id = :job_id", job_id=query.job_id)
        self._ask_states(query)
        if query.scheduled_from is not None:
            self._ask("scheduled_at >= :since", since=to_micros(query.scheduled_from))
        if query.scheduled_to is not None:
            self._ask("scheduled_at < :until", until=to_micros(query.scheduled_to))
        if start is not None:
            place = {"place": to_micros(start.scheduled_at), "place_id": start.id}
            self._ask(f"scheduled_at {beyond}= :place AND (scheduled_at, id) {beyond} (:place, :place_id)", **place)
        if query.causes:
            self._narrow(
                self._dialect.among("cause", "causes", "text"), causes=self._dialect.array(sorted(query.causes))
            )
        if query.node is not None:
            self._narrow("node = :node", node=query.node)
        if query.search is not None:
            self._narrow("lower(error) LIKE lower(:search) ESCAPE '!'", search=_containing(query.search))

    @property
    def is_narrowed(self) -> bool:
        """Whether there are conditions that no index answers."""
        return bool(self._rest)

    def rows(self) -> str:
        """Asks for the runs; send a ``limit``."""
        source = f"gnomon_runs {self._where(self._indexed)} ORDER BY {self._order}"
        if not self._rest:
            return f"SELECT {RUN_COLUMNS} FROM {source} LIMIT :limit"
        looked_at = f"(SELECT * FROM {source} LIMIT {LINES_A_LOOK}) AS looked_at"
        return (
            f"SELECT {RUN_COLUMNS} FROM {looked_at} {self._where(self._rest)} ORDER BY {self._final_order} LIMIT :limit"
        )

    def end(self) -> str:
        """Asks for the last line that was looked at, if there may be more behind it."""
        return (
            f"SELECT scheduled_at, id FROM gnomon_runs {self._where(self._indexed)} ORDER BY {self._order} "
            f"LIMIT 1 OFFSET {LINES_A_LOOK - 1}"
        )

    def _ask_states(self, query: RunQuery) -> None:
        states = query.states
        if query.search is not None:
            states = (states or TROUBLE) & TROUBLE
            self._indexed.append(tables.TROUBLE)
        elif states and states <= TROUBLE:
            self._indexed.append(tables.TROUBLE)
        elif states and states <= ACTIVE:
            self._indexed.append("state IN ('queued', 'running')")
            if query.job_id is None:
                # The plus keeps a planner from going through all runs in the order of their times to find the few.
                self._order = f"+{self._order}"
        if query.states and states != TROUBLE and states != ACTIVE:
            self._narrow(self._dialect.among("state", "states", "text"), states=self._dialect.array(sorted(states)))

    def _ask(self, condition: str, **parameters: Any) -> None:
        self._indexed.append(condition)
        self.parameters |= parameters

    def _narrow(self, condition: str, **parameters: Any) -> None:
        self._rest.append(condition)
        self.parameters |= parameters

    @staticmethod
    def _where(conditions: list[str]) -> str:
        return f"WHERE {' AND '.join(conditions)}" if conditions else ""


def _position(run: Run) -> RunPosition:
    return RunPosition(run.scheduled_at, run.id)


def _containing(text: str) -> str:
    """A pattern for what contains a text. The escape is no backslash: those are special inside PostgreSQL's strings,
    too, in some of its settings."""
    for special in "!%_":
        text = text.replace(special, f"!{special}")
    return f"%{text}%"


def _moment(micros: int | None) -> datetime | None:
    return None if micros is None else from_micros(micros)
