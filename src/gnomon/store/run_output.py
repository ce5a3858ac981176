"""Reading what a run wrote, in pages of bounded size: of a run that writes much, and of one that goes on writing."""

from __future__ import annotations

from typing import Any

from gnomon.domain.ledger import OutputPage, Piece
from gnomon.domain.times import from_micros
from gnomon.store.database import Database
from gnomon.store.session import Session

#: Characters on one page, unless one piece alone has more.
LARGEST_OUTPUT_PAGE = 256 * 1024

_AFTER_ALL = 2**31 - 1


class RunOutput:
    """Reads of ``gnomon_output``."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def page(self, run_id: int, *, after: int = -1, limit: int) -> OutputPage:
        """Up to ``limit`` pieces from the one after ``after``."""
        with self._database.read() as session:
            condition = "seq > :after ORDER BY seq LIMIT :limit"
            sizes = _sizes(session, run_id, condition, {"after": after, "limit": limit + 1})
            chosen = _fitting(sizes[:limit])
            if not chosen:
                return OutputPage([], after, True)
            pieces = _pieces(session, run_id, first=chosen[0], last=chosen[-1])
        return OutputPage(pieces, chosen[-1], len(chosen) == len(sizes))

    def tail(self, run_id: int, *, limit: int, before: int | None = None, size: int | None = None) -> OutputPage:
        """The last ``limit`` pieces, or those before the piece ``before``; as many of them as fit into ``size``
        characters, or on a page. Nothing follows the last piece of all, or of those that were asked for."""
        with self._database.read() as session:
            rest = "seq < :before ORDER BY seq DESC LIMIT :limit"
            sizes = _sizes(session, run_id, rest, {"limit": limit, "before": _AFTER_ALL if before is None else before})
            chosen = _fitting(sizes, size)
            if not chosen:
                return OutputPage([], -1, True)
            pieces = _pieces(session, run_id, first=chosen[-1], last=chosen[0])
        return OutputPage(pieces, chosen[0], True)


def _sizes(session: Session, run_id: int, rest: str, parameters: dict[str, Any]) -> list[tuple[int, int]]:
    statement = f"SELECT seq, length(text) FROM gnomon_output WHERE run_id = :id AND {rest}"
    return [(row[0], row[1]) for row in session.execute(statement, {"id": run_id, **parameters})]


def _fitting(sizes: list[tuple[int, int]], most: int | None = None) -> list[int]:
    """The first pieces that fit on a page together; one always does."""
    chosen: list[int] = []
    room = LARGEST_OUTPUT_PAGE if most is None else most
    for seq, size in sizes:
        room -= size
        if chosen and room < 0:
            break
        chosen.append(seq)
    return chosen


def _pieces(session: Session, run_id: int, *, first: int, last: int) -> list[Piece]:
    statement = (
        "SELECT run_id, seq, at, stream, text FROM gnomon_output "
        "WHERE run_id = :id AND seq >= :first AND seq <= :last ORDER BY seq"
    )
    rows = session.execute(statement, {"id": run_id, "first": first, "last": last})
    return [Piece(row[0], row[1], from_micros(row[2]), row[3], row[4]) for row in rows]
