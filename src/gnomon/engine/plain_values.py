"""What the arguments of a stored job may be."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta, timezone
from decimal import Decimal
from types import NoneType
from zoneinfo import ZoneInfo

from gnomon.engine.inert_pickle import ApplicationObject, Maker, StandIn
from gnomon.engine.pickled_values import PytzZone
from gnomon.engine.refusals import told
from gnomon.errors import RowRefused

_MOST_VALUES = 10_000
_DEEPEST = 64
_MOST_TEXT = 4 * 1024 * 1024
_LONGEST_NUMBER = 2_048

_ATOMS = frozenset({NoneType, bool, float, datetime, date, time, timedelta, timezone, ZoneInfo, Decimal})
_INERT = (StandIn, Maker, PytzZone, type)


class PlainValues:
    """Walks values that were unpickled inertly, and adds up what they hold.

    The walk is bounded by what it visits and not by what is in memory: a list of ten references to a list of ten
    references and so on is small, until somebody prints it.
    """

    def __init__(self) -> None:
        self._values = 0
        self._text = 0
        self.has_mutable = False
        """Whether code that is given the values could change them."""
        self.has_application = False
        """Whether something in them stands for an object of the application's."""

    def check(self, value: object, depth: int = 0) -> None:
        """Raises ``RowRefused`` if ``value`` is, or holds, anything else than plain values."""
        self._values += 1
        if self._values > _MOST_VALUES or depth > _DEEPEST:
            raise RowRefused(
                f"its arguments hold more than {_MOST_VALUES} values, or are nested deeper than {_DEEPEST}"
            )
        kind = type(value)
        if kind in _ATOMS:
            return
        if kind is str or kind is bytes:
            self._text += len(value)  # type: ignore[arg-type]
            if self._text > _MOST_TEXT:
                raise RowRefused(f"its arguments hold more than {_MOST_TEXT} characters")
        elif kind is int:
            if value.bit_length() > _LONGEST_NUMBER:  # type: ignore[attr-defined]
                raise RowRefused(f"its arguments hold a number of more than {_LONGEST_NUMBER} bits")
        elif kind is tuple or kind is frozenset:
            for item in value:  # type: ignore[attr-defined]
                self.check(item, depth + 1)
        elif kind is list or kind is set:
            self.has_mutable = True
            for item in value:  # type: ignore[attr-defined]
                self.check(item, depth + 1)
        elif kind is dict:
            self.has_mutable = True
            for key, item in value.items():  # type: ignore[attr-defined]
                self.check(key, depth + 1)
                self.check(item, depth + 1)
        elif kind is ApplicationObject or value is ApplicationObject:
            self.has_application = True
        elif isinstance(value, _INERT):
            raise RowRefused(f"its arguments hold {told(value)}")
        else:
            raise RowRefused(f"its arguments hold a {kind.__name__}")
