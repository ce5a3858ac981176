"""Statements that follow what runs do: cheap enough to be asked at each hint, however long the ledger is."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from gnomon.domain.movement import RunMovement
from gnomon.store.database import Database

_COLUMNS = "id, job_id, state, attempt, progress_done, progress_total"
#: The condition of the partial index, to the letter.
_ACTIVE = "state IN ('queued', 'running')"


class Movements:
    """Reads of ``gnomon_runs`` for whoever looks on."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def active(self, *, limit: int) -> list[RunMovement]:
        """Runs that are queued or running."""
        return self._runs(f"WHERE {_ACTIVE} LIMIT :limit", {"limit": limit})

    def after(self, run_id: int, *, limit: int) -> list[RunMovement]:
        """Runs with higher ids, the newest first."""
        return self._runs("WHERE id > :id ORDER BY id DESC LIMIT :limit", {"id": run_id, "limit": limit})

    def some(self, run_ids: Sequence[int]) -> list[RunMovement]:
        """Runs by id."""
        dialect = self._database.dialect
        return self._runs(f"WHERE {dialect.among('id', 'ids', 'bigint')}", {"ids": dialect.array(list(run_ids))})

    def newest_run(self) -> int:
        """The highest id of a run; 0 where there is none."""
        with self._database.read() as session:
            return session.execute("SELECT coalesce(max(id), 0) FROM gnomon_runs").scalar()  # type: ignore[no-any-return]

    def newest_change(self) -> int:
        """The highest id of a change; 0 where there is none."""
        with self._database.read() as session:
            return session.execute("SELECT coalesce(max(id), 0) FROM gnomon_changes").scalar()  # type: ignore[no-any-return]

    def _runs(self, rest: str, parameters: dict[str, Any]) -> list[RunMovement]:
        with self._database.read() as session:
            rows = session.execute(f"SELECT {_COLUMNS} FROM gnomon_runs {rest}", parameters).all()
        return list(map(RunMovement._make, rows))
