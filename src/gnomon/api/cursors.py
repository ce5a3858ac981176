"""Cursors: where a page of a list ended, as a text that means nothing to whoever sends it back."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import orjson

from gnomon.errors import InvalidInput

_LONGEST = 2000


def cursor_of(position: tuple[Any, ...] | None) -> str | None:
    """A position as a text; ``None`` at the end of a list."""
    if position is None:
        return None
    return base64.urlsafe_b64encode(orjson.dumps(list(position))).decode().rstrip("=")


def position_of(cursor: str | None, *types: type | tuple[type, ...]) -> tuple[Any, ...] | None:
    """The position in a cursor, whose parts must have these types. Raises ``InvalidInput`` for another text."""
    if cursor is None:
        return None
    try:
        if len(cursor) > _LONGEST:
            raise ValueError
        found = orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (ValueError, binascii.Error):
        found = None
    fits = isinstance(found, list) and len(found) == len(types)
    if not fits or not all(isinstance(part, kind) for part, kind in zip(found, types, strict=True)):
        raise InvalidInput("cursor", cursor, "give the `next` of the page before, or leave it out")
    return tuple(found)
