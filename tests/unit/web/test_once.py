"""Times as people type them for one run, by the clock of its job."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from gnomon.errors import InvalidInput
from gnomon.web.once import moment_there, text_there

BERLIN = ZoneInfo("Europe/Berlin")


def test_a_time_is_read_by_the_clock_of_the_job() -> None:
    assert moment_there("2026-12-01T09:00", BERLIN) == datetime(2026, 12, 1, 8, tzinfo=UTC)
    assert moment_there(" 2026-07-01 09:00:30 ", BERLIN) == datetime(2026, 7, 1, 7, 0, 30, tzinfo=UTC)
    assert moment_there("2026-12-01T09:00+09:00", BERLIN) == datetime(2026, 12, 1, tzinfo=UTC)


def test_what_the_clocks_show_twice_is_the_first_unless_an_offset_says_otherwise() -> None:
    assert moment_there("2026-10-25T02:30", BERLIN) == datetime(2026, 10, 25, 0, 30, tzinfo=UTC)
    assert moment_there("2026-10-25T02:30+01:00", BERLIN) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("text", ["", "soon", "25:00", "9999-12-31T23:59-23:59", "2026-03-29T02:30", "x" * 9999])
def test_what_is_no_time_there_is_refused_at_its_field(text: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        moment_there(text, BERLIN)
    assert refused.value.field == "to"
    assert "Europe/Berlin" in refused.value.allowed


def test_a_moment_is_written_as_the_field_holds_it() -> None:
    assert text_there(datetime(2026, 12, 1, 8, tzinfo=UTC), BERLIN) == "2026-12-01T09:00"
    assert text_there(datetime(2026, 12, 1, 8, 0, 5, tzinfo=UTC), BERLIN) == "2026-12-01T09:00:05"
