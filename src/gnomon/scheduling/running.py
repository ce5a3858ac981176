"""Runs: starting, ending and retrying them, and finding them in the ledger."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from typing import Any

from gnomon.domain.change import Author
from gnomon.domain.ledger import OutputPage
from gnomon.domain.run import Run, RunState
from gnomon.domain.run_query import JobSummary, RunOutline, RunPage, RunPosition, RunQuery, check_limit
from gnomon.domain.steering import Cancellation
from gnomon.errors import RunNotFound
from gnomon.operations import (
    cancel_run,
    read_run,
    retry_run,
    run_now,
)
from gnomon.scheduling.core import Core


class Running(Core):
    """What runs, what ran, and what a person makes of it."""

    def run_job(self, job_id: str, *, key: str | None = None, author: Author | None = None) -> int:
        """Run a job once now, on any living node that has its code; return the run's id.

        A call that is repeated with its ``key`` within a day starts nothing and returns the same run, so that a request
        can be sent again. Raises ``JobNotFound``, ``InvalidInput``, ``ChangeRefused``.
        """
        self.open()
        return run_now.run_now(self._context, job_id, author or Author(), key=key)

    def cancel_run(self, run_id: int, *, author: Author | None = None) -> Cancellation:
        """End a run early, wherever it runs; see ``Cancellation`` for what that led to. To ask again changes nothing.

        Raises ``RunNotFound``, and ``ChangeRefused`` for a run that has ended otherwise.
        """
        self.open()
        return cancel_run.cancel_run(self._context, run_id, author or Author())

    def retry_run(self, run_id: int, *, author: Author | None = None) -> Run:
        """Try a run that ended badly, or never started, once more: as its next attempt, on any living node.

        Raises ``RunNotFound``, and ``ChangeRefused`` for a run that is active, succeeded or was folded into a later
        one, and for a job that cannot run now.
        """
        self.open()
        return retry_run.retry_run(self._context, run_id, author or Author())

    def runs(
        self, job_id: str | None = None, *, states: Iterable[RunState] = (), limit: int = 50, before: int | None = None
    ) -> list[Run]:
        """Lines of the ledger, newest first; ``before`` is a run's id to page on from."""
        return self.store.ledger.newest(job_id=job_id, states=states, limit=limit, before=before)

    def find_runs(
        self,
        query: RunQuery | None = None,
        *,
        limit: int = 50,
        after: RunPosition | None = None,
        before: RunPosition | None = None,
    ) -> RunPage:
        """A page of at most 1,000 runs, the newest due time first; ``after`` is the ``following`` of the page before,
        ``before`` the ``preceding`` of the page after.

        A page may be short while another follows it. Raises ``InvalidInput``.
        """
        check_limit(limit)
        return self.store.run_queries.page(query or RunQuery(), limit=limit, after=after, before=before)

    def last_runs(self, job_ids: Sequence[str], *, each: int = 20) -> dict[str, list[RunOutline]]:
        """The last runs of each of many jobs, oldest first; one question to the store."""
        check_limit(each)
        return self.store.run_queries.outlines(job_ids, each=each)

    def run_summary(
        self, since: datetime, until: datetime | None = None, *, every_state: bool = False
    ) -> list[JobSummary]:
        """What was due in a span of time (``until`` now) and did not succeed, by job: counts, and since when it fails.

        Jobs that still fail come first. With ``every_state``, all runs are counted.
        """
        store = self.store
        end = until or store.database.now()
        return store.run_queries.summary(since=since, until=end, every_state=every_state)

    def run(self, run_id: int) -> Run:
        """One line of the ledger. Raises ``RunNotFound``."""
        found = self.store.ledger.get(run_id)
        if found is None:
            raise RunNotFound(run_id)
        return found

    def get_run(self, run_id: int) -> dict[str, Any]:
        """One run as a JSON-ready dict, with its attempts and with who started, cancelled or retried it. Raises
        ``RunNotFound``."""
        self.open()
        return read_run.read_run(self._context, run_id)

    def output(self, run_id: int, *, after: int = -1) -> list[Any]:
        """What a run wrote: pieces with ``seq``, ``at``, ``stream``, ``text``, from the one after ``after``."""
        return self.store.ledger.output(run_id, after=after)

    def output_page(self, run_id: int, *, after: int = -1, limit: int = 100) -> OutputPage:
        """The same, at most ``limit`` pieces and 256 KiB at once: the page's ``after`` is where to go on."""
        check_limit(limit)
        return self.store.run_output.page(run_id, after=after, limit=limit)

    def output_tail(
        self, run_id: int, *, limit: int = 100, before: int | None = None, size: int | None = None
    ) -> OutputPage:
        """The last pieces that a run has written, 256 KiB or ``size`` characters at most; go on from the page's
        ``after`` to follow it. ``before`` is the ``seq`` of a piece: the last ones before that."""
        check_limit(limit)
        return self.store.run_output.tail(run_id, limit=limit, before=before, size=size)

    def output_text(self, run_id: int) -> Iterator[str]:
        """All that a run has written, part by part: for a download of any size. Raises ``RunNotFound``."""
        self.run(run_id)
        return read_run.output_text(self._context, run_id)
