"""Triggers and moments for the property tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import strategies as st

ZONES = (
    "UTC",
    "Europe/Berlin",
    "America/New_York",
    "Australia/Lord_Howe",
    "Pacific/Chatham",
    "America/Santiago",
    "Asia/Beirut",
    "Asia/Kolkata",
)

zones = st.sampled_from(ZONES)
# Half of them near a change of the clocks in one of the zones.
moments = st.one_of(
    st.datetimes(datetime(2020, 1, 1), datetime(2030, 12, 31)).map(lambda moment: moment.replace(tzinfo=UTC)),
    st.builds(
        lambda change, seconds: change + timedelta(seconds=seconds),
        st.sampled_from(
            [
                datetime(2026, 3, 8, 7, tzinfo=UTC),  # New York forward
                datetime(2026, 11, 1, 6, tzinfo=UTC),  # New York back
                datetime(2026, 3, 29, 1, tzinfo=UTC),  # Berlin forward
                datetime(2026, 10, 25, 1, tzinfo=UTC),  # Berlin back
                datetime(2026, 10, 3, 15, 30, tzinfo=UTC),  # Lord Howe forward, by half an hour
                datetime(2026, 4, 4, 15, tzinfo=UTC),  # Lord Howe back
                datetime(2026, 9, 6, 4, tzinfo=UTC),  # Santiago forward, at midnight
                datetime(2026, 9, 26, 14, tzinfo=UTC),  # Chatham forward, at 02:45
            ]
        ),
        st.integers(-4 * 3600, 3 * 3600),
    ),
)


def _numbers(low: int, high: int) -> st.SearchStrategy[str]:
    number = st.integers(low, high)
    span = st.tuples(number, number).map(sorted).map(lambda ends: f"{ends[0]}-{ends[1]}")
    step = st.integers(2, 7).map(lambda count: f"*/{min(count, high - low)}")
    return st.one_of(
        number.map(str),
        st.just("*"),
        step,
        span,
        st.lists(number.map(str), min_size=2, max_size=4).map(",".join),
    )


_optional: Any = {"jitter": st.integers(0, 600), "timezone": zones}
_iso_moments = moments.map(lambda moment: moment.isoformat())

cron_args = st.fixed_dictionaries(
    {"minute": _numbers(0, 59)},
    optional={
        "month": _numbers(1, 12) | st.sampled_from(["jan", "MAR-may", "dec,feb"]),
        "day": _numbers(1, 28) | st.sampled_from(["last", "2nd fri", "Last mon", "1,15,last"]),
        "day_of_week": _numbers(0, 6) | st.sampled_from(["mon-fri", "SUN", "sat,sun"]),
        "hour": _numbers(0, 23) | st.integers(0, 23),
        "second": _numbers(0, 59),
        "start_date": _iso_moments,
        **_optional,
    },
)
interval_args = st.fixed_dictionaries(
    {"minutes": st.integers(1, 5000)},
    optional={
        "weeks": st.integers(0, 3),
        "hours": st.integers(0, 100),
        "seconds": st.integers(0, 100) | st.floats(0, 100).map(lambda seconds: round(seconds, 3)),
        "start_date": _iso_moments,
        **_optional,
    },
)
date_args = st.fixed_dictionaries({"run_date": _iso_moments}, optional={"timezone": zones})
calendarinterval_args = st.fixed_dictionaries(
    {"days": st.integers(1, 40)} | {"hour": st.integers(0, 23), "minute": st.integers(0, 59)},
    optional={
        "months": st.integers(0, 14),
        "weeks": st.integers(0, 5),
        "years": st.integers(0, 2),
        "start_date": st.dates(datetime(1999, 1, 1).date(), datetime(2030, 1, 1).date()).map(
            lambda day: day.isoformat()
        ),
        **_optional,
    },
) | st.fixed_dictionaries(
    {
        "months": st.integers(1, 14),
        "hour": st.integers(0, 23),
        "start_date": st.sampled_from(["2020-01-31", "2020-02-29"]),
    }
)
crontab_fields = st.tuples(
    _numbers(0, 59),
    _numbers(0, 23),
    st.one_of(st.just("*"), _numbers(1, 28), st.just("L")),
    st.one_of(st.just("*"), _numbers(1, 12), st.just("JAN-mar")),
    st.one_of(st.just("*"), _numbers(0, 7), st.sampled_from(["MON-FRI", "sun", "5L", "tue#2"])),
).map(" ".join)
crontab_args = st.fixed_dictionaries(
    {"expression": crontab_fields | st.sampled_from(["@hourly", "@daily", "@weekly", "@monthly", "@yearly"])},
    optional=_optional,
)

#: Kind and arguments that ``build`` takes.
kinds_and_args = st.one_of(
    st.tuples(st.just("cron"), cron_args),
    st.tuples(st.just("interval"), interval_args),
    st.tuples(st.just("date"), date_args),
    st.tuples(st.just("calendarinterval"), calendarinterval_args),
    st.tuples(st.just("crontab"), crontab_args),
)
