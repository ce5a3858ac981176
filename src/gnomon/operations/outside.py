"""Noticing what other programs did to rows: it gets a line in the audit log, as everybody's changes do."""

from __future__ import annotations

import logging
from collections.abc import Callable

from gnomon.domain.change import Author, Origin
from gnomon.domain.schedule import DeclaredRow
from gnomon.errors import ChangeRefused, JobNotFound
from gnomon.operations.change import carry_out
from gnomon.operations.changing import Changing
from gnomon.operations.ports import Context
from gnomon.operations.read import read_rows

logger = logging.getLogger("gnomon.operations")

_ROWS = 200


class OutsideWatch:
    """Goes through the rows of declared jobs and puts on record those that Gnomon did not write so.

    ``body`` is the part of a row that no fire changes. What was found in order is remembered by it, so that a look at
    rows that nobody has changed costs next to nothing.
    """

    def __init__(self, context: Context, body: Callable[[bytes], bytes]) -> None:
        self._context = context
        self._body = body
        self._in_order: dict[str, int] = {}

    def look(self, go_on: Callable[[], bool] = lambda: True) -> list[str]:
        """Go through all; return the ids of jobs that another program had changed. ``go_on`` is asked after each part
        of the rows, and may take its time."""
        noticed: list[str] = []
        in_order: dict[str, int] = {}
        after = ""
        while True:
            rows = self._context.store.schedules.declared_page(after, limit=_ROWS)
            noticed += self._look_at(rows, in_order)
            if len(rows) < _ROWS or not go_on():
                break
            after = rows[-1].id
        self._in_order = in_order
        return noticed

    def _look_at(self, rows: list[DeclaredRow], in_order: dict[str, int]) -> list[str]:
        new = []
        for row in rows:
            seen = hash((self._body(row.job_state), row.next_run_time is None, row.token))
            if self._in_order.get(row.id) != seen:
                new.append(row)
            in_order[row.id] = seen
        noticed = []
        for row, job in zip(new, read_rows(self._context, new), strict=True):
            if job["token"] is not None and job["token"] != row.token and self._notice(row.id):
                noticed.append(row.id)
        return noticed

    def _notice(self, job_id: str) -> bool:
        """Under the lock, it is seen whether that is still so."""
        author = Author("outside", Origin.OUTSIDE)
        try:
            carry_out(self._context, job_id, author, lambda _key: Changing(self._context, job_id, author).before)
        except (JobNotFound, ChangeRefused):  # gone, or not to be read any more
            return False
        logger.warning("another program has changed the row of job %r; `gnomon show` says what is different", job_id)
        return True
