"""Watching a store: what has moved since the last look. Events are hints with a little data; rows are the truth."""

from __future__ import annotations

from gnomon.domain.movement import Event, RunMovement
from gnomon.operations.audit import change_dict
from gnomon.operations.ports import Context

#: Told one by one in one look; more are told as one event.
_MOST_TOLD = 100
_MOST_JOBS = 200
#: Numbers are given before they are committed, so a lower one can appear after a higher one.
_OVERLAP = 200
_MOST_ACTIVE = 2000


class Watch:
    """Remembers what was seen last. Used from one thread."""

    def __init__(self, context: Context) -> None:
        self._context = context
        movements = context.store.movements
        with context.store.database.read():
            self._change = movements.newest_change()
            self._run = movements.newest_run()
            self._active = {run.id: run for run in movements.active(limit=_MOST_ACTIVE)}
            self._nodes = self._living()
            self._seen_runs = {run.id for run in movements.after(self._run - _OVERLAP, limit=2 * _OVERLAP)}
            recent = context.store.records.changes(after=self._change - _OVERLAP, limit=2 * _OVERLAP)
            self._seen_changes = {change.id or 0 for change in recent}

    def look(self) -> list[Event]:
        """What has moved. One consistent state."""
        with self._context.store.database.read():
            events = self._changes() + self._runs()
            living = self._living()
        if living != self._nodes:
            self._nodes = living
            events.append(Event("nodes", {"alive": len(living)}))
        return events

    def _living(self) -> frozenset[str]:
        return frozenset(node.id for node in self._context.store.nodes.alive())

    def _changes(self) -> list[Event]:
        found = self._context.store.records.changes(after=self._change - _OVERLAP, limit=_MOST_TOLD + _OVERLAP)
        new = [change for change in reversed(found) if change.id is not None and change.id not in self._seen_changes]
        if not new:
            return []
        self._change = max(self._change, *(change.id or 0 for change in new))
        self._seen_changes = {n for n in self._seen_changes if n > self._change - _OVERLAP}
        self._seen_changes |= {change.id or 0 for change in new}
        if len(new) > _MOST_TOLD:
            return [Event("reset", {"reason": f"{len(new)} changes at once"})]
        return [Event("change", change_dict(change)) for change in new]

    def _runs(self) -> list[Event]:
        movements = self._context.store.movements
        limit = _MOST_JOBS + _OVERLAP
        recent = movements.after(self._run - _OVERLAP, limit=limit)
        new = [run for run in recent if run.id not in self._seen_runs]
        is_flood = len(recent) == limit
        active = {run.id: run for run in movements.active(limit=_MOST_ACTIVE)}
        gone = [run_id for run_id in self._active if run_id not in active]
        moved = {run.id: run for run in active.values() if self._active.get(run.id) != run}
        moved |= {run.id: run for run in movements.some(gone[: _MOST_TOLD + 1])} if gone else {}
        moved |= {run.id: run for run in new}
        self._active = active
        if recent:
            self._run = max(self._run, recent[0].id)
            self._seen_runs = {n for n in self._seen_runs if n > self._run - _OVERLAP} | {run.id for run in recent}
        if is_flood or len(moved) > _MOST_TOLD:
            return [_flood(moved, is_flood)]
        return [Event("run", run.to_json()) for _, run in sorted(moved.items())]


def _flood(moved: dict[int, RunMovement], is_more: bool) -> Event:
    jobs = sorted({run.job_id for run in moved.values()})
    is_told = not is_more and len(jobs) <= _MOST_JOBS
    return Event("runs", {"count": len(moved), "job_ids": jobs if is_told else None})
