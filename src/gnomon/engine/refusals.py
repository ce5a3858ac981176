"""How a refused row is told, without stepping into what it holds.

``repr`` of a container is as long as whoever made it wanted: ten lists, each of ten references to the one before, are
a few hundred bytes in a row and gigabytes as text.
"""

from __future__ import annotations

from datetime import date, time, timedelta, tzinfo
from decimal import Decimal
from types import NoneType

from gnomon.errors import shown

_LONGEST = 200
_SHORT_TO_SHOW = (NoneType, bool, int, float, str, bytes, date, time, timedelta, tzinfo, Decimal)


def told(value: object) -> str:
    """A value of a row, for a message: one line, bounded, control characters escaped."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    if isinstance(value, _SHORT_TO_SHOW):
        return shown(value)
    return f"a {type(value).__name__}"


def told_error(error: BaseException) -> str:
    """An exception, for a message, likewise."""
    try:
        text = repr(str(error))[1:-1]
    except Exception:  # the application's own may do anything
        text = "it can't be shown"
    return f"{type(error).__name__}: {text[:_LONGEST]}" if text else type(error).__name__
