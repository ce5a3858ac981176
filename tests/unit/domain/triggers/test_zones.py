from __future__ import annotations

import zoneinfo
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.triggers.zones import in_zone, zone, zone_name
from gnomon.errors import InvalidTrigger


def test_every_zone_of_this_machine_is_found_by_its_name() -> None:
    names = zoneinfo.available_timezones() - {"localtime"}
    assert [zone_name(zone(name)) for name in sorted(names)] == sorted(names)


def test_utc_is_one_object_whatever_it_was_given_as() -> None:
    assert zone("UTC") is zone(UTC) is zone(ZoneInfo("UTC")) is zone("UTC+00:00") is UTC


@pytest.mark.parametrize("name", ["UTC+02:00", "UTC-09:30", "UTC+05:53:28"])
def test_a_fixed_offset_of_an_adopted_table_keeps_its_name(name: str) -> None:
    assert zone_name(zone(name)) == name


def test_the_name_that_was_given_to_a_fixed_offset_is_not_taken_for_a_zone() -> None:
    assert zone_name(timezone(timedelta(hours=-5), "EST")) == "UTC-05:00"


def test_a_pytz_zone_is_known_by_its_name() -> None:
    class Pytz(tzinfo):
        zone = "Europe/Berlin"

    assert zone(Pytz()) == ZoneInfo("Europe/Berlin")


@pytest.mark.parametrize(
    "value",
    [
        "Europe",
        "x" * 5000,
        "../../etc/passwd",
        "/etc/localtime",
        "Europe/../Europe/Berlin",
        "europe/berlin",
        "Mars/Base",
        "posix/Europe/Berlin",
        "right/Europe/Berlin",
        "localtime",
        "zone.tab",
        "leapseconds",
        "Europe/Berlin\n",
        "Europe/Berlin\0",
        "UTC+25:00",
        "UTC+1",
        "",
        None,
        5,
        True,
        ["UTC"],
    ],
)
def test_what_is_no_zone_is_refused_by_our_own_error(value: object) -> None:
    with pytest.raises(InvalidTrigger) as refused:
        zone(value)
    assert refused.value.field == "timezone"


@given(st.text(max_size=80) | st.from_regex(r"[A-Za-z]+/[A-Za-z_]+", fullmatch=True))
def test_no_text_raises_anything_else(name: str) -> None:
    with suppress(InvalidTrigger):
        assert zone_name(zone(name)) in (name, "UTC")


def test_a_time_that_the_clocks_skip_becomes_one_that_exists() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert in_zone(datetime(2026, 3, 29, 2, 30), berlin).isoformat() == "2026-03-29T03:30:00+02:00"
