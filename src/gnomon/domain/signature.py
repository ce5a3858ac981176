"""From a function's signature to the JSON Schema of its keyword arguments.

Values are not converted on their way to the function: it is given what was sent. So an annotation has to be one that
JSON values have themselves; one that JSON lacks (a date, an enum) is refused when the task is declared, rather than
broken when it runs.
"""

from __future__ import annotations

import inspect
import json
import types
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import (
    Annotated,
    Any,
    ForwardRef,
    Literal,
    NewType,
    NoReturn,
    NotRequired,
    Required,
    Union,
    get_args,
    get_origin,
)
from typing import get_type_hints as _hints

from pydantic import TypeAdapter
from pydantic.errors import PydanticUserError
from pydantic_core import SchemaError

from gnomon.domain.argument_schema import check_schema
from gnomon.domain.arguments import check_arguments
from gnomon.errors import InvalidInput

_ATOMS = frozenset({str, int, float, bool, type(None), None, Any, object})
_LISTS = frozenset({list, Sequence, Collection, Iterable})
_OBJECTS = frozenset({dict, Mapping})
_JSON = "str, int, float, bool, None, list, dict with str keys, Literal, TypedDict, Any, or a union of those"


def schema_of(func: Callable[..., Any]) -> str:
    """The JSON Schema, as text, of the keyword arguments of a function.

    Raises ``InvalidInput`` for a function that keyword arguments in JSON cannot be given to as it is annotated.
    """
    parameters = {
        name: parameter
        for name, parameter in inspect.signature(func).parameters.items()
        if parameter.kind is not parameter.VAR_POSITIONAL
    }
    hints = _annotations(func)
    fields: dict[str, Any] = {}
    required = []
    others: Any = None
    for name, parameter in parameters.items():
        hint = hints.get(name, Any)
        if parameter.kind is parameter.POSITIONAL_ONLY:
            if parameter.default is parameter.empty:
                _refuse(func, f"its argument {name!r} is positional only; arguments of a task are given by name")
            continue
        _check(func, name, hint)
        if parameter.kind is parameter.VAR_KEYWORD:
            others = hint
            continue
        fields[name] = hint
        if parameter.default is parameter.empty:
            required.append(name)
    properties, shared = _described(func, fields if others is None else {**fields, "**": others})
    schema: dict[str, Any] = {
        "type": "object",
        "additionalProperties": False if others is None else properties.pop("**"),
        "properties": {name: {**properties[name], **_default(parameters[name])} for name in fields},
        "required": required,
        **shared,
    }
    text = json.dumps(schema, separators=(",", ":"))
    try:
        check_schema(text)
    except ValueError as error:
        _refuse(func, f"its annotations cannot be checked: {error}")
    return text


def _annotations(func: Callable[..., Any]) -> dict[str, Any]:
    try:
        return _hints(func, include_extras=True)
    except Exception as error:  # evaluating a text runs whatever stands in it
        _refuse(func, f"its annotations cannot be read here ({error}); import what they name, outside TYPE_CHECKING")


def _described(func: Callable[..., Any], hints: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    try:
        inputs = [(name, "validation", TypeAdapter(hint)) for name, hint in hints.items()]
        found, shared = TypeAdapter.json_schemas(inputs)  # type: ignore[arg-type]
    except (PydanticUserError, SchemaError) as error:
        _refuse(func, f"its annotations have no JSON Schema: {' '.join(str(error).split())}")
    return {name: schema for (name, _), schema in found.items()}, shared


def _default(parameter: inspect.Parameter) -> dict[str, Any]:
    """A default is told where JSON has it; it is the function's own in any case."""
    if parameter.default is parameter.empty:
        return {}
    try:
        return {"default": check_arguments({"default": parameter.default})["default"]}
    except InvalidInput:
        return {}


def _check(func: Callable[..., Any], name: str, hint: Any, within: tuple[Any, ...] = ()) -> None:
    """Refuse what JSON has no values of."""
    if hint in within or _names(hint) in {_names(each) for each in within} - {None}:  # a type that is made of itself
        return
    origin, args, within = get_origin(hint), get_args(hint), (*within, hint)
    inner: Iterable[Any]
    if origin in {Annotated, Required, NotRequired}:
        inner = args[:1]
    elif origin in {Union, types.UnionType}:
        inner = args
    elif origin is Literal:
        inner = [type(each) for each in args]
    elif isinstance(hint, NewType):
        inner = [hint.__supertype__]
    elif type(hint).__name__ == "TypeAliasType":
        inner = [hint.__value__]
    elif _is_typed_dict(hint):
        inner = _annotations(hint).values()
    elif hint in _LISTS or origin in _LISTS:
        inner = args
    elif hint in _OBJECTS or (origin in _OBJECTS and args[0] is str):
        inner = args[1:]
    elif hint in _ATOMS:
        inner = ()
    else:
        told = inspect.formatannotation(hint)
        _refuse(func, f"its argument {name!r} is annotated as {told}, which is no type of JSON; use {_JSON}")
    for each in inner:
        _check(func, name, each, within)


def _names(hint: Any) -> str | None:
    """The name by which an alias refers to itself."""
    if isinstance(hint, ForwardRef | str):
        return hint if isinstance(hint, str) else hint.__forward_arg__
    return hint.__name__ if type(hint).__name__ == "TypeAliasType" else None


def _is_typed_dict(hint: Any) -> bool:
    """Also one of ``typing_extensions``, which ``typing`` does not know before Python 3.12."""
    return isinstance(hint, type) and issubclass(hint, dict) and hasattr(hint, "__total__")


def _refuse(func: Callable[..., Any], reason: str) -> NoReturn:
    raise InvalidInput("func", getattr(func, "__qualname__", func), reason)
