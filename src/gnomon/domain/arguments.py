"""Keyword arguments as JSON: what can be stored, shown, sent and told to a function without becoming something else."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator
from typing import Any

from gnomon.errors import InvalidInput, shown

LARGEST = 64 * 1024
"""Bytes, as JSON."""
_DEEPEST = 32
_MOST_VALUES = 5_000
_LONGEST_NAME = 191
# What every program that reads JSON can hold, and the log of changes too.
_LOWEST_NUMBER, _HIGHEST_NUMBER = -(2**63), 2**63 - 1
_ATOMS = frozenset({str, int, float, bool, type(None)})


def check_arguments(kwargs: object) -> dict[str, Any]:
    """A copy of keyword arguments that are plain JSON. Raises ``InvalidInput`` naming the value that is not.

    Only the plain types pass, and no subclasses: what a function is given is equal to what was sent, and of its type.
    """
    if type(kwargs) is not dict:
        raise InvalidInput("kwargs", kwargs, "give an object: names with JSON values")
    for path, value in _walk("kwargs", kwargs):
        _check(path, value)
    text = json.dumps(kwargs, ensure_ascii=False, separators=(",", ":"))
    size = len(text.encode())
    if size > LARGEST:
        raise InvalidInput("kwargs", f"{size} bytes", f"give at most {LARGEST} bytes, as JSON")
    copied: dict[str, Any] = json.loads(text)
    return copied


def within(path: str, step: str | int) -> str:
    """The path to a part: ``kwargs.limits[2].name``. Names that were sent are made fit for a line of a log."""
    if isinstance(step, int):
        return f"{path}[{step}]"
    return f"{path}.{step}" if step.isprintable() and len(step) <= _LONGEST_NAME else f"{path}.{shown(step)}"


def _walk(path: str, value: object) -> Iterator[tuple[str, object]]:
    """Every value with the path to it, without Python's recursion: what was sent may be nested without end."""
    waiting = [(path, value, 0)]
    seen = 0
    while waiting:
        path, value, depth = waiting.pop()
        yield path, value
        if not isinstance(value, dict | list):
            continue
        seen += len(value)
        if seen > _MOST_VALUES:
            raise InvalidInput("kwargs", f"{seen} values or more", f"give at most {_MOST_VALUES}, all told")
        if depth == _DEEPEST:
            raise InvalidInput(
                "kwargs", f"a value {depth} levels deep", f"nest values less than {_DEEPEST} levels deep"
            )
        if isinstance(value, dict):
            for key in value:
                _check_key(path, key)
            waiting.extend((within(path, key), item, depth + 1) for key, item in value.items())
        else:
            waiting.extend((within(path, index), item, depth + 1) for index, item in enumerate(value))


def _check_key(path: str, key: object) -> None:
    if type(key) is not str:
        raise InvalidInput(path, key, "give names as text")
    if len(key) > _LONGEST_NAME or not _is_unicode(key):
        raise InvalidInput(path, key, f"give names of at most {_LONGEST_NAME} characters of Unicode")


def _check(path: str, value: object) -> None:
    kind = type(value)
    if kind is dict or kind is list:
        return
    if kind not in _ATOMS:
        raise InvalidInput(path, value, "give JSON: text, a number, true, false, null, a list or an object")
    if isinstance(value, str) and not _is_unicode(value):
        raise InvalidInput(path, value, "give text in Unicode, without lone surrogates")
    if isinstance(value, float) and not math.isfinite(value):
        raise InvalidInput(path, value, "give a finite number; JSON has no other")
    if kind is int and isinstance(value, int) and not _LOWEST_NUMBER <= value <= _HIGHEST_NUMBER:
        raise InvalidInput(path, value, "give a whole number of at most 64 bits; a longer one as text")


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
