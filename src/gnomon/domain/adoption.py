"""Adopting a table of APScheduler: what was found in a database, and what is to be said of each job in it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from gnomon.domain.schedule import JobRow

#: APScheduler's own name for its table, and the only one that Gnomon fires from.
JOBS_TABLE = "apscheduler_jobs"
#: The action of the change that says that a job was adopted.
ADOPT = "adopt"


@dataclass(frozen=True, slots=True, kw_only=True)
class Survey:
    """A database as it stands. Nothing was changed to find it out.

    ``table`` is the one whose ``rows`` these are; ``job_tables`` are all that have the shape of APScheduler's, and
    ``own_tables`` those of Gnomon's, of ``version`` (``None``: there are none). ``journal_mode`` is that of an SQLite
    file, empty for a server. ``users`` names other programs that have the database open, as far as can be known.
    ``declared`` and ``adopted`` are ids of jobs that Gnomon knows already: declared or imported, and adopted from this
    table. ``conflicting`` are ids that cannot be copied, because another job has them.
    """

    store: str
    table: str
    rows: tuple[JobRow, ...]
    job_tables: tuple[str, ...]
    own_tables: tuple[str, ...]
    version: str | None
    journal_mode: str
    users: tuple[str, ...]
    declared: frozenset[str]
    adopted: frozenset[str]
    conflicting: frozenset[str]

    @property
    def has_table(self) -> bool:
        """Whether there is anything to adopt from."""
        return self.table in self.job_tables

    @property
    def is_copied(self) -> bool:
        """Whether rows have to go to another table to be fired."""
        return self.table != JOBS_TABLE

    def is_new(self, job_id: str) -> bool:
        """Whether a job is still to be adopted."""
        return job_id not in self.adopted and (self.is_copied or job_id not in self.declared)


class Verdict(StrEnum):
    """Whether Gnomon can run a job."""

    RUNS = "runs"
    NO_CODE = "no code"
    """Its row is sound, and no code that was named runs it: kept, shown, not fired."""
    QUARANTINED = "quarantined"
    """Its row cannot be decoded, or its trigger not be calculated: kept, shown, not fired."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A job that stands in the table.

    ``reason`` and ``remedy`` belong to a verdict that is not ``RUNS``. ``overdue`` says what will become of times that
    have passed, empty if there are none; ``notes`` are what else is worth knowing. ``module`` is what would have to be
    allowed, ``None`` if nothing, or nothing that may be.
    """

    id: str
    is_new: bool
    verdict: Verdict
    schedule: str | None = None
    func: str | None = None
    next_run_time: datetime | None = None
    overdue: str = ""
    reason: str = ""
    remedy: str = ""
    module: str | None = None
    notes: tuple[str, ...] = ()
