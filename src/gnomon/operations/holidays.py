"""The holidays of countries, worked out by a library that is optional: ``pip install 'gnomon[holidays]'``.

Only who makes a calendar needs it. The dates then stand in the store, so every node knows the same ones.
"""

from __future__ import annotations

import re
from datetime import date
from importlib.util import find_spec

from gnomon.errors import InvalidInput

_LONGEST_WORDS = 200
_CODE = re.compile("[A-Z]{2,3}")
_COUNTRIES = "give an ISO 3166 code such as DE, US or JP"


def is_installed() -> bool:
    """Whether holidays can be worked out here."""
    return find_spec("holidays") is not None


def holidays_of(country: str, subdivision: str | None, years: range) -> dict[date, str]:
    """The holidays of some years, with their names, in English where the library has them so.

    Raises ``InvalidInput`` for a country or a part of one that the library does not know, and where it is missing.
    """
    if not is_installed():
        raise InvalidInput(
            "country",
            country,
            "working out holidays needs a library: run `pip install 'gnomon[holidays]'`, or give dates",
        )
    import holidays

    code, part = country.upper(), subdivision
    if not _CODE.fullmatch(code):  # the library would look for anything of this name
        raise InvalidInput("country", country, _COUNTRIES)
    try:
        found = holidays.country_holidays(code, subdiv=part, years=years, language="en_US")
    except NotImplementedError:
        known = holidays.list_supported_countries()
        if code not in known:
            raise InvalidInput("country", country, _COUNTRIES) from None
        parts = ", ".join(known[code]) or "none"
        raise InvalidInput("subdivision", subdivision, f"of {code} there are {parts}") from None
    return {day: name[:_LONGEST_WORDS] for day, name in sorted(found.items())}
