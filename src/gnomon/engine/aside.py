"""What stands beside jobs and takes part in firing: exceptions for single due times, and calendars."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from gnomon.domain.calendar import Excluded, JobCalendar, excluded_by
from gnomon.domain.triggers import BaseTrigger
from gnomon.domain.triggers.kinds import zone_of
from gnomon.store import Store


class Aside(NamedTuple):
    """Of some jobs: due times that have their line already, and calendars. Jobs without are left out."""

    taken: Mapping[str, frozenset[datetime]]
    calendars: Mapping[str, JobCalendar]

    def taken_of(self, job_id: str) -> frozenset[datetime]:
        """The due times of a job that somebody made an exception for."""
        return self.taken.get(job_id, frozenset())

    def excluded(self, job_id: str, trigger: BaseTrigger) -> Excluded | None:
        """Which due times of a job its calendar leaves out."""
        found = self.calendars.get(job_id)
        return None if found is None else excluded_by(found.calendar, trigger)

    def problem(self, job_id: str, trigger: BaseTrigger, now: datetime) -> str | None:
        """Why it can't be said whether a job runs now."""
        found = self.calendars.get(job_id)
        return None if found is None else found.problem(now.astimezone(zone_of(trigger)).date())


def read_aside(store: Store, job_ids: Sequence[str], *, since: datetime, now: datetime) -> Aside:
    """What takes part in firing jobs of which ``since`` is the first due time. Two small reads, in most stores of
    tables that are empty."""
    return Aside(store.exceptions.taken(since=since, until=now), store.calendars.of_jobs(job_ids))
