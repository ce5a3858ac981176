"""Triggers from their stored state: looked at part by part, and made only of parts that are what they should be.

A shape is a trigger's class with its parts. Equal shapes are the same trigger, to the last detail, so that rows can
share it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from gnomon.domain.triggers import CrontabTrigger
from gnomon.engine.application_classes import ApplicationClasses
from gnomon.engine.cron_shape import cron_state, read_cron
from gnomon.engine.inert_pickle import TRIGGERS, StandIn
from gnomon.engine.plain_values import PlainValues
from gnomon.engine.refusals import told
from gnomon.engine.trigger_parts import (
    attributes_of,
    day,
    jitter_part,
    moment_or_none,
    moment_part,
    number,
    real_moment,
    real_zone,
    zone_part,
)
from gnomon.errors import RowRefused

Shape = tuple[Any, ...]

_MOST_TRIGGERS = 32
_DEEPEST = 4
_LARGEST_INTERVALS = {"years": 1_000, "months": 12_000, "weeks": 52_000, "days": 365_000}


def shape_of(trigger: object, application: ApplicationClasses) -> Shape:
    """The shape of a trigger that was unpickled inertly. Raises ``RowRefused``."""
    if not isinstance(trigger, StandIn):
        raise RowRefused(f"its trigger is {told(trigger)}")
    return _Reading(application).shape(type(trigger), getattr(trigger, "state", None), depth=1)


def is_shareable(shape: Shape) -> bool:
    """Whether rows of this shape can have one trigger together: not where it holds one of the application's."""
    cls, parts = shape[0], shape[1]
    if cls is ApplicationTrigger:
        return False
    return cls not in _COMBINING or all(is_shareable(part) for part in parts)


def build(shape: Shape) -> BaseTrigger:
    """The trigger of a shape."""
    cls: Any = shape[0]
    if cls is ApplicationTrigger:
        own: BaseTrigger = shape[1].trigger
        return own
    trigger = cls.__new__(cls)
    if cls in _COMBINING:
        # Not by __setstate__, which imports what it is told.
        trigger.triggers = [build(part) for part in shape[1]]
        trigger.jitter = shape[2][1]
    else:
        trigger.__setstate__(_STATES[cls](*shape[1:]))
    built: BaseTrigger = trigger
    return built


@dataclass(frozen=True, slots=True, eq=False)
class ApplicationTrigger:
    """A part of a combining trigger that is of the application's own class."""

    trigger: BaseTrigger


class _Reading:
    """Reads one trigger with all that are nested in it."""

    def __init__(self, application: ApplicationClasses) -> None:
        self._application = application
        self._triggers = 0

    def shape(self, cls: type[StandIn], state: object, *, depth: int) -> Shape:
        self._triggers += 1
        if depth > _DEEPEST or self._triggers > _MOST_TRIGGERS:
            raise RowRefused(f"it combines more than {_MOST_TRIGGERS} triggers, or more than {_DEEPEST} deep")
        real = cls.real
        if real in _COMBINING:
            return self._combined(real, attributes_of(real, state, {"triggers", "jitter"}), depth)
        read = _READERS.get(real)
        if read is None:
            raise RowRefused(f"its trigger is a {real.__name__}")
        return (real, *read(state))

    def _combined(self, real: type, state: Mapping[str, Any], depth: int) -> Shape:
        triggers = state.get("triggers")
        if type(triggers) is not list or not 0 < len(triggers) <= _MOST_TRIGGERS:
            raise RowRefused(f"its {real.__name__} has no list of 1 to {_MOST_TRIGGERS} triggers")
        return real, tuple([self._nested(nested, depth) for nested in triggers]), jitter_part(state)

    def _nested(self, nested: object, depth: int) -> Shape:
        if type(nested) is not tuple or len(nested) != 2 or type(nested[0]) is not str:
            raise RowRefused(f"it combines {told(nested)}, which is no trigger")
        reference, state = nested
        cls = TRIGGERS.get(reference)
        if cls is not None:
            return self.shape(cls, state, depth=depth + 1)
        module, _, name = reference.partition(":")
        plain = PlainValues()
        plain.check(state)
        if plain.has_application:
            raise RowRefused(f"it combines {told(reference)} with a state that holds more than plain values")
        real = self._application.resolve(module, name)
        if not (isinstance(real, type) and issubclass(real, BaseTrigger)):
            raise RowRefused(f"it combines {told(reference)}, which is no trigger")
        cls_of_application: Any = real
        own = cls_of_application.__new__(cls_of_application)
        own.__setstate__(state)
        return ApplicationTrigger, ApplicationTrigger(own)


_COMBINING = (AndTrigger, OrTrigger)


def _interval(state: object) -> Shape:
    attributes = {"timezone", "start_date", "end_date", "interval", "interval_length", "jitter"}
    known = attributes_of(IntervalTrigger, state, attributes, version=2)
    interval = known.get("interval")
    if type(interval) is not timedelta or interval <= timedelta(0):
        raise RowRefused(f"the interval of its trigger is {told(interval)}, not a time above 0")
    return (
        zone_part(known.get("timezone")),
        moment_part(known.get("start_date"), "start_date"),
        moment_or_none(known.get("end_date"), "end_date"),
        interval,
        jitter_part(known),
    )


def _interval_state(zone: Any, start: Any, end: Any, interval: timedelta, jitter: Any) -> dict[str, Any]:
    return {
        "timezone": real_zone(zone),
        "start_date": real_moment(start),
        "end_date": real_moment(end),
        "interval": interval,
        "jitter": jitter[1],
    }


def _date(state: object) -> Shape:
    known = attributes_of(DateTrigger, state, {"run_date", "timezone"})
    return (moment_part(known.get("run_date"), "run_date"),)


def _date_state(run_date: Any) -> dict[str, Any]:
    return {"run_date": real_moment(run_date)}


def _calendar_interval(state: object) -> Shape:
    attributes = {"interval", "time", "start_date", "end_date", "timezone", "jitter"}
    known = attributes_of(CalendarIntervalTrigger, state, attributes)
    interval, of_day = known.get("interval"), known.get("time")
    if type(interval) is not list or len(interval) != len(_LARGEST_INTERVALS):
        raise RowRefused(f"the interval of its trigger is {told(interval)}")
    if type(of_day) is not list or len(of_day) != 3:
        raise RowRefused(f"the time of its trigger is {told(of_day)}")
    for value, (unit, largest) in zip(interval, _LARGEST_INTERVALS.items(), strict=True):
        number(value, 0, largest, f"number of {unit} of its trigger")
    if not any(interval):
        raise RowRefused("the interval of its trigger is 0")
    for value, largest in zip(of_day, (23, 59, 59), strict=True):
        number(value, 0, largest, "time of its trigger")
    end = known.get("end_date")
    return (
        tuple(interval),
        tuple(of_day),
        day(known.get("start_date"), "start_date"),
        None if end is None else day(end, "end_date"),
        zone_part(known.get("timezone")),
        jitter_part(known),
    )


def _calendar_interval_state(
    interval: Any, of_day: Any, start: date, end: date | None, zone: Any, jitter: Any
) -> dict[str, Any]:
    return {
        "interval": list(interval),
        "time": list(of_day),
        "start_date": start,
        "end_date": end,
        "timezone": real_zone(zone),
        "jitter": jitter[1],
    }


def _crontab(state: object) -> Shape:
    known = attributes_of(CrontabTrigger, state, {"expression", "timezone", "jitter"})
    expression = known.get("expression")
    if type(expression) is not str:
        raise RowRefused(f"the expression of its trigger is {told(expression)}")
    return expression, zone_part(known.get("timezone")), jitter_part(known)


def _crontab_state(expression: str, zone: Any, jitter: Any) -> dict[str, Any]:
    # For its limits: __setstate__ takes anything.
    CrontabTrigger(expression, real_zone(zone))
    return {"expression": expression, "timezone": real_zone(zone), "jitter": jitter[1]}


_READERS: dict[type, Callable[[object], Shape]] = {
    CronTrigger: read_cron,
    IntervalTrigger: _interval,
    DateTrigger: _date,
    CalendarIntervalTrigger: _calendar_interval,
    CrontabTrigger: _crontab,
}
_STATES: dict[type, Callable[..., dict[str, Any]]] = {
    CronTrigger: cron_state,
    IntervalTrigger: _interval_state,
    DateTrigger: _date_state,
    CalendarIntervalTrigger: _calendar_interval_state,
    CrontabTrigger: _crontab_state,
}
