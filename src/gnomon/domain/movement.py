"""What has moved since somebody last looked: the events of the live stream."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple


class RunMovement(NamedTuple):
    """A run, as far as it moves."""

    id: int
    job_id: str
    state: str
    attempt: int
    progress_done: float | None
    progress_total: float | None

    def to_json(self) -> dict[str, Any]:
        """As an event tells it."""
        progress = None if self.progress_done is None else {"done": self.progress_done, "total": self.progress_total}
        return {
            "id": self.id,
            "job_id": self.job_id,
            "state": self.state,
            "attempt": self.attempt,
            "progress": progress,
        }


class Event(NamedTuple):
    """Something that moved. ``kind`` is

    - ``change``: a line of the audit log was written; the data is that line;
    - ``run``: a run came, moved on or ended; the data says which, of which job, and its state;
    - ``runs``: more runs than are told one by one; the data is how many, and their jobs (or ``null``: too many);
    - ``nodes``: a node came or went;
    - ``reset``: what was missed cannot be told any more: read everything again.
    """

    kind: str
    data: Mapping[str, Any]
