"""Keyword arguments as JSON: what passes is plain and equal, what does not is named."""

from __future__ import annotations

import enum
import json
import math
from collections import OrderedDict, UserDict
from datetime import date
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.arguments import LARGEST, check_arguments
from gnomon.errors import InvalidInput

numbers = st.integers(-(2**63), 2**63 - 1)
atoms = st.none() | st.booleans() | numbers | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=20)
names = st.text(max_size=20)
values = st.recursive(
    atoms, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(names, inner, max_size=4), max_leaves=20
)


class Word(enum.StrEnum):
    ONE = "one"


class Count(enum.IntEnum):
    ONE = 1


def nested(depth: int) -> Any:
    value: Any = 0
    for _ in range(depth):
        value = [value]
    return value


def without_end() -> dict[str, Any]:
    value: dict[str, Any] = {}
    value["again"] = value
    return value


def wide() -> Any:
    """Small in memory, and endless to whoever prints it."""
    value: Any = []
    for _ in range(20):
        value = [value] * 10
    return value


@given(st.dictionaries(names, values, max_size=5))
def test_plain_json_passes_as_an_equal_copy(kwargs: dict[str, Any]) -> None:
    copied = check_arguments(kwargs)
    assert copied == kwargs
    assert json.dumps(copied) == json.dumps(kwargs)  # 1, 1.0 and true are equal to Python
    assert copied is not kwargs


def test_who_changes_what_he_sent_changes_nothing_that_was_taken() -> None:
    kwargs = {"limits": {"rows": 1}}
    copied = check_arguments(kwargs)
    kwargs["limits"]["rows"] = 2
    assert copied == {"limits": {"rows": 1}}


@pytest.mark.parametrize(
    ("value", "field"),
    [
        (math.nan, "kwargs.x"),
        (math.inf, "kwargs.x"),
        ({"a": [0, -math.inf]}, "kwargs.x.a[1]"),
        (2**63, "kwargs.x"),
        (-(2**63) - 1, "kwargs.x"),
        (10**4000, "kwargs.x"),
        ("\ud800", "kwargs.x"),
        ((1, 2), "kwargs.x"),
        ({1, 2}, "kwargs.x"),
        (b"bytes", "kwargs.x"),
        (date(2027, 1, 1), "kwargs.x"),
        (object(), "kwargs.x"),
        (1j, "kwargs.x"),
        (Word.ONE, "kwargs.x"),
        (Count.ONE, "kwargs.x"),
        (OrderedDict(a=1), "kwargs.x"),
        ({"deep": {1: "a number as a name"}}, "kwargs.x.deep"),
        ({"\ud800": 1}, "kwargs.x"),
        ({"n" * 192: 1}, "kwargs.x"),
        ("a" * LARGEST, "kwargs"),
        ("\U0001f600" * (LARGEST // 4), "kwargs"),
        ([0] * 6000, "kwargs"),
        (nested(40), "kwargs"),
        (nested(100_000), "kwargs"),
        (without_end(), "kwargs"),
        (wide(), "kwargs"),
    ],
    ids=lambda value: type(value).__name__ if not isinstance(value, str) or len(value) > 20 else repr(value),
)
def test_what_is_no_json_is_refused_by_name(value: Any, field: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_arguments({"fine": 1, "x": value})
    assert refused.value.field == field
    assert str(refused.value).isprintable()
    assert len(str(refused.value)) < 500


@pytest.mark.parametrize("kwargs", [None, [], "text", 5, UserDict(), [("a", 1)]])
def test_what_is_no_object_is_refused(kwargs: object) -> None:
    with pytest.raises(InvalidInput, match="kwargs: "):
        check_arguments(kwargs)


@pytest.mark.parametrize("name", ["a\nb", "\x1b[31m", "\u202e", "n" * 100 + "\0"])
def test_a_hostile_name_does_not_drive_the_message(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        check_arguments({name: math.nan})
    assert str(refused.value).isprintable()
    assert refused.value.field.isprintable()


def test_control_characters_in_text_are_text() -> None:
    kwargs = {"text": "\0\x1b[2J\u202e\r\n"}
    assert check_arguments(kwargs) == kwargs
