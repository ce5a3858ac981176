"""Changing: when jobs run, which there are, and which dates they leave out."""

from __future__ import annotations

import logging
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from gnomon.domain.calendar import Definition
from gnomon.domain.change import Author
from gnomon.domain.override import DEFAULT, Default
from gnomon.domain.triggers import BaseTrigger
from gnomon.errors import InvalidInput, escaped
from gnomon.operations import (
    add_job,
    calendars,
    change,
    defaults,
    due_times,
    exceptions,
    remove_job,
    undo,
)
from gnomon.operations.due_times import DueTime
from gnomon.scheduling.core import Core, with_expression

logger = logging.getLogger("gnomon")


class Changing(Core):
    """Each change is one transaction, with its line in the log of changes."""

    def update_job_schedule(
        self, job_id: str, trigger: str | BaseTrigger, expression: str | None = None, **trigger_args: Any
    ) -> bool:
        """Give a job another trigger. ``False`` if that was refused or failed: then nothing has changed, for no
        reader, and the log says why. ``change_job`` does the same and raises instead."""
        try:
            self.open()
            made = self._making(trigger, with_expression(expression, trigger_args))
            change.change_job(self._context, job_id, change.Patch(fields={"trigger": made}), Author())
        except Exception as error:
            logger.warning("the schedule of job %r was not changed: %s", job_id, escaped(error))
            return False
        return True

    def change_job(
        self,
        job_id: str,
        *,
        trigger: str | BaseTrigger | Default | None = None,
        trigger_args: Mapping[str, Any] | None = None,
        expires_at: datetime | None = None,
        if_token: str | None = None,
        author: Author | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Change fields of a job in one transaction and return the job as it then stands.

        ``fields``: ``enabled``, ``misfire_grace_time``, ``coalesce``, ``max_instances``, ``calendar`` (its name; None:
        none), and of a job that was added ``kwargs``, all of them; what is absent stays, and so does the time zone
        where ``trigger_args`` name none. ``DEFAULT`` in place of a value returns the field to what the code says, or
        the job was added as. The next run is counted from now, and a paused job stays paused. At ``expires_at`` what
        was changed returns to that. ``if_token`` is the token of the job that the change was decided on.

        Raises ``JobNotFound``, ``InvalidTrigger``, ``InvalidInput``, ``ChangeRefused``, ``StaleToken`` or
        ``StoreError``; then nothing has changed.
        """
        self.open()
        if trigger_args and trigger in (None, DEFAULT):
            raise InvalidInput("trigger", None, "trigger_args need a trigger: name its kind")
        if trigger is DEFAULT:
            fields["trigger"] = DEFAULT
        elif trigger is not None:
            fields["trigger"] = self._making(trigger, trigger_args or {})
        patch = change.Patch(fields=fields, expires_at=expires_at, if_token=if_token)
        return change.change_job(self._context, job_id, patch, author or Author()).job

    def pause_job(self, job_id: str, *, if_token: str | None = None, author: Author | None = None) -> bool:
        """Do not fire a job until it is resumed. Raises ``JobNotFound``, ``StaleToken``."""
        self.change_job(job_id, enabled=False, if_token=if_token, author=author)
        return True

    def resume_job(self, job_id: str, *, if_token: str | None = None, author: Author | None = None) -> bool:
        """Fire a paused job again, counted from now. Raises ``JobNotFound``, ``StaleToken``, and ``ChangeRefused`` if
        it has finished."""
        self.change_job(job_id, enabled=True, if_token=if_token, author=author)
        return True

    def revert_job(
        self,
        job_id: str,
        *,
        fields: Sequence[str] | None = None,
        if_token: str | None = None,
        author: Author | None = None,
    ) -> dict[str, Any]:
        """Return what was overridden (all fields, unless some are named) to what the code says; return the job.

        Raises as ``change_job`` does.
        """
        self.open()
        return defaults.revert(self._context, job_id, author or Author(), fields=fields, if_token=if_token)

    def adopt_default(
        self, job_id: str, *, if_token: str | None = None, author: Author | None = None
    ) -> dict[str, Any]:
        """Where the code says something else since fields were overridden (*default moved*): follow the code.

        Raises as ``change_job`` does, and ``ChangeRefused`` where no default has moved.
        """
        self.open()
        return defaults.adopt_default(self._context, job_id, author or Author(), if_token=if_token)

    def keep_override(
        self, job_id: str, *, if_token: str | None = None, author: Author | None = None
    ) -> dict[str, Any]:
        """Where the code says something else since fields were overridden (*default moved*): keep them as they are.

        Raises as ``change_job`` does, and ``ChangeRefused`` where no default has moved.
        """
        self.open()
        return defaults.keep_override(self._context, job_id, author or Author(), if_token=if_token)

    def undo_change(
        self, change_id: int, *, if_token: str | None = None, author: Author | None = None
    ) -> dict[str, Any]:
        """Undo one line of the audit log by a new change; return the job, or the calendar. What was removed is there
        again, what was added is removed. Raises ``ChangeNotFound``, ``ChangeRefused`` where a later change stands
        in the way, and as ``change_job`` or ``set_calendar`` do."""
        self.open()
        return undo.undo_change(self._context, change_id, author or Author(), if_token=if_token)

    def add_job(
        self,
        id: str,
        task: str,
        trigger: str | BaseTrigger,
        expression: str | None = None,
        *,
        kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
        description: str | None = None,
        enabled: bool = True,
        calendar: str | None = None,
        author: Author | None = None,
        **trigger_args: Any,
    ) -> dict[str, Any]:
        """Add a job that runs a task with these arguments, and return it. It is stored at once, also by a process that
        was not started and has no code: then a node has to have told of the task.

        ``kwargs`` are plain JSON, checked against the task's signature. ``calendar`` names one that there is: its
        dates are left out. What the job is added as is its default, which ``revert_job`` returns to; no start removes
        or changes it. ``remove_job`` does.

        Raises ``TaskNotFound``, ``JobExists``, ``InvalidInput`` naming the argument (``kwargs.tenant``),
        ``InvalidTrigger``, ``ChangeRefused`` or ``StoreError``; then nothing has changed.
        """
        self.open()
        addition = add_job.Addition(
            job_id=id,
            task=task,
            trigger=self.build_trigger(trigger, with_expression(expression, trigger_args)),
            kwargs={} if kwargs is None else kwargs,
            name=name,
            description=description,
            enabled=enabled,
            calendar=calendar,
        )
        return add_job.add_job(self._context, addition, author or Author())

    def remove_job(self, job_id: str, *, if_token: str | None = None, author: Author | None = None) -> dict[str, Any]:
        """Remove a job that no code declares, with what operators made of it; return it as it stood.

        Its runs stay in the ledger, and those that are active go on. ``undo_change`` brings it back.

        Raises ``JobNotFound``, ``StaleToken``, ``StoreError``, and ``ChangeRefused`` for a job that code declares.
        """
        self.open()
        return remove_job.remove_job(self._context, job_id, author or Author(), if_token=if_token)

    def skip_next(
        self,
        job_id: str,
        *,
        at: datetime | None = None,
        if_token: str | None = None,
        author: Author | None = None,
    ) -> dict[str, Any]:
        """Skip the run that would start next, or that of the due time ``at``, and only that; return the job.

        The schedule, its token and its overrides stay as they are. The due time keeps its line in the ledger: it is
        ``skipped``, and says by whom and why. Raises ``JobNotFound``, ``InvalidInput``, ``ChangeRefused``,
        ``StaleToken`` or ``StoreError``; then nothing has changed.
        """
        self.open()
        return exceptions.skip_next(self._context, job_id, author or Author(), at=at, if_token=if_token)

    def move_next(
        self,
        job_id: str,
        to: datetime,
        *,
        at: datetime | None = None,
        if_token: str | None = None,
        author: Author | None = None,
    ) -> dict[str, Any]:
        """Let the run that would start next, or that of the due time ``at``, start at ``to``; return the job.

        ``to`` is still to come, and lies between the runs before and after it. Neither jitter nor a calendar applies to
        it, and its grace time is counted from there. Otherwise as ``skip_next``.
        """
        self.open()
        return exceptions.move_next(self._context, job_id, author or Author(), to=to, at=at, if_token=if_token)

    def look_at_due_time(
        self, job_id: str, *, at: datetime | None = None, to: datetime | None = None, is_skipped: bool = False
    ) -> DueTime:
        """One due time of a job, ``at`` or that of the next run, and the runs around it: what there is to know before
        it is moved (``to``) or skipped. Raises what doing that would raise, and changes nothing."""
        self.open()
        return due_times.look_at(self._context, job_id, at=at, to=to, is_skipped=is_skipped)

    def clear_exception(
        self, job_id: str, at: datetime, *, if_token: str | None = None, author: Author | None = None
    ) -> dict[str, Any]:
        """Take back what ``skip_next`` or ``move_next`` made of the due time ``at``; return the job.

        Raises as they do, and ``ChangeRefused`` where it has happened: the due time is over, or the run has started.
        """
        self.open()
        return exceptions.clear_exception(self._context, job_id, at, author or Author(), if_token=if_token)

    def set_calendar(
        self,
        name: str,
        *,
        country: str | None = None,
        subdivision: str | None = None,
        dates: Iterable[Any] | Mapping[Any, str] | None = None,
        if_token: str | None = None,
        if_exists: bool | None = None,
        author: Author | None = None,
    ) -> dict[str, Any]:
        """Make a calendar, or make it anew; arguments as of ``calendar``. Returns it, with the ``jobs`` it affects.

        The holidays of a country are worked out for ten years ahead, here and now. ``if_token`` is the token of the
        calendar that this was decided on; ``if_exists`` says whether there has to be one of the name (True), or none
        (False). Raises ``InvalidInput``, and ``StaleCalendar`` where it is otherwise: then nothing has changed.
        """
        self.open()
        definition = Definition.of(country, subdivision, dates)
        return calendars.set_calendar(
            self._context, name, definition, author or Author(), if_token=if_token, if_exists=if_exists
        )

    def remove_calendar(
        self, name: str, *, force: bool = False, if_token: str | None = None, author: Author | None = None
    ) -> list[str]:
        """Remove a calendar; return the ids of the jobs that name it, which do not fire without it.

        ``if_token`` is the token of the calendar that this was decided on. Raises ``CalendarNotFound``,
        ``StaleCalendar``, and ``ChangeRefused`` where jobs name it, unless ``force``.
        """
        self.open()
        return calendars.remove_calendar(self._context, name, author or Author(), force=force, if_token=if_token)
