"""A run: one job at one scheduled time, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class RunState(StrEnum):
    """Where a run stands.

    ``queued → running → succeeded | failed | timed_out | cancelled | lost``; a failed attempt that will be tried
    again returns to ``queued``, and so does a run that an operator tries again. ``missed``, ``skipped`` and
    ``coalesced`` never started.
    """

    QUEUED = "queued"
    RUNNING = "running"
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed_out"
    CANCELLED = "cancelled"
    LOST = "lost"
    MISSED = "missed"
    SKIPPED = "skipped"
    COALESCED = "coalesced"

    @property
    def is_active(self) -> bool:
        """Whether the run counts against ``max_instances``."""
        return self in ACTIVE


ACTIVE = frozenset({RunState.QUEUED, RunState.RUNNING})
FINISHED = frozenset({RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.CANCELLED, RunState.LOST})
NEVER_STARTED = frozenset({RunState.MISSED, RunState.SKIPPED, RunState.COALESCED})
#: What an operator may try again. Of what succeeded, a further attempt would overwrite the success; what was folded
#: into a later run has run with that.
MAY_BE_TRIED_AGAIN = (FINISHED | NEVER_STARTED) - {RunState.SUCCEEDED, RunState.COALESCED}
#: What ended or never started, and did not succeed.
TROUBLE = (FINISHED | NEVER_STARTED) - {RunState.SUCCEEDED}
#: Its work was not done, and nobody wanted that.
FAILURES = frozenset({RunState.FAILED, RunState.TIMED_OUT, RunState.LOST, RunState.MISSED})


class Cause(StrEnum):
    """Why there is a run."""

    SCHEDULE = "schedule"
    MANUAL = "manual"
    EXCEPTION = "exception"
    """Its due time was skipped or moved, and the line was written when that was done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One line of the ledger.

    Times are aware datetimes in UTC. ``covers`` is the number of due times that this line accounts for: 1, except
    for the one line that sums up a long outage: it covers all from ``scheduled_at`` up to, not including,
    ``covers_until``, and ``covers`` is ``None`` where they were too many to count. ``error`` is that of the last
    attempt which has ended. ``cancel_requested_at`` is set while the run goes on and somebody has asked it to end, and
    stays when it ends.
    """

    id: int
    job_id: str
    scheduled_at: datetime
    state: RunState
    cause: Cause
    attempt: int
    node: str | None
    not_before: datetime
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    covers: int | None
    covers_until: datetime | None
    error: str | None
    progress_done: float | None
    progress_total: float | None
    cancel_requested_at: datetime | None = None
    cancel_requested_by: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """How an attempt of a run stands or ended. One that never started (a run that was missed) has no ``started_at``."""

    number: int
    state: RunState
    node: str | None
    started_at: datetime | None
    finished_at: datetime | None
    error: str | None

    @classmethod
    def last_of(cls, run: Run) -> Attempt:
        """The attempt that the line of a run itself tells of. While it is active, the error there is that of the one
        before."""
        return cls(
            number=run.attempt,
            state=run.state,
            node=run.node,
            started_at=run.started_at,
            finished_at=run.finished_at,
            error=None if run.state.is_active else run.error,
        )
