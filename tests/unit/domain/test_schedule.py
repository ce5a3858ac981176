"""The token of a schedule, and when a row will fire."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.schedule import JobRow, Schedule, StoredJob, effective_next_run_time, token
from gnomon.domain.times import to_seconds
from gnomon.domain.triggers import build, describe
from gnomon.errors import RowRefused
from tests.unit.domain.triggers.strategies import kinds_and_args

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 3, 2, 12, tzinfo=BERLIN)
SCHEDULE = Schedule(
    job_id="job",
    name="Job",
    func="module:job",
    trigger=build("cron", {"hour": 3}, timezone="UTC"),
    executor="default",
    misfire_grace_time=60,
    coalesce=True,
    max_instances=1,
)
CHANGES: dict[str, object] = {
    "job_id": "another",
    "name": "Another",
    "trigger": build("cron", {"hour": 4}, timezone="UTC"),
    "executor": "processes",
    "misfire_grace_time": None,
    "coalesce": False,
    "max_instances": 2,
}


@pytest.mark.parametrize("field", CHANGES)
def test_the_token_changes_with_each_field_that_an_operator_sees(field: str) -> None:
    changed = replace(SCHEDULE, **{field: CHANGES[field]})  # type: ignore[arg-type]
    assert token(changed, True) != token(SCHEDULE, True)


@pytest.mark.parametrize(
    "trigger",
    [
        build("cron", {"hour": 3, "jitter": 1}, timezone="UTC"),
        build("cron", {"hour": 3}, timezone="Europe/Berlin"),
        build("crontab", {"expression": "0 3 * * *"}, timezone="UTC"),
        build("cron", {"hour": 3, "end_date": "2030-01-01"}, timezone="UTC"),
    ],
    ids=["jitter", "zone", "kind", "end"],
)
def test_the_token_changes_with_every_part_of_the_trigger(trigger: object) -> None:
    assert token(replace(SCHEDULE, trigger=trigger), True) != token(SCHEDULE, True)  # type: ignore[arg-type]


def test_the_token_changes_when_a_job_is_paused() -> None:
    assert token(SCHEDULE, True) != token(SCHEDULE, False)


@given(st.text(), st.one_of(st.none(), st.integers()), st.dictionaries(st.text(), st.integers() | st.booleans()))
def test_the_token_is_made_from_json_in_ascii(name: str, grace: int | None, arguments: dict[str, Any]) -> None:
    """Whatever encodes it: stored tokens are compared with those of later versions."""
    schedule = replace(SCHEDULE, name=name, misfire_grace_time=grace)
    described = describe(schedule.trigger)
    seen = [
        *(schedule.job_id, name, described.kind, described.args, True, grace),
        *(schedule.coalesce, schedule.max_instances, schedule.executor, arguments),
    ]
    written = json.dumps(seen, sort_keys=True, separators=(",", ":")).encode()
    assert token(schedule, True, arguments=arguments) == hashlib.blake2b(written, digest_size=12).hexdigest()


@given(kinds_and_args)
def test_the_token_is_the_same_for_a_trigger_made_again(kind_and_args: tuple[str, dict[str, object]]) -> None:
    made = [build(*kind_and_args, timezone="UTC", now=NOON) for _ in range(2)]
    first, second = (token(replace(SCHEDULE, trigger=trigger), True) for trigger in made)
    assert first == second


def row(column: object) -> JobRow:
    return JobRow("job", column, b"")  # type: ignore[arg-type]


def fires(column: object, pickled: datetime | None) -> datetime | None:
    return effective_next_run_time(row(column), StoredJob(SCHEDULE, pickled))


def test_a_row_fires_when_column_and_pickle_say_so() -> None:
    found = fires(NOON.timestamp(), NOON)
    assert found == NOON
    assert found is not None
    assert found.tzinfo is BERLIN


def test_where_they_differ_the_later_counts_in_the_zone_of_the_trigger() -> None:
    later = NOON + timedelta(hours=1)
    assert fires(later.timestamp(), NOON) == later
    assert fires(NOON.timestamp(), later) == later
    found = fires(later.timestamp(), NOON)
    assert found is not None
    assert found.tzinfo is BERLIN


def test_where_one_says_never_it_is_never() -> None:
    assert fires(None, NOON) is None
    assert fires(NOON.timestamp(), None) is None
    assert fires(None, None) is None


@given(st.datetimes(datetime(1971, 1, 1), datetime(2200, 1, 1), timezones=st.just(UTC)))
def test_rounding_in_the_column_is_no_difference(moment: datetime) -> None:
    assert fires(to_seconds(moment), moment) is moment


@pytest.mark.parametrize("column", [1e300, -1e300, math.inf, math.nan, "soon", b"soon"])
def test_a_column_that_holds_no_time_is_a_reason_for_quarantine(column: object) -> None:
    with pytest.raises(RowRefused, match="which is no time"):
        fires(column, NOON)
