"""Rows of ``apscheduler_jobs``, from bytes to schedules and back.

Decoding is a pure function of the bytes: it reads no clock, imports nothing that the application did not allow, and
never imports a job's function. So what is remembered between reads, keyed by the bytes, can't be out of date.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from apscheduler.triggers.base import BaseTrigger

from gnomon.domain.schedule import Schedule, StoredJob
from gnomon.engine import row_layout
from gnomon.engine.application_classes import ApplicationClasses
from gnomon.engine.inert_pickle import ApplicationObject, load_application, load_inert
from gnomon.engine.job_fields import renamed, schedule_from, stored_fields
from gnomon.engine.pickled_values import fire_time
from gnomon.engine.plain_values import PlainValues
from gnomon.engine.refusals import told, told_error
from gnomon.engine.remembered import Remembered
from gnomon.engine.row_layout import body
from gnomon.engine.trigger_shapes import Shape, build, is_shareable, shape_of
from gnomon.errors import InvalidInput, InvalidTrigger, RowRefused

__all__ = ["RowCodec", "body"]

_LARGEST_BODY = 1024 * 1024
_REMEMBERED_BYTES = 64 * 1024 * 1024
_REMEMBERED_TRIGGERS = 10_000
_REMEMBERED_ALIKE = 1_000


@dataclass(frozen=True, slots=True)
class _Body:
    """What a body says. ``next_run_time`` is that of a row without a tail of ours."""

    schedule: Schedule
    next_run_time: datetime | None
    has_next_run_time: bool
    has_mutable: bool


@dataclass(frozen=True, slots=True)
class _Trigger:
    """``is_shared``: rows may have it together, and be remembered with it."""

    trigger: BaseTrigger
    is_shared: bool


class RowCodec:
    """Decodes and encodes rows. One serves a whole process, from any thread.

    ``allow`` holds module prefixes of the application whose classes rows may hold, in arguments and as triggers; a row
    never widens the list. ``remembered`` is the number of rows whose decoding is kept at least.

    Triggers, and arguments that can't be changed, are shared among what is decoded: treat them as read-only.
    """

    def __init__(self, allow: Sequence[str] = (), remembered: int = 50_000) -> None:
        self._application = ApplicationClasses(allow)
        self._bodies: Remembered[bytes, _Body] = Remembered(remembered, _REMEMBERED_BYTES)
        #: By the bytes of a row of ours without trigger, id and name: most jobs have a few of these between them.
        self._alike: Remembered[tuple[bytes, bytes], _Body] = Remembered(_REMEMBERED_ALIKE, _REMEMBERED_BYTES)
        self._triggers: Remembered[bytes | Shape, BaseTrigger] = Remembered(_REMEMBERED_TRIGGERS, _REMEMBERED_BYTES)

    def decode(self, job_state: bytes) -> StoredJob:
        """The schedule of a row, and when it will fire.

        Raises ``RowRefused`` with a reason for people, whatever is wrong with the row.
        """
        try:
            if not isinstance(job_state, bytes):
                raise RowRefused(f"it is {told(job_state)}, not bytes")
            if not job_state.endswith(b"."):
                raise RowRefused("it is cut off")
            stands, tail = row_layout.split(job_state)
            read = self._bodies.get(stands)
            if read is None:
                read = self._read(stands)
            schedule = read.schedule
            if read.has_mutable:
                # A job may change a list that it is given; the next run must get what is stored.
                args, kwargs = copy.deepcopy((schedule.args, schedule.kwargs))
                schedule = replace(schedule, args=args, kwargs=kwargs)
            if tail:
                return StoredJob(schedule, row_layout.next_run_time_in(tail))
            if not read.has_next_run_time:
                raise RowRefused("it has no next_run_time")
            return StoredJob(schedule, read.next_run_time)
        except RowRefused as error:
            raise RowRefused(f"the row is not decoded: {error}", names=error.names) from None
        except (Exception, SystemExit) as error:  # whatever a hostile pickle, or an allowed module, makes Python raise
            raise RowRefused(f"the row is not decoded: {told_error(error)}") from error

    def encode(self, schedule: Schedule, next_run_time: datetime | None) -> bytes:
        """The row of a schedule. ``next_run_time`` is aware, in the trigger's own zone.

        Raises ``InvalidTrigger`` or ``InvalidInput`` for what could not be decoded again: nothing is ever written that
        would then be quarantined.
        """
        _check_next_run_time(next_run_time)
        trigger, _ = self._encoded(schedule.trigger)
        try:
            stands = row_layout.compose(trigger, stored_fields(schedule))
            if self._bodies.get(stands) is None:
                self._read(stands)
        except Exception as error:
            raise InvalidInput("job", schedule.job_id, _reason(error)) from error
        return row_layout.with_tail(stands, next_run_time)

    def reschedule(self, job_state: bytes, trigger: BaseTrigger, next_run_time: datetime | None) -> bytes:
        """The very same job with another trigger; of a row of ours, the other fields stay byte for byte.

        Raises as ``encode`` does, and ``RowRefused`` for a row that can't be decoded.
        """
        read_from = body(job_state)
        known = self._bodies.get(read_from)
        if known is not None:
            _check_next_run_time(next_run_time)
            piece, made = self._encoded(trigger)
            stands = row_layout.with_trigger(read_from, piece)
            if stands is not None and made.is_shared and len(stands) <= _LARGEST_BODY:
                schedule = replace(known.schedule, trigger=made.trigger)
                read = _Body(schedule, known.next_run_time, known.has_next_run_time, known.has_mutable)
                self._bodies.put(stands, read, len(stands))
                return row_layout.with_tail(stands, next_run_time)
        return self.encode(replace(self.decode(job_state).schedule, trigger=trigger), next_run_time)

    def advance(self, job_state: bytes, next_run_time: datetime | None) -> bytes:
        """The very same schedule, byte for byte, with another next run time. Nothing is decoded.

        ``next_run_time`` is aware, in the trigger's own zone. Raises ``RowRefused`` for bytes that are no row.
        """
        _check_next_run_time(next_run_time)
        if not job_state.endswith(b"."):
            raise RowRefused("the row is not changed: it is cut off")
        return row_layout.with_tail(body(job_state), next_run_time)

    def _read(self, stands: bytes) -> _Body:
        if len(stands) > _LARGEST_BODY:
            raise RowRefused(f"it has {len(stands)} bytes, more than {_LARGEST_BODY}")
        pieces = row_layout.pieces(stands)
        if pieces is not None:
            known = self._trigger_in(pieces.trigger)
            named = row_layout.named(pieces.others)
            alike = self._alike.get(named.around) if named is not None and known.is_shared else None
            if named is not None and alike is not None:
                read = replace(alike, schedule=renamed(alike.schedule, known.trigger, named.id, named.name))
                self._bodies.put(stands, read, len(stands))
                return read
            fields = _dict(load_inert(pieces.others, self._application))
            read = self._checked(stands, fields, known, pieces.others)
            if named is not None and known.is_shared and _is_ours(read.schedule, named, pieces.others):
                self._alike.put(named.around, read, len(pieces.others))
            return read
        fields = _dict(load_inert(stands, self._application))
        if "trigger" not in fields:
            raise RowRefused("it has no trigger")
        made = self._made(fields["trigger"], lambda: load_application(stands, self._application)["trigger"])
        return self._checked(stands, fields, made, stands)

    def _checked(self, stands: bytes, fields: Mapping[str, Any], trigger: _Trigger, pickled: bytes) -> _Body:
        """``pickled`` is where the fields came from, for those of the application's classes."""
        schedule = schedule_from(fields, trigger.trigger)
        arguments = PlainValues()
        for value in (*schedule.args, *schedule.kwargs.values()):
            arguments.check(value)
        read = _Body(
            schedule=schedule,
            next_run_time=fire_time(fields.get("next_run_time")),
            has_next_run_time="next_run_time" in fields,
            has_mutable=arguments.has_mutable,
        )
        if arguments.has_application:
            own = load_application(pickled, self._application)
            return replace(
                read, schedule=replace(schedule, args=tuple(own["args"]), kwargs=own["kwargs"]), has_mutable=False
            )
        if trigger.is_shared:
            self._bodies.put(stands, read, len(stands))
        return read

    def _encoded(self, trigger: BaseTrigger) -> tuple[bytes, _Trigger]:
        """The piece of a row that holds a trigger, and what it will be decoded to. Raises ``InvalidTrigger``."""
        try:
            piece = row_layout.trigger_piece(trigger)
            return piece, self._trigger_in(piece)
        except Exception as error:  # pickling runs code of the classes that it is given
            raise InvalidTrigger("trigger", type(trigger).__name__, _reason(error)) from error

    def _trigger_in(self, piece: bytes) -> _Trigger:
        """The trigger in a piece of a row of ours."""
        known = self._triggers.get(piece)
        if known is not None:
            return _Trigger(known, is_shared=True)
        made = self._made(load_inert(piece, self._application), lambda: load_application(piece, self._application))
        if made.is_shared:
            self._triggers.put(piece, made.trigger, len(piece))
        return made

    def _made(self, inert: object, load_own: Callable[[], Any]) -> _Trigger:
        if type(inert) is ApplicationObject:
            own = load_own()
            if not isinstance(own, BaseTrigger):
                raise RowRefused(f"its trigger is {told(own)}")
            return _Trigger(own, is_shared=False)
        shape = shape_of(inert, self._application)
        if not is_shareable(shape):
            return _Trigger(build(shape), is_shared=False)
        known = self._triggers.get(shape)
        if known is None:
            known = build(shape)
            self._triggers.put(shape, known)
        return _Trigger(known, is_shared=True)


def _dict(fields: object) -> dict[str, Any]:
    if type(fields) is not dict:
        raise RowRefused(f"it holds {told(fields)}, not a job's state")
    return fields


def _is_ours(schedule: Schedule, named: row_layout.Named, others: bytes) -> bool:
    """Whether these bytes are what ``encode`` writes for a job without arguments. Then the same bytes around another id
    and name are what it writes for a job of those, so they need not be unpickled to know what they hold."""
    if schedule.args or schedule.kwargs or (schedule.job_id, schedule.name) != (named.id, named.name):
        return False
    return row_layout.others(stored_fields(schedule)) == others


def _check_next_run_time(next_run_time: datetime | None) -> None:
    """Refuse (``InvalidInput``) what could not be read again."""
    if next_run_time is None:
        return
    if not isinstance(next_run_time, datetime) or next_run_time.tzinfo is None:
        raise InvalidInput("next_run_time", next_run_time, "give a datetime with a time zone")
    if not 1970 < next_run_time.year < 9999:
        try:
            fire_time(next_run_time)
        except (ValueError, OverflowError):
            raise InvalidInput("next_run_time", next_run_time, "give a time from 1970 to 9999") from None


def _reason(error: Exception) -> str:
    reason = str(error) if isinstance(error, RowRefused) else told_error(error)
    return f"{reason}; store plain values and APScheduler's triggers, or name the module of a class in allow=[…]"
