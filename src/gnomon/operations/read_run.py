"""One run whole: its attempts, who started it, what it wrote. JSON-ready."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from gnomon.domain.change import Change
from gnomon.domain.run import Attempt
from gnomon.errors import RunNotFound
from gnomon.operations.ports import Context
from gnomon.operations.run_dicts import iso, run_dict

_PIECES_A_PAGE = 100


def read_run(context: Context, run_id: int) -> dict[str, Any]:
    """A run as ``run_dict`` has it, with ``attempts`` (the last is the run as it stands) and ``changes``: what people
    did to it, oldest first. Raises ``RunNotFound``."""
    store = context.store
    with store.database.read():
        run = store.ledger.get(run_id)
        if run is None:
            raise RunNotFound(run_id)
        attempts = [*store.run_queries.attempts(run_id), Attempt.last_of(run)]
        changes = store.records.changes_of_run(run_id)
    return {
        **run_dict(run),
        "attempts": [_attempt_dict(attempt) for attempt in attempts],
        "changes": [_change_dict(change) for change in changes],
    }


def output_text(context: Context, run_id: int) -> Iterator[str]:
    """All that a run has written by now, as it was written and page by page: for a download of any size."""
    after = -1
    while True:
        page = context.store.run_output.page(run_id, after=after, limit=_PIECES_A_PAGE)
        yield "".join(piece.text for piece in page.pieces)
        if page.is_last:
            return
        after = page.after


def _attempt_dict(attempt: Attempt) -> dict[str, Any]:
    return {
        "number": attempt.number,
        "state": attempt.state.value,
        "node": attempt.node,
        "started_at": iso(attempt.started_at),
        "finished_at": iso(attempt.finished_at),
        "error": attempt.error,
    }


def _change_dict(change: Change) -> dict[str, Any]:
    return {
        "id": change.id,
        "at": iso(change.at),
        "action": change.action,
        "actor": change.author.actor,
        "origin": change.author.origin.value,
        "reason": change.author.reason,
    }
