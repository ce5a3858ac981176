"""Times as whole microseconds, exact in both directions."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta, timezone

import pytest
from apscheduler.util import datetime_to_utc_timestamp
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.times import from_micros, from_seconds, to_micros, to_seconds

anywhere = st.datetimes(
    datetime(1971, 1, 1),
    datetime(2200, 1, 1),
    timezones=st.timezones() | st.integers(-1380, 1380).map(lambda minutes: timezone(timedelta(minutes=minutes))),
)


@given(anywhere)
def test_a_time_comes_back_as_it_was(moment: datetime) -> None:
    assert from_micros(to_micros(moment)) == moment.astimezone(UTC)
    assert from_micros(to_micros(moment)).tzinfo is UTC


@given(anywhere, anywhere)
def test_order_is_kept(one: datetime, other: datetime) -> None:
    assert (to_micros(one) < to_micros(other)) == (one.astimezone(UTC) < other.astimezone(UTC))


@given(anywhere)
def test_seconds_are_what_apscheduler_stores(moment: datetime) -> None:
    assert to_seconds(moment) == pytest.approx(datetime_to_utc_timestamp(moment), abs=1e-6)
    assert abs(from_seconds(to_seconds(moment)) - moment) <= timedelta(microseconds=1)


@pytest.mark.parametrize("nonsense", [1e300, -1e300, math.inf, -math.inf, math.nan, "soon", b"soon", None, 10**30])
def test_a_column_that_holds_no_time_is_an_error(nonsense: object) -> None:
    with pytest.raises(ValueError, match=r".+"):
        from_seconds(nonsense)  # type: ignore[arg-type]
