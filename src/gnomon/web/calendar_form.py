"""The form of a calendar: its texts, what they say, and what somebody saw when he began."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from gnomon.domain.calendar import read_dates
from gnomon.errors import InvalidInput, StaleCalendar
from gnomon.web.asked import Form

FIELDS = ("name", "country", "subdivision", "dates", "reason")


@dataclass(slots=True)
class Draft:
    """What somebody has written, not yet saved. ``errors`` maps fields of the form to what is wrong with them."""

    name: str = ""
    country: str = ""
    subdivision: str = ""
    dates: str = ""
    reason: str = ""
    token: str = ""
    errors: dict[str, str] = field(default_factory=dict)

    @property
    def is_empty(self) -> bool:
        """Whether nothing was said yet of what it leaves out."""
        return not (self.country.strip() or self.subdivision.strip() or self.dates.strip())

    def definition(self) -> tuple[str | None, str | None, dict[Any, str]]:
        """Country, subdivision and dates as ``Scheduler.set_calendar`` takes them. Raises ``InvalidInput``."""
        return self.country.strip().upper() or None, self.subdivision.strip() or None, dates_in(self.dates)


def draft_in(sent: Form) -> Draft:
    """What was sent."""
    draft = Draft(token=sent.one("token"))
    draft.name, draft.reason = sent.one("name").strip(), sent.one("reason")
    draft.country, draft.subdivision, draft.dates = sent.one("country"), sent.one("subdivision"), sent.one("dates")
    return draft


def draft_of(calendar: Mapping[str, Any]) -> Draft:
    """A calendar as it stands."""
    return Draft(
        calendar["name"],
        calendar["country"] or "",
        calendar["subdivision"] or "",
        "\n".join(f"{day} {word}".rstrip() for day, word in calendar["dates"].items()),
        token=token_of(calendar),
    )


def dates_in(text: str) -> dict[Any, str]:
    """A date on each line, and behind it what it is called. Raises ``InvalidInput`` that names the line."""
    found: dict[Any, str] = {}
    for number, line in enumerate(text.splitlines(), 1):
        day, _, word = line.strip().partition(" ")
        if not day:
            continue
        try:
            found |= read_dates({day.rstrip(","): word.strip()})
        except InvalidInput as error:
            raise InvalidInput("dates", line, f"line {number}: {error.allowed}, and what it is called") from None
    return found


def place_of(error: InvalidInput) -> str:
    """The field at which an error is told."""
    name = {"calendar": "name"}.get(error.field, error.field)
    return name if name in FIELDS else ""


def token_of(calendar: Mapping[str, Any] | None) -> str:
    """The token that a form carries along; empty of a calendar that is to be made."""
    return "" if calendar is None else str(calendar["token"])


def overtaken(error: StaleCalendar) -> str:
    """What became of the calendar since somebody began."""
    if error.calendar is None:
        return "Meanwhile, it was removed. What you wrote is kept: save it again to make it anew."
    return (
        f"Meanwhile, {error.calendar['actor']} changed it: it is {error.calendar['words']} now. Nothing of yours was "
        "done, and what you wrote is kept: do it again to put it in place of that."
    )
