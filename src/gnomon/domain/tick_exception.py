"""An exception for one due time: it is skipped, or its run starts at another time. The schedule stays as it is.

The exception *is* the line of that time in the ledger, written ahead under the key that makes a due time happen once.
When the time comes, there is a line already, and nothing is left to decide.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gnomon.domain.change import Author
from gnomon.domain.ledger import Line
from gnomon.domain.run import Cause, RunState


class Action(StrEnum):
    """What is made of a due time."""

    SKIP = "skip"
    MOVE = "move"


@dataclass(frozen=True, slots=True, kw_only=True)
class TickException:
    """One due time of a job that was skipped or moved, by whom and why.

    ``scheduled_at`` is the due time, ``moved_to`` when its run starts instead; both in UTC. ``is_pending``: it can
    still be taken back or replaced. A run that was moved ahead and has started leaves its due time without another.
    """

    job_id: str
    scheduled_at: datetime
    action: Action
    moved_to: datetime | None
    author: Author
    made_at: datetime
    is_pending: bool = True

    @property
    def until(self) -> datetime:
        """When nothing of it lies ahead any more."""
        return self.scheduled_at if self.moved_to is None else max(self.scheduled_at, self.moved_to)

    @property
    def note(self) -> str:
        """Who did it, and why, in words."""
        said = "skipped" if self.action is Action.SKIP else "moved"
        return f"{said} by {self.author.actor}" + (f": {self.author.reason}" if self.author.reason else "")

    def line(self, *, rerun_lost: bool) -> Line:
        """What is written ahead into the ledger."""
        return Line(
            job_id=self.job_id,
            scheduled_at=self.scheduled_at,
            state=RunState.SKIPPED if self.moved_to is None else RunState.QUEUED,
            cause=Cause.EXCEPTION,
            node=None,
            not_before=self.moved_to or self.scheduled_at,
            rerun_lost=rerun_lost,
            error=self.note if self.moved_to is None else None,
        )
