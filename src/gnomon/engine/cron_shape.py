"""Cron triggers of APScheduler from their stored state: eight fields, each a list of terms."""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from apscheduler.triggers.cron import CronTrigger, expressions, fields

from gnomon.engine.inert_pickle import StandIn
from gnomon.engine.refusals import told
from gnomon.engine.trigger_parts import (
    Part,
    attributes_of,
    jitter_part,
    moment_or_none,
    number,
    real_moment,
    real_zone,
    zone_part,
)
from gnomon.errors import RowRefused

_MOST_TERMS = 128
_LARGEST_NUMBER = 9999


def read_cron(state: object) -> Part:
    """The parts of a cron trigger. Raises ``RowRefused``."""
    known = attributes_of(CronTrigger, state, {"timezone", "start_date", "end_date", "fields", "jitter"}, version=2)
    parts = known.get("fields")
    if type(parts) is not list or len(parts) != len(CronTrigger.FIELD_NAMES):
        raise RowRefused("its cron trigger has not the eight fields of one")
    return (
        zone_part(known.get("timezone")),
        moment_or_none(known.get("start_date"), "start_date"),
        moment_or_none(known.get("end_date"), "end_date"),
        jitter_part(known),
        tuple(map(_cron_field, CronTrigger.FIELD_NAMES, parts)),
    )


def cron_state(zone: Any, start: Any, end: Any, jitter: Any, parts: Any) -> dict[str, Any]:
    """The state that such parts make."""
    return {
        "timezone": real_zone(zone),
        "start_date": real_moment(start),
        "end_date": real_moment(end),
        "fields": [_real_cron_field(*field) for field in parts],
        "jitter": jitter[1],
    }


def _cron_field(name: str, field: object) -> Part:
    real, state = _cron_part(field)
    if real not in _field_classes(name) or state.keys() != _FIELD or state["name"] != name:
        raise RowRefused(f"the field {name} of its cron trigger is {told(field)}")
    terms = state["expressions"]
    if type(terms) is not list or not 0 < len(terms) <= _MOST_TERMS:
        raise RowRefused(f"the field {name} of its cron trigger has no list of 1 to {_MOST_TERMS} terms")
    allowed = real.COMPILERS
    return name, bool(state["is_default"]), tuple([_cron_term(name, term, allowed) for term in terms])


def _field_classes(name: str) -> tuple[type, ...]:
    """Before 3.4, months had no names, and their field no class of its own."""
    now: type = CronTrigger.FIELDS_MAP[name]
    return (now, fields.BaseField) if now is fields.MonthField else (now,)


def _cron_term(name: str, term: object, allowed: list[type]) -> Part:
    real, state = _cron_part(term)
    if real not in allowed:
        raise RowRefused(f"the field {name} of its cron trigger holds {told(term)}")
    limits = _CRON_TERMS[real]
    if state.keys() != limits.keys():
        raise RowRefused(f"the field {name} of its cron trigger holds a {real.__name__} of another form")
    for attribute, (lowest, highest, is_required) in limits.items():
        value = state[attribute]
        if value is not None or is_required:
            number(value, lowest, highest, f"{attribute} of a term in the field {name} of its cron trigger")
    if "first" in state:
        state = {**state, **_within_field(name, state["first"], state["last"])}
    return real, *[state[attribute] for attribute in limits]


def _within_field(name: str, first: int, last: int | None) -> dict[str, int | None]:
    """A range, cut to what its field has. That is how APScheduler calculates; older releases stored ranges uncut."""
    lowest, highest = fields.MIN_VALUES[name], fields.MAX_VALUES[name]
    end = highest if last is None else min(last, highest)
    if max(first, lowest) > end:
        raise RowRefused(f"the field {name} of its cron trigger holds an empty range from {first} to {end}")
    return {"first": max(first, lowest), "last": None if last is None else end}


def _cron_part(part: object) -> tuple[Any, dict[str, Any]]:
    """The class that a part of a cron trigger stands for, and its attributes."""
    state = getattr(part, "state", None)
    if isinstance(part, StandIn) and part.real in _STEPLESS:
        # Before 3.4 they had no step; the last day had no attributes at all, and so no state in a pickle.
        state = {"step": None, **state} if type(state) is dict else {"step": None} if state is None else state
    if not isinstance(part, StandIn) or type(state) is not dict:
        raise RowRefused(f"its cron trigger holds {told(part)}")
    return part.real, state


# Fields are never written to, by APScheduler or by us; most triggers have most of them in common.
@lru_cache(maxsize=4096)
def _real_cron_field(name: str, is_default: bool, terms: tuple[Part, ...]) -> Any:
    field = object.__new__(CronTrigger.FIELDS_MAP[name])
    field.name = name
    field.is_default = is_default
    field.expressions = [_real_cron_term(*term) for term in terms]
    return field


def _real_cron_term(real: type, *values: int | None) -> Any:
    # Not by their constructors, which take the text of an expression and not what they made of it.
    term: Any = object.__new__(real)
    term.__dict__.update(zip(_CRON_TERMS[real], values, strict=True))
    return term


_STEPLESS = (expressions.WeekdayPositionExpression, expressions.LastDayOfMonthExpression)
_FIELD = {"name", "is_default", "expressions"}
_STEP = {"step": (1, _LARGEST_NUMBER, False)}
_RANGE = {**_STEP, "first": (0, _LARGEST_NUMBER, True), "last": (0, _LARGEST_NUMBER, False)}
_CRON_TERMS: dict[type, dict[str, tuple[int, int, bool]]] = {
    expressions.AllExpression: _STEP,
    expressions.RangeExpression: _RANGE,
    expressions.MonthRangeExpression: {**_STEP, "first": (1, 12, True), "last": (1, 12, False)},
    expressions.WeekdayRangeExpression: {**_STEP, "first": (0, 6, True), "last": (0, 6, False)},
    expressions.WeekdayPositionExpression: {**_STEP, "option_num": (0, 5, True), "weekday": (0, 6, True)},
    expressions.LastDayOfMonthExpression: _STEP,
}
