"""Changes that share a transaction: what they ask for is read in one go before, what they write is written in one go
after.

That holds only as long as the transaction executes nothing else. Any other statement first writes what is gathered, and
is the end of the batch: from there on everything is asked of the database again.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from gnomon.domain.calendar import JobCalendar
from gnomon.domain.manifest import Manifest
from gnomon.domain.override import Override
from gnomon.domain.run import Run
from gnomon.domain.schedule import JobRow, StoredDeclaration
from gnomon.domain.tick_exception import TickException
from gnomon.errors import StoreUnavailable

if TYPE_CHECKING:
    from gnomon.store.session import Session

SAVEPOINT = "SAVEPOINT gnomon_part"


@dataclass(slots=True, kw_only=True)
class Batch:
    """What stands of some jobs, whose rows the open transaction has locked, and what is to be written of them.

    ``rows`` has every job of the batch, with ``None`` for one that has no row.
    """

    rows: dict[str, JobRow | None]
    declarations: dict[str, StoredDeclaration]
    overrides: dict[str, dict[str, Override]]
    last_runs: dict[str, Run]
    exceptions: dict[str, list[TickException]]
    calendars: dict[str, JobCalendar]
    manifest: Manifest | None
    now: datetime
    _writes: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    #: How much was gathered when the current part began; ``None`` outside of any.
    _part: int | None = None

    def holds(self, job_ids: Collection[str] | None) -> bool:
        """Whether these jobs were read ahead."""
        return job_ids is not None and self.rows.keys() >= set(job_ids)

    def write(self, statement: str, parameters: Mapping[str, Any]) -> None:
        """Gather a statement that touches exactly one row, in a table that nothing else of the batch reads."""
        self._writes.append((statement, parameters))

    def begin_part(self) -> None:
        """From here on, what is gathered can be given up by itself."""
        self._part = len(self._writes)

    def end_part(self) -> None:
        """What was gathered stays."""
        self._part = None

    def give_up_part(self) -> bool:
        """Nothing of the current part is written. ``False`` if what was read ahead was changed by it."""
        kept, self._part = self._part, None
        assert kept is not None
        is_unchanged = len(self._writes) == kept
        del self._writes[kept:]
        return is_unchanged

    def settle(self, session: Session) -> None:
        """Write what was gathered. What belongs to the current part can still be given up, as a part of the
        transaction."""
        if self._part is None:
            _write(session, self._writes)
        else:
            _write(session, self._writes[: self._part])
            session.execute(SAVEPOINT)
            _write(session, self._writes[self._part :])


def _write(session: Session, writes: list[tuple[str, Mapping[str, Any]]]) -> None:
    by_statement: dict[str, list[Mapping[str, Any]]] = {}
    for statement, parameters in writes:
        by_statement.setdefault(statement, []).append(parameters)
    if session.execute_all(by_statement) != [len(rows) for rows in by_statement.values()]:
        raise StoreUnavailable("a row was not as it was read, though it was locked; nothing was changed")
