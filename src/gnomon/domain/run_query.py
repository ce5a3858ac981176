"""Finding runs in the ledger: what is asked for, and the pages and sums that are the answer."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from gnomon.domain.run import Cause, Run, RunState
from gnomon.errors import InvalidInput

#: Runs on one page, at most.
LARGEST_PAGE = 1000
_LONGEST_SEARCH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class RunQuery:
    """Which runs; what is empty or ``None`` does not narrow them down.

    ``scheduled_from`` is included, ``scheduled_to`` is not. ``search`` is looked for in the errors of runs that ended
    or never started, without regard to case.
    """

    job_id: str | None = None
    states: frozenset[RunState] = frozenset()
    causes: frozenset[Cause] = frozenset()
    scheduled_from: datetime | None = None
    scheduled_to: datetime | None = None
    node: str | None = None
    search: str | None = None

    def __post_init__(self) -> None:
        for field in ("scheduled_from", "scheduled_to"):
            moment = getattr(self, field)
            if moment is not None and moment.tzinfo is None:
                raise InvalidInput(field, moment, "give a time with its offset from UTC")
        if self.search is not None and not 0 < len(self.search) <= _LONGEST_SEARCH:
            raise InvalidInput("search", self.search, f"give 1 to {_LONGEST_SEARCH} characters")
        if self.search is not None and "\0" in self.search:
            raise InvalidInput("search", self.search, "no stored error holds that character")


class RunPosition(NamedTuple):
    """A place in the order of runs: by scheduled time and then by id, the newest first."""

    scheduled_at: datetime
    id: int


class RunPage(NamedTuple):
    """Runs, the newest first. ``following`` is where to go on, ``preceding`` where to go back from; ``None`` where
    nothing is.

    A page may be short, even empty, while there is more: looking through the ledger for rare runs ends after so many
    lines, so that no question takes long.
    """

    runs: list[Run]
    following: RunPosition | None
    preceding: RunPosition | None = None


class RunOutline(NamedTuple):
    """A run in as few fields as a strip of many needs."""

    id: int
    job_id: str
    state: RunState
    scheduled_at: datetime
    started_at: datetime | None
    finished_at: datetime | None


@dataclass(frozen=True, slots=True, kw_only=True)
class JobSummary:
    """The runs of one job in a span of time: how many in each state, and when the first and last of them was due.

    ``failing_since`` is the due time of the job's first failure after its last success, whether or not it is in the
    span, and ``None`` where there is none: so it says what is still wrong. ``FAILURES`` are what counts as one.
    """

    job_id: str
    counts: Mapping[RunState, int]
    first_at: datetime
    last_at: datetime
    failing_since: datetime | None


def check_limit(limit: int) -> None:
    """Raises ``InvalidInput`` for a page that is too large."""
    if isinstance(limit, bool) or not isinstance(limit, int) or not 0 < limit <= LARGEST_PAGE:
        raise InvalidInput("limit", limit, f"give a number from 1 to {LARGEST_PAGE}")
