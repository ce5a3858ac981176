"""From a function's signature to the schema of its arguments, and arguments against it."""

from __future__ import annotations

import enum
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, Literal, NewType, NotRequired, Union

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import BaseModel, Field, JsonValue
from typing_extensions import TypedDict

from gnomon.domain.argument_schema import fits_argument, misfit, signature
from gnomon.domain.signature import schema_of
from gnomon.errors import InvalidInput
from tests.tasks import fetch, greet, keep, report

Tenant = NewType("Tenant", str)


class Limits(TypedDict):
    rows: int
    inner: NotRequired[Limits]


class Colour(enum.StrEnum):
    RED = "red"


class Model(BaseModel):
    rows: int


def annotated(annotation: Any, default: Any = ...) -> Callable[..., Any]:
    """A function with one argument ``x``."""

    def required(x: Any) -> None: ...

    def optional(x: Any = default) -> None: ...

    func = required if default is ... else optional
    func.__annotations__["x"] = annotation
    return func


def wrong(func: Callable[..., Any], **kwargs: Any) -> str | None:
    error = misfit(schema_of(func), kwargs)
    return None if error is None else f"{error.field}: {error.allowed}"


@pytest.mark.parametrize(
    ("kwargs", "error"),
    [
        ({"tenant": "acme"}, None),
        ({"tenant": "acme", "limits": {"rows": 1}, "mode": "delta", "ratio": 1, "pages": 100, "tags": ["a"]}, None),
        ({"tenant": "acme", "limits": None}, None),
        ({}, "kwargs.tenant: it is needed: give text"),
        ({"tenant": 5}, "kwargs.tenant: give text"),
        ({"tenant": None}, "kwargs.tenant: give text"),
        (
            {"tenant": "acme", "tenants": 1},
            "kwargs.tenants: there are folder, tenant, limits, mode, ratio, pages, tags",
        ),
        ({"tenant": "acme", "limits": {"rows": "many"}}, "kwargs.limits.rows: give a whole number"),
        ({"tenant": "acme", "limits": {"rows": True}}, "kwargs.limits.rows: give a whole number"),
        ({"tenant": "acme", "limits": 5}, "kwargs.limits: give an object, each value a whole number or null"),
        ({"tenant": "acme", "mode": "half"}, 'kwargs.mode: give one of "full", "delta"'),
        ({"tenant": "acme", "ratio": "1"}, "kwargs.ratio: give a number or null"),
        ({"tenant": "acme", "pages": 0}, "kwargs.pages: give a whole number from 1 to 100"),
        ({"tenant": "acme", "pages": 1.5}, "kwargs.pages: give a whole number from 1 to 100"),
        ({"tenant": "acme", "tags": ["a", 1]}, "kwargs.tags[1]: give text"),
    ],
)
def test_each_error_names_the_argument_and_what_is_allowed(kwargs: dict[str, Any], error: str | None) -> None:
    assert wrong(report, folder="f", **kwargs) == error


@pytest.mark.parametrize("name", ["__class__", "self", "func", "executor", "a\nb", "\x1b[31m", ""])
def test_a_name_that_the_function_lacks_is_refused_whatever_it_is(name: str) -> None:
    error = misfit(schema_of(greet), {"tenant": "acme", name: 1})
    assert error is not None
    assert str(error).isprintable()


@pytest.mark.parametrize(
    ("annotation", "fits", "fails"),
    [
        (str, ["", "é"], [1, None, []]),
        (int, [0, -5, 2**63 - 1], ["1", None, True, 1.5]),
        (float, [0, 1.5, -1e300], ["1", None, True]),
        (bool, [True, False], [0, 1, "true", None]),
        (None, [None], [0, "", False]),
        (list, [[], [1, "a"]], [{}, "a"]),
        (list[int], [[], [1]], [["a"], [None]]),
        (Sequence[str], [["a"]], ["a", [1]]),
        (Iterable[int], [[1]], [1]),
        (dict, [{}, {"a": 1}], [[], 1]),
        (dict[str, list[int]], [{"a": [1]}], [{"a": ["b"]}]),
        (Mapping[str, int], [{"a": 1}], [{"a": "b"}]),
        (str | int, ["a", 1], [None, 1.5]),
        (Union[str, None], ["a", None], [1]),  # noqa: UP007
        (Literal["a", 1, None], ["a", 1, None], ["b", 2, True]),
        (Any, [None, 1, {"a": [1]}], []),
        (object, [None, 1, {"a": [1]}], []),
        (JsonValue, [None, 1, {"a": [1]}], []),
        (Tenant, ["a"], [1]),
        (Limits, [{"rows": 1}, {"rows": 1, "inner": {"rows": 2}}], [{}, {"rows": "a"}, {"rows": 1, "inner": {}}]),
        (Annotated[str, Field(min_length=2, max_length=3, pattern="^a")], ["ab", "abc"], ["a", "abcd", "bb"]),
        (Annotated[float, Field(gt=0, lt=1)], [0.5], [0, 1]),
        (Annotated[list[int], Field(max_length=2)], [[1, 2]], [[1, 2, 3]]),
    ],
    ids=str,
)
def test_types_that_json_has_are_checked(annotation: Any, fits: list[Any], fails: list[Any]) -> None:
    func = annotated(annotation)
    for value in fits:
        assert wrong(func, x=value) is None, value
    for value in fails:
        assert (wrong(func, x=value) or "").startswith("kwargs.x"), value


@pytest.mark.parametrize(
    "annotation",
    [
        date,
        Decimal,
        Path,
        bytes,
        complex,
        set[int],
        tuple[int, int],
        Colour,
        Literal[Colour.RED],
        Model,
        Callable[[], None],
        dict[int, str],
        list[date],
        str | date,
        Annotated[date, "a day"],
        type,
        "nowhere",
        Annotated[str, Field(pattern="(?=look)ahead")],
        Annotated[str, Field(pattern="(")],
    ],
    ids=str,
)
def test_what_json_lacks_is_refused_when_the_task_is_declared(annotation: Any) -> None:
    with pytest.raises(InvalidInput, match=r"func: .*annotat"):
        schema_of(annotated(annotation))


def test_an_argument_without_annotation_takes_any_json() -> None:
    def plain(x, y=5): ...  # type: ignore[no-untyped-def]

    assert wrong(plain, x={"a": [None]}) is None
    assert wrong(plain, y=1) == "kwargs.x: it is needed: give any JSON value"


def test_a_function_with_any_names_checks_their_values() -> None:
    def takes(**named: int) -> None: ...

    assert wrong(takes, a=1, __class__=2) is None
    assert wrong(takes, a="x") == "kwargs.a: give a whole number"
    assert wrong(keep, folder="f", given=[1], other={"a": None}) is None


def test_positional_arguments_cannot_be_given_by_name() -> None:
    def positional(x: int, /) -> None: ...

    def rest(*numbers: date, y: int = 1) -> None: ...

    with pytest.raises(InvalidInput, match="positional only"):
        schema_of(positional)
    assert wrong(rest, y=2) is None


def test_a_function_without_arguments_takes_none() -> None:
    def alone() -> None: ...

    assert wrong(alone) is None
    assert wrong(alone, x=1) == "kwargs.x: there are no arguments"


def test_coroutine_functions_have_signatures_too() -> None:
    assert wrong(fetch, folder="f", tenant=1) == "kwargs.tenant: give text"


def test_a_signature_in_words() -> None:
    words = {name: (each["words"], each["required"], each["default"]) for name, each in _signature(report).items()}
    assert words == {
        "folder": ("text", True, None),
        "tenant": ("text", True, None),
        "limits": ("an object, each value a whole number or null", False, None),
        "mode": ('one of "full", "delta"', False, "full"),
        "ratio": ("a number or null", False, None),
        "pages": ("a whole number from 1 to 100", False, 1),
        "tags": ("a list, each text or null", False, None),
    }


def test_one_argument_by_itself() -> None:
    schema = schema_of(report)
    assert fits_argument(schema, "tenant", "5")
    assert not fits_argument(schema, "tenant", 5)
    assert fits_argument(schema, "limits", {"rows": 5})


def test_a_default_that_json_lacks_stays_the_functions_own() -> None:
    def func(x: Sequence[int] = ()) -> None: ...

    assert _signature(func)["x"]["default"] is None
    assert wrong(func) is None


def test_nothing_is_fetched_that_a_schema_names() -> None:
    error = misfit(json.dumps({"$ref": "http://127.0.0.1:9/schema"}), {})
    assert error is not None
    assert error.field == "task"


def test_a_pattern_takes_no_longer_for_a_hostile_text() -> None:
    func = annotated(Annotated[str, Field(pattern="^(a+)+$")])
    assert wrong(func, x="a" * 50_000 + "b") is not None


@given(st.dictionaries(st.text(max_size=5), st.none() | st.integers(0, 9) | st.text(max_size=5), max_size=4))
def test_whatever_is_sent_either_fits_or_is_answered_with_a_field(kwargs: dict[str, Any]) -> None:
    error = misfit(schema_of(greet), kwargs)
    assert (error is None) == (kwargs.keys() == {"tenant"} and isinstance(kwargs["tenant"], str))
    assert error is None or (error.field.startswith("kwargs.") and str(error).isprintable())


def _signature(func: Callable[..., Any]) -> dict[str, dict[str, Any]]:
    return signature(schema_of(func))
