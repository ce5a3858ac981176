from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.triggers import KINDS, FieldType, build, describe, due_times, ensure_fires, jitter_of
from gnomon.errors import InvalidTrigger
from tests.unit.domain.triggers.strategies import kinds_and_args, zones

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


def test_there_are_five_kinds() -> None:
    assert list(KINDS) == ["cron", "interval", "date", "calendarinterval", "crontab"]


def test_every_argument_is_explained_in_one_sentence() -> None:
    for kind in KINDS.values():
        assert kind.help.endswith(".")
        for field in kind.fields:
            assert re.fullmatch(r"[A-Z].*\.", field.help)
            assert field.allowed.startswith("give ")


@given(kind_and_args=kinds_and_args, zone=zones)
def test_what_is_described_can_be_sent_back_and_gives_the_same_trigger(kind_and_args: Any, zone: str) -> None:
    kind, args = kind_and_args
    trigger = build(kind, args, timezone=zone, now=NOW)
    described = describe(trigger)
    sent = json.loads(json.dumps(described.args))
    again = build(described.kind, sent, timezone="Asia/Tokyo")
    assert type(again) is type(trigger)
    assert describe(again) == described
    assert again.__getstate__() == trigger.__getstate__()
    assert described.words
    assert described.timezone == args.get("timezone", zone)
    assert jitter_of(again) == args.get("jitter", 0)


_nonsense = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=30)
    | st.text(alphabet="0123456789*/,-LW# monfri", max_size=300)
    | st.sampled_from(
        [-1, 0, 10**30, 1e308, "9" * 5000, "2026-01-01", "9999-12-31T23:59:59.999999Z", "Europe", "../UTC"]
    )
    | st.dates()
    | st.datetimes(),
    lambda values: st.lists(values, max_size=2) | st.dictionaries(st.text(max_size=3), values, max_size=2),
    max_leaves=3,
)


@given(data=st.data(), kind=st.sampled_from(sorted(KINDS)))
def test_hostile_arguments_are_answered_by_our_own_error_only(data: st.DataObject, kind: str) -> None:
    names = st.sampled_from([field.name for field in KINDS[kind].fields]) | st.text(max_size=5)
    args = data.draw(st.dictionaries(names, _nonsense, max_size=4))
    refused = _refusal(kind, args)
    required = {field.name for field in KINDS[kind].fields if field.required}
    assert refused is None or refused.field in {*args, *required, "trigger", "trigger_args"}


@given(expression=st.text(alphabet="0123456789*/,-LW#@ monfriJAN", max_size=40) | st.text(max_size=40))
def test_hostile_crontabs_are_answered_by_our_own_error_only(expression: str) -> None:
    refused = _refusal("crontab", {"expression": expression})
    assert refused is None or refused.field in {"expression", "trigger"}


def _refusal(kind: str, args: Any) -> InvalidTrigger | None:
    """The error that the arguments are answered with, if any; everything that is done with a trigger is done."""
    try:
        trigger = build(kind, args, timezone="Europe/Berlin", now=NOW)
        described = describe(trigger)
        assert described.words
        assert describe(build(kind, described.args, timezone="UTC")) == described
        ensure_fires(trigger, now=NOW)
        due_times(trigger, first=NOW - timedelta(days=400), now=NOW, limit=3)
    except InvalidTrigger as refused:
        return refused
    return None


@pytest.mark.parametrize("kind", ["and", "custom", "", None, 5, ["cron"], "CRON"])
def test_an_unknown_kind_is_refused_with_those_that_exist(kind: Any) -> None:
    with pytest.raises(InvalidTrigger, match="give one of cron, interval, date, calendarinterval, crontab") as refused:
        build(kind, {}, timezone="UTC")
    assert refused.value.field == "trigger"


@pytest.mark.parametrize("args", [None, [], "hour=3", [("hour", 3)]])
def test_arguments_without_names_are_refused(args: Any) -> None:
    with pytest.raises(InvalidTrigger) as refused:
        build("cron", args, timezone="UTC")
    assert refused.value.field == "trigger_args"


def test_an_unknown_argument_is_refused_with_those_that_exist() -> None:
    with pytest.raises(InvalidTrigger, match="date has the arguments run_date, timezone") as refused:
        build("date", {"run_date": "2026-12-01", "jitter": 5}, timezone="UTC")
    assert refused.value.field == "jitter"


def test_an_argument_that_is_none_counts_as_left_out() -> None:
    trigger = build("cron", {"hour": 3, "minute": None, "end_date": None, "timezone": None}, timezone="Asia/Tokyo")
    assert describe(trigger).args == {"hour": "3", "timezone": "Asia/Tokyo"}


def test_the_zone_of_the_arguments_wins() -> None:
    trigger = build("cron", {"hour": 3, "timezone": "Asia/Tokyo"}, timezone="Europe/Berlin")
    assert describe(trigger).timezone == "Asia/Tokyo"


@pytest.mark.parametrize(("stored", "seconds"), [(None, 0), (0, 0), (30, 30), (0.5, 1), (10**9, 86400), (-1, 0)])
def test_the_jitter_of_stored_triggers_is_told_in_whole_seconds_within_the_limit(stored: Any, seconds: int) -> None:
    assert jitter_of(CronTrigger(hour=3, jitter=stored, timezone="UTC")) == seconds


def test_texts_of_a_command_line_become_values() -> None:
    interval = KINDS["interval"]
    assert interval.field("minutes").parse("5") == 5
    assert interval.field("seconds").parse("0.5") == 0.5
    assert interval.field("jitter").parse("30") == 30
    assert KINDS["cron"].field("hour").parse("3") == "3"
    for text in ("five", "1.5", "9" * 5000, "nan"):
        with pytest.raises(InvalidTrigger):
            interval.field("jitter").parse(text)
    assert {field.type for kind in KINDS.values() for field in kind.fields} == set(FieldType)
