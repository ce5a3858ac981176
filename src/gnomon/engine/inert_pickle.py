"""Unpickling of rows that somebody else may have written: nothing is imported, run or changed by it.

A list of allowed classes is not enough: with classes at hand a pickle can set attributes *on the class*, and so change
how every trigger of the process calculates. Hence

1. the operations are read through before any of them is carried out (``pickle_scan``);
2. names resolve only to stand-ins: sealed, without state of their own, and inert. What comes out is looked at by
   ``trigger_shapes`` and ``plain_values``, and only then real triggers are made.

Classes of the application, where it allowed some, are stand-ins as well at first; only a row that passed is unpickled
a second time, with them.
"""

from __future__ import annotations

import pickle
from collections.abc import Callable
from enum import EnumType
from io import BytesIO
from typing import Any, ClassVar, NoReturn, cast

from apscheduler.triggers.calendarinterval import CalendarIntervalTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger, expressions, fields
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from gnomon.domain.triggers.crontab import CrontabTrigger
from gnomon.engine import pickled_values as values
from gnomon.engine.application_classes import ApplicationClasses
from gnomon.engine.pickle_scan import check_operations
from gnomon.engine.refusals import told
from gnomon.errors import RowRefused, shown


class _Sealed(type):
    """A class that nothing can be set on."""

    def __setattr__(cls, name: str, value: object) -> NoReturn:
        raise RowRefused(f"it sets {shown(name)} on a class")

    def __delattr__(cls, name: str) -> NoReturn:
        raise RowRefused(f"it deletes {shown(name)} from a class")


class StandIn(metaclass=_Sealed):
    """Stands for an instance of a class of APScheduler's or ours. Holds its pickled state, and does nothing."""

    __slots__ = ("state",)
    __hash__ = None  # type: ignore[assignment]
    real: ClassVar[type]
    state: Any

    def __setstate__(self, state: object) -> None:
        if hasattr(self, "state"):
            raise RowRefused(f"it sets the state of a {self.real.__name__} twice")
        self.state = state

    def __repr__(self) -> str:
        return f"a {self.real.__name__}"


class ApplicationObject(metaclass=_Sealed):
    """Stands for whatever a row makes of the application's classes, before they are imported."""

    __slots__ = ()

    def __new__(cls, *_args: object, **_kwargs: object) -> ApplicationObject:
        return object.__new__(cls)

    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise RowRefused(f"it sets {shown(name)}")

    def __setstate__(self, _state: object) -> None:
        return

    def __setitem__(self, _key: object, _value: object) -> None:
        return

    def append(self, _item: object) -> None:
        """For pickled subclasses of ``list``."""

    def extend(self, _items: object) -> None:
        """For pickled subclasses of ``list``."""

    def add(self, _item: object) -> None:
        """For pickled subclasses of ``set``."""


class Maker(metaclass=_Sealed):
    """Stands for a class or function whose results are plain values, and makes them."""

    __slots__ = ("_make", "_name")
    _make: Callable[..., object]
    _name: str

    def __init__(self, name: str, make: Callable[..., object]) -> None:
        object.__setattr__(self, "_name", name)
        object.__setattr__(self, "_make", make)

    def __call__(self, *args: object) -> object:
        # An application's own value among the arguments makes a value of the application's.
        if ApplicationObject in map(type, args):
            return ApplicationObject()
        return self._make(*args)

    # Also of `__class__`: BUILD sets what it is told to, on whatever object is on the stack.
    def __setattr__(self, name: str, value: object) -> NoReturn:
        raise RowRefused(f"it sets {shown(name)} of {self._name}")

    def __delattr__(self, name: str) -> NoReturn:
        raise RowRefused(f"it deletes {shown(name)} of {self._name}")

    def __repr__(self) -> str:
        return self._name


def _stand_in(real: type) -> type[StandIn]:
    made: Any = _Sealed(real.__name__, (StandIn,), {"__slots__": (), "__hash__": None, "real": real})
    return cast("type[StandIn]", made)


TRIGGERS: dict[str, type[StandIn]] = {
    f"{real.__module__}:{real.__name__}": _stand_in(real)
    for real in (
        CronTrigger,
        IntervalTrigger,
        DateTrigger,
        CalendarIntervalTrigger,
        AndTrigger,
        OrTrigger,
        CrontabTrigger,
    )
}
"""By the reference that combining triggers store."""

_CRON_PARTS = [
    _stand_in(real)
    for real in (
        fields.BaseField,
        fields.MonthField,
        fields.WeekField,
        fields.DayOfMonthField,
        fields.DayOfWeekField,
        expressions.AllExpression,
        expressions.RangeExpression,
        expressions.MonthRangeExpression,
        expressions.WeekdayRangeExpression,
        expressions.WeekdayPositionExpression,
        expressions.LastDayOfMonthExpression,
    )
]

_ZONE_INFO = Maker("zoneinfo.ZoneInfo", values.zone_named)
_UNPICKLED_ZONE = Maker("ZoneInfo._unpickle", values.unpickled_zone)


def _getattr(owner: object, name: object) -> object:
    # ZoneInfo pickles as getattr(ZoneInfo, "_unpickle"), and with early releases of Python 3.11 the member of an
    # enumeration as getattr(Colour, "RED"). Whoever resolves more than these resolves everything.
    if type(name) is str:
        if owner is _ZONE_INFO and name == "_unpickle":
            return _UNPICKLED_ZONE
        if owner is ApplicationObject:
            return ApplicationObject()
        if isinstance(owner, EnumType) and name in owner.__members__:
            return owner.__members__[name]
    raise RowRefused(f"it takes the attribute {told(name)} of {told(owner)}")


_MAKERS: dict[tuple[str, str], Maker] = {
    (module, name): Maker(f"{module}.{name}", make)
    for module, name, make in (
        ("builtins", "getattr", _getattr),
        ("builtins", "set", values.set_of),
        ("builtins", "frozenset", values.frozenset_of),
        ("builtins", "bytes", values.empty_bytes),
        ("_codecs", "encode", values.encoded),
        ("datetime", "datetime", values.datetime_of),
        ("datetime", "date", values.date_of),
        ("datetime", "time", values.time_of),
        ("datetime", "timedelta", values.timedelta_of),
        ("datetime", "timezone", values.timezone_of),
        ("decimal", "Decimal", values.decimal_of),
        ("pytz", "_p", values.pytz_zone),
        ("pytz", "_UTC", values.pytz_utc),
        ("pytz", "FixedOffset", values.pytz_offset),
    )
}
_MAKERS["zoneinfo", "ZoneInfo"] = _MAKERS["backports.zoneinfo", "ZoneInfo"] = _ZONE_INFO
# Protocol 2 knows builtins by the name they had in Python 2.
_MAKERS.update({("__builtin__", name): maker for (module, name), maker in _MAKERS.items() if module == "builtins"})

_CLASSES = {(cls.real.__module__, cls.real.__name__): cls for cls in (*TRIGGERS.values(), *_CRON_PARTS)}
_STAND_INS: dict[tuple[str, str], Any] = {**_MAKERS, **_CLASSES}


def _maker_of(real: Any) -> type:
    """A sealed class whose instances are real ones, for parts of a trigger of the application's."""

    def new(_cls: type) -> object:
        return real.__new__(real)

    return _Sealed(real.__name__, (), {"__slots__": (), "__new__": new})


# Not the combining triggers: to restore their state, they import whatever it names.
_REAL = {key: _maker_of(cls.real) for key, cls in _CLASSES.items() if cls.real not in (AndTrigger, OrTrigger)}


class _Unpickler(pickle.Unpickler):
    def __init__(self, stream: BytesIO, application: ApplicationClasses) -> None:
        super().__init__(stream)
        self.application = application

    def find_class(self, module: str, name: str) -> Any:
        found = _STAND_INS.get((module, name))
        if found is None:
            if not self.application.permits(module):
                named = f"{module}.{name}"
                raise RowRefused(f"it names {shown(named)}, which is not on the allow-list", names=named)
            return ApplicationObject
        return found


class _ApplicationUnpickler(_Unpickler):
    def find_class(self, module: str, name: str) -> Any:
        key = module, name
        found = _REAL.get(key) or _STAND_INS.get(key)
        return self.application.resolve(module, name) if found is None else found


def load_inert(pickled: bytes, application: ApplicationClasses) -> Any:
    """What a pickle holds, with ``StandIn`` and ``ApplicationObject`` for all that is no plain value.

    ``pickled`` has no STOP. The result is not checked in any way; it may be nested without end. Raises ``RowRefused``,
    and whatever a broken pickle makes Python raise.
    """
    check_operations(pickled)
    return _Unpickler(_stream(pickled), application).load()


def load_application(pickled: bytes, application: ApplicationClasses) -> Any:
    """The same with the application's classes imported. Only for a pickle that ``load_inert`` took."""
    return _ApplicationUnpickler(_stream(pickled), application).load()


def _stream(pickled: bytes) -> BytesIO:
    # In a frame of its own, because the C unpickler then reads it at once: without one, it calls read() per operation.
    return BytesIO(b"\x80\x04\x95" + (len(pickled) - 1).to_bytes(8, "little") + pickled[2:] + b".")
