"""Attempts that others follow. Written in the transaction that lets the next one follow."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gnomon.store.session import Session

ATTEMPT_COLUMNS = ("run_id", "attempt", "node", "started_at", "finished_at", "state", "error")


def keep_attempts(session: Session, attempts: Sequence[tuple[Any, ...]]) -> None:
    """Keep how attempts ended: rows of ``ATTEMPT_COLUMNS``, times in microseconds."""
    if attempts:
        statement = (
            f"INSERT INTO gnomon_attempts ({', '.join(ATTEMPT_COLUMNS)}) "
            f"VALUES ({', '.join(':' + column for column in ATTEMPT_COLUMNS)})"
        )
        session.execute_many(statement, [dict(zip(ATTEMPT_COLUMNS, row, strict=True)) for row in attempts])
