"""The bytes of a job's row: a body that stands still, and a tail that holds the next run time.

A row is the pickled ``Job.__getstate__()`` of APScheduler 3. Ours is

::

    body   80 03 }  "trigger" <trigger> s  ( "version" 1 "id" … "kwargs" … u
    tail   "next_run_time" <None or datetime> s .

which is one ordinary pickle of protocol 3: unpickling sets the keys one after the other. A fire replaces the tail only,
so it can't write back a schedule that it read earlier, and it costs no pickling. The same tail behind a row that
somebody else wrote overrides the next run time that their pickle holds, because the later key wins.

The pieces can be joined because each brings its own memo entries from 0 and refers to none of another piece. That is
why protocol 3 is used: ``MEMOIZE`` of protocol 4 counts through all pieces.
"""

from __future__ import annotations

import pickle
import re
from collections.abc import Mapping
from copyreg import dispatch_table
from datetime import UTC, datetime, time, timedelta, timezone
from functools import lru_cache
from io import BytesIO
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from gnomon.engine.pickled_values import datetime_of, fire_time, zone_named

_STOP = b"."
_HEAD = b"\x80\x03}X\x07\x00\x00\x00trigger"
_REST = b"s(X\x07\x00\x00\x00versionK\x01X\x02\x00\x00\x00id"
_HEADER = b"\x80\x03"
_REST_AS_DICT = _HEADER + b"}"
_BEFORE_ID = _REST_AS_DICT + _REST[1:]
_NAME = b"X\x04\x00\x00\x00name"
_TEXT = b"X"[0]

_TAIL = b"X\x0d\x00\x00\x00next_run_time"
_TAIL_END = b"s."
_LONGEST_TAIL = 400
_MOMENT = b"cdatetime\ndatetime\nC\x0a"
_NAMED_ZONE = b"cbuiltins\ngetattr\nczoneinfo\nZoneInfo\nX\x09\x00\x00\x00_unpickle\x86RX"
_NAMED_ZONE_END = b"K\x01\x86R"
_OFFSET_ZONE = b"cdatetime\ntimezone\ncdatetime\ntimedelta\n"
_OFFSET_ZONE_END = b"\x87R\x85R"
_MOMENT_END = b"\x86R"

# Exactly what `with_tail` writes and nothing else, so that a string inside somebody's row can't pass for a tail.
_TAIL_SHAPE = re.compile(
    b"".join(
        [
            re.escape(_TAIL) + rb"(?:N|",
            re.escape(_MOMENT) + rb"(?P<moment>.{10})(?:",
            re.escape(_NAMED_ZONE)
            + rb"(?P<length>.)\0\0\0(?P<zone>[A-Za-z0-9_+/-]{1,64})"
            + re.escape(_NAMED_ZONE_END),
            rb"|",
            re.escape(_OFFSET_ZONE)
            + rb"J(?P<days>.{4})J(?P<seconds>.{4})J(?P<fraction>.{4})"
            + re.escape(_OFFSET_ZONE_END),
            rb")" + re.escape(_MOMENT_END) + rb")" + re.escape(_TAIL_END),
        ]
    ),
    re.DOTALL,
)

_FRAME = 0x95
_FRAMES_SINCE = 4


def split(job_state: bytes) -> tuple[bytes, bytes]:
    """``(body, tail)`` of a row; the tail is empty if the row has none of ours.

    Never raises: bytes that are no row are all body.
    """
    at = job_state.rfind(_TAIL, -_LONGEST_TAIL)
    if at > 0:
        tail = job_state[at:]
        if _is_tail(tail):
            return job_state[:at], tail
    if not job_state.endswith(_STOP):
        return job_state, b""
    return _without_stop(job_state), b""


def body(job_state: bytes) -> bytes:
    """The part of a row that does not change when the job fires. Never raises."""
    return split(job_state)[0]


def with_tail(body: bytes, next_run_time: datetime | None) -> bytes:
    """A whole row. ``next_run_time`` is aware; it is stored in the zone that it has."""
    if next_run_time is None:
        return body + _TAIL + b"N" + _TAIL_END
    # Its state by protocol 4, because that of protocol 3 loses `fold`: an hour, once a year.
    # (Asked of `datetime` itself: a subclass may pickle in its own way.)
    pickled: Any = datetime.__reduce_ex__(next_run_time, 4)
    state: bytes = pickled[1][0]
    return b"".join((body, _TAIL, _MOMENT, state, _zone(next_run_time), _MOMENT_END, _TAIL_END))


@lru_cache(maxsize=16_384)
def next_run_time_in(tail: bytes) -> datetime | None:
    """The next run time that a tail holds. Raises ``ValueError`` if it is no time that exists."""
    shape = _TAIL_SHAPE.fullmatch(tail)
    if shape is None:
        raise ValueError("its tail has another form than Gnomon writes")
    if shape["moment"] is None:
        return None
    if shape["zone"] is not None:
        return fire_time(datetime_of(shape["moment"], zone_named(shape["zone"].decode("ascii"))))
    offset = (int.from_bytes(shape[part], "little", signed=True) for part in ("days", "seconds", "fraction"))
    return fire_time(datetime_of(shape["moment"], timezone(timedelta(*offset))))


def trigger_piece(trigger: object) -> bytes:
    """A trigger as the first of the ``Pieces`` of a body. Raises what pickling raises."""
    return _HEADER + _pickled(trigger)


def compose(trigger: bytes, fields: Mapping[str, Any]) -> bytes:
    """The body of a row of ours, from the piece of its trigger and its other fields.

    Raises what pickling raises.
    """
    return b"".join((_HEAD, trigger[len(_HEADER) :], b"s", others(fields)[len(_REST_AS_DICT) :]))


def others(fields: Mapping[str, Any]) -> bytes:
    """The second of the ``Pieces``. Raises what pickling raises."""
    parts = [_BEFORE_ID, _pickled(fields["id"])]
    for key, value in fields.items():
        if key != "id":
            parts.append(_text(key))
            parts.append(_pickled(value))
    parts.append(b"u")
    return b"".join(parts)


class Pieces(NamedTuple):
    """The two pickles that a body of ours is made of, each without its STOP: the trigger, a dict of the other fields.

    Rows that share a trigger share the first one, which is the expensive one to decode.
    """

    trigger: bytes
    others: bytes


def pieces(body: bytes) -> Pieces | None:
    """The pieces of a body of ours, ``None`` for one that somebody else wrote."""
    if not body.startswith(_HEAD):
        return None
    at = body.find(_REST, len(_HEAD))
    if at < 0:
        return None
    return Pieces(_HEADER + body[len(_HEAD) : at], _REST_AS_DICT + body[at + 1 :])


class Named(NamedTuple):
    """The second of the ``Pieces``, taken apart. What ``around`` holds, the bytes before and after the name, is the
    same for jobs that differ in nothing but id and name."""

    id: str
    name: str
    around: tuple[bytes, bytes]


def named(others: bytes) -> Named | None:
    """Take apart; ``None`` if it does not look as if ``others`` had written it."""
    try:
        job_id, begin = _text_at(others, len(_BEFORE_ID))
        at = others.rindex(_NAME)
        name, end = _text_at(others, at + len(_NAME))
    except (ValueError, IndexError):
        return None
    return Named(job_id, name, (others[begin:at], others[end:])) if begin <= at else None


def _text_at(pickled: bytes, at: int) -> tuple[str, int]:
    """A text, and where it ends."""
    begin = at + 5
    end = begin + int.from_bytes(pickled[at + 1 : begin], "little")
    if pickled[at] != _TEXT or end > len(pickled):
        raise ValueError
    return pickled[begin:end].decode(), end


def with_trigger(body: bytes, trigger: bytes) -> bytes | None:
    """A body of ours with another first piece; ``None`` of one that somebody else wrote, and where the two pieces could
    not be told apart again."""
    at = body.find(_REST, len(_HEAD)) if body.startswith(_HEAD) else -1
    if at < 0:
        return None
    made = b"".join((_HEAD, trigger[len(_HEADER) :], body[at:]))
    return made if made.find(_REST, len(_HEAD)) == len(made) - (len(body) - at) else None


def _pickled(value: Any) -> bytes:
    """Without header and STOP."""
    if value is None:
        return b"N"
    if type(value) is str:
        return _text(value)
    if type(value) is tuple and not value:
        return b")"
    if type(value) is dict and not value:
        return b"}"
    stream = BytesIO()
    pickler = pickle.Pickler(stream, 3)
    pickler.dispatch_table = {**dispatch_table, **_REDUCED}
    pickler.dump(value)
    return stream.getvalue()[2:-1]


def _reduced(value: datetime | time) -> Any:
    return value.__reduce_ex__(4)


def _reduced_offset(value: timezone) -> Any:
    return _UTC if value is UTC else value.__reduce_ex__(3)


# What an offset is made of is looked up in Python, each time anew.
_UTC: Any = UTC.__reduce_ex__(3)
# Protocol 3 drops `fold`, though what unpickles it understands it: see `with_tail`.
_REDUCED: dict[type, Any] = {datetime: _reduced, time: _reduced, timezone: _reduced_offset}


def _text(text: str) -> bytes:
    encoded = text.encode("utf-8", "surrogatepass")
    return b"X%b%b" % (len(encoded).to_bytes(4, "little"), encoded)


def _zone(moment: datetime) -> bytes:
    zone = moment.tzinfo
    if isinstance(zone, ZoneInfo) and zone.key:
        return _named_zone(zone.key)
    # A fixed offset, or a zone without a name that every process could look up: the instant is kept.
    return _offset_zone(moment.utcoffset() or timedelta(0))


@lru_cache(maxsize=1024)
def _named_zone(key: str) -> bytes:
    name = key.encode("utf-8")
    return _NAMED_ZONE + len(name).to_bytes(4, "little") + name + _NAMED_ZONE_END


@lru_cache(maxsize=1024)
def _offset_zone(offset: timedelta) -> bytes:
    numbers = (offset.days, offset.seconds, offset.microseconds)
    return _OFFSET_ZONE + b"".join(b"J" + n.to_bytes(4, "little", signed=True) for n in numbers) + _OFFSET_ZONE_END


@lru_cache(maxsize=16_384)
def _is_tail(tail: bytes) -> bool:
    shape = _TAIL_SHAPE.fullmatch(tail)
    return shape is not None and (shape["zone"] is None or len(shape["zone"]) == shape["length"][0])


def _without_stop(job_state: bytes) -> bytes:
    # Protocol 4 says how long its frame is. The one frame of a small pickle includes the STOP that goes.
    is_framed = len(job_state) > 11 and job_state[1] >= _FRAMES_SINCE and job_state[2] == _FRAME
    if is_framed and job_state[0] == pickle.PROTO[0]:
        length = int.from_bytes(job_state[3:11], "little")
        if 11 + length == len(job_state):
            return job_state[:3] + (length - 1).to_bytes(8, "little") + job_state[11:-1]
    return job_state[:-1]
