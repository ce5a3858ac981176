"""The form of a calendar."""

from __future__ import annotations

from datetime import date

import pytest

from gnomon.errors import InvalidInput, StaleCalendar
from gnomon.web.calendar_form import Draft, dates_in, draft_of, overtaken

STANDS = {
    "name": "office",
    "country": None,
    "subdivision": None,
    "dates": {"2026-12-24": "Christmas Eve", "2026-12-31": ""},
    "token": "c0ffee",
    "actor": "mia",
    "words": "2 dates",
}


def test_a_date_stands_on_each_line_with_what_it_is_called() -> None:
    text = "2026-12-24 Christmas Eve\r\n\r\n  2026-12-31,  party \n2027-01-01"
    assert dates_in(text) == {
        date(2026, 12, 24): "Christmas Eve",
        date(2026, 12, 31): "party",
        date(2027, 1, 1): "",
    }


@pytest.mark.parametrize("line", ["24.12.2026", "2026-13-01", "tomorrow", f"2026-12-24 {'x' * 201}"])
def test_what_is_no_date_is_told_with_its_line(line: str) -> None:
    with pytest.raises(InvalidInput, match="line 2") as refused:
        dates_in(f"2026-01-01\n{line}")
    assert refused.value.field == "dates"


def test_a_calendar_is_written_as_it_is_read() -> None:
    country, subdivision, dates = draft_of(STANDS).definition()
    assert (country, subdivision) == (None, None)
    assert {day.isoformat(): word for day, word in dates.items()} == STANDS["dates"]


def test_a_country_may_be_written_in_small_letters() -> None:
    assert Draft(country=" de ", subdivision=" BE ").definition() == ("DE", "BE", {})


def test_who_was_overtaken_reads_by_whom_and_by_what() -> None:
    assert "mia changed it: it is 2 dates now" in overtaken(StaleCalendar("office", STANDS, None))
    assert "it was removed" in overtaken(StaleCalendar("office", None, []))
