"""What is written into the ledger."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from gnomon.domain.run import Cause, RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """A new line. With a ``node``, the run is claimed by it; without, it waits for whoever comes first."""

    job_id: str
    scheduled_at: datetime
    state: RunState
    cause: Cause
    node: str | None
    not_before: datetime
    rerun_lost: bool = False
    covers: int | None = 1
    covers_until: datetime | None = None
    error: str | None = None


class WaitingRun(NamedTuple):
    """A queued run that has just been claimed."""

    id: int
    job_id: str
    scheduled_at: datetime
    attempt: int
    not_before: datetime
    cause: Cause = Cause.SCHEDULE

    @property
    def is_moved(self) -> bool:
        """Whether this is a run that was moved to another time, and has not started yet."""
        return self.cause is Cause.EXCEPTION and self.attempt == 1


class Finish(NamedTuple):
    """What became of an attempt. With ``state`` queued, ``next_attempt`` starts at ``not_before``, and ``outcome`` is
    what became of this one."""

    run_id: int
    node: str
    attempt: int
    state: RunState
    error: str | None
    next_attempt: int
    not_before: datetime | None
    outcome: RunState = RunState.FAILED


class Settled(NamedTuple):
    """What became of the running runs of a node that died: how many are lost, will run again, were cancelled."""

    lost: int
    repeated: int
    cancelled: int


#: Pieces of an attempt's output are numbered from here, so that those of the next attempt come after.
PIECES_AN_ATTEMPT = 1_000_000


class Piece(NamedTuple):
    """A piece of output. ``stream`` is ``stdout``, ``stderr`` or ``log``; ``seq`` grows over all attempts of a run."""

    run_id: int
    seq: int
    at: datetime
    stream: str
    text: str

    @property
    def attempt(self) -> int:
        """Which attempt wrote it."""
        return self.seq // PIECES_AN_ATTEMPT + 1


class OutputPage(NamedTuple):
    """Pieces of a run's output, in order. ``after`` is what to go on from; ``is_last`` whether nothing followed yet."""

    pieces: list[Piece]
    after: int
    is_last: bool
