"""Looking: at jobs, calendars, what would happen, and what was changed."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gnomon.domain.calendar import Definition
from gnomon.domain.change import Change, Origin
from gnomon.domain.triggers import BaseTrigger
from gnomon.errors import ChangeNotFound
from gnomon.operations import (
    calendars,
    read,
    read_nodes,
    tasks,
)
from gnomon.operations.closeup import Closeup, closeup, due_beside
from gnomon.operations.list_jobs import JobQuery, JobsPage, list_jobs
from gnomon.operations.patrol import read_some
from gnomon.operations.preview import (
    UNCHANGED,
    ChangePreview,
    Preview,
    Unchanged,
    preview_change,
    preview_trigger,
)
from gnomon.scheduling.core import Core, with_expression


class Reading(Core):
    """What stands, and what a change would make of it. Nothing here writes."""

    def get_all_jobs(self) -> list[dict[str, Any]]:
        """Every stored job as a JSON-ready dict, by next run time; taken from the stored rows."""
        self.open()
        return read.read_jobs(self._context)

    def list_jobs(self, query: JobQuery | None = None) -> JobsPage:
        """A page of jobs: filtered, sorted, in constant time however many there are. Raises ``InvalidInput``."""
        self.open()
        return list_jobs(self._context, query or JobQuery())

    def get_some_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Some jobs as they stand, in the order of their ids; those that are gone are left out."""
        self.open()
        return read_some(self._context, job_ids)

    def get_job(self, job_id: str) -> dict[str, Any]:
        """One stored job as a JSON-ready dict. Raises ``JobNotFound``."""
        self.open()
        return read.read_job(self._context, job_id)

    def tasks(self) -> list[dict[str, Any]]:
        """The tasks that jobs can be added for, by name, as JSON-ready dicts: those of living nodes and this process.

        While nodes run different versions of a task, it stands there once for each.
        """
        self.open()
        return tasks.list_tasks(self._context)

    def check_arguments(self, task: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Whether a job could be added for a task with these arguments: a copy of them. Raises as ``add_job`` does."""
        self.open()
        return tasks.check_arguments(self._context, task, kwargs)

    def preview(
        self,
        trigger: str | BaseTrigger,
        expression: str | None = None,
        *,
        count: int = 5,
        calendar: str | None = None,
        **trigger_args: Any,
    ) -> Preview:
        """What a trigger would do in a job that names a calendar: its next fire times, what becomes of them, and what
        happens when the clocks change. Raises ``InvalidTrigger``, ``CalendarNotFound``."""
        self.open()
        made = self.build_trigger(trigger, with_expression(expression, trigger_args))
        return preview_trigger(self._context, made, count=count, calendar=calendar)

    def preview_change(
        self,
        job_id: str,
        trigger: str | BaseTrigger | None = None,
        expression: str | None = None,
        *,
        count: int = 5,
        calendar: str | Unchanged | None = UNCHANGED,
        **trigger_args: Any,
    ) -> ChangePreview:
        """What a job will do as it stands, and what it would do with another trigger, another calendar, or both.

        Raises as ``preview`` does, and ``JobNotFound``.
        """
        self.open()
        zone = read.read_job(self._context, job_id)["timezone"]
        made = None if trigger is None else self._making(trigger, with_expression(expression, trigger_args))(zone)
        return preview_change(self._context, job_id, made, count=count, calendar=calendar)

    def closeup(self, job_id: str, *, count: int = 5) -> Closeup:
        """One stored job, its next fire times, and all that the code declares of it. Raises ``JobNotFound``."""
        self.open()
        return closeup(self._context, job_id, count=count)

    def due_beside(self, moment: datetime, *, job_id: str = "") -> int:
        """How many jobs other than ``job_id`` are next due in the same second; a thousand stands for more."""
        self.open()
        return due_beside(self._context, moment, job_id=job_id)

    def get_calendars(self) -> list[dict[str, Any]]:
        """Every stored calendar as a JSON-ready dict, by name, with its next dates and the jobs that name it."""
        self.open()
        return calendars.read_calendars(self._context)

    def get_calendar(self, name: str) -> dict[str, Any]:
        """One stored calendar. Raises ``CalendarNotFound``."""
        self.open()
        return calendars.read_calendar(self._context, name)

    def preview_calendar(
        self,
        name: str = "",
        *,
        country: str | None = None,
        subdivision: str | None = None,
        dates: Iterable[Any] | Mapping[Any, str] | None = None,
    ) -> dict[str, Any]:
        """What ``set_calendar`` would make, with the ``jobs`` that it would affect. Raises ``InvalidInput``."""
        self.open()
        definition = Definition.of(country, subdivision, dates)
        return calendars.preview_calendar(self._context, name, definition)

    def changes(
        self,
        job_id: str | None = None,
        *,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        origins: Iterable[Origin] = (),
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> list[Change]:
        """The audit log, newest first: of a job, of an actor, from some origins, between two times (inclusive).

        ``before`` is a change's id to page on from, ``after`` one to page back from: the ones next to it.
        """
        return self.store.records.changes(
            job_id,
            actor=actor,
            since=since,
            until=until,
            origins=origins,
            before=before,
            after=after,
            limit=limit,
            is_nearest=after is not None,
        )

    def change(self, change_id: int) -> Change:
        """One line of the audit log. Raises ``ChangeNotFound``."""
        found = self.store.records.change(change_id)
        if found is None:
            raise ChangeNotFound(change_id)
        return found

    def nodes(self, *, limit: int = 100) -> list[dict[str, Any]]:
        """The nodes as JSON-ready dicts: who is alive, what they run, how late they are; the living first."""
        self.open()
        return read_nodes.read_nodes(self._context, limit=limit)
