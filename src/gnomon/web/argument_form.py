"""The arguments of a task as a form, made from their JSON Schema, and the way back to plain JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from gnomon.domain.argument_schema import fits_argument, signature
from gnomon.errors import InvalidInput
from gnomon.web.asked import Form
from gnomon.web.trigger_form import Input

PREFIX = "argument."
#: Where a task takes any further arguments: a JSON object of them.
FURTHER = "arguments.further"

_LONG = 60


def texts_of(schema: Mapping[str, Any], kwargs: Mapping[str, Any]) -> dict[str, str]:
    """What stands in the form for arguments."""
    known = schema.get("properties", {})
    texts = {PREFIX + name: _text(kwargs[name]) if name in kwargs else "" for name in known}
    further = {name: value for name, value in kwargs.items() if name not in known}
    if further or _takes_further(schema):
        texts[FURTHER] = _json(further) if further else ""
    return texts


def texts_in(sent: Form, schema: Mapping[str, Any]) -> dict[str, str]:
    """What was written into the form. Browsers send line ends of their own."""
    names = [PREFIX + name for name in schema.get("properties", {})] + [FURTHER]
    return {name: sent.one(name).replace("\r\n", "\n") for name in names if sent.all(name)}


def arguments_in(
    texts: Mapping[str, str], schema: Mapping[str, Any], began: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """The arguments that a form says; whether they fit is for ``check_arguments`` to say. What was not touched is to
    the letter what it was when the form was made (``began``)."""
    began = began or {}
    before = texts_of(schema, began)
    kwargs: dict[str, Any] = {}
    for name in schema.get("properties", {}):
        text = texts.get(PREFIX + name, before.get(PREFIX + name, ""))
        if text == before.get(PREFIX + name):
            if name in began:
                kwargs[name] = began[name]
        elif text:
            kwargs[name] = _value(schema, name, text)
    known = schema.get("properties", {})
    text = texts.get(FURTHER, before.get(FURTHER, ""))
    if text == before.get(FURTHER, ""):
        return kwargs | {name: value for name, value in began.items() if name not in known}
    return kwargs | _further(text) if text.strip() else kwargs


def inputs(schema: Mapping[str, Any], texts: Mapping[str, str], errors: Mapping[str, str]) -> list[Input]:
    """The fields of the form. ``kind`` is text or long."""
    whole = json.dumps(schema)
    fields = []
    for name, told in signature(whole).items():
        one = schema["properties"][name]
        text = texts.get(PREFIX + name, "")
        default = told["default"]
        help = f"{told['words'][:1].upper()}{told['words'][1:]}."
        options = _options(one)
        if told["required"]:
            help += " Needed."
        else:
            help += f" Left out: {_json(default)}." if default is not None else " May be left out."
        fields.append(
            Input(
                name=PREFIX + name,
                label=name,
                help=help,
                text=text,
                kind="long" if "\n" in text or len(text) > _LONG or _is_compound(one) else "text",
                error=errors.get(PREFIX + name, ""),
                # What is none of them is kept as it was written, so that it can be mended.
                options=options if not text or text in options else (),
            )
        )
    if _takes_further(schema) or texts.get(FURTHER):
        fields.append(
            Input(
                name=FURTHER,
                label="Further arguments",
                help='A JSON object: {"rows": 1000}.',
                text=texts.get(FURTHER, ""),
                kind="long",
                error=errors.get(FURTHER, ""),
            )
        )
    return fields


def place_of(field: str) -> str | None:
    """The form's field of an argument that is told as ``kwargs.limits[2].name``; ``None`` if it is about none."""
    if field == "kwargs":
        return FURTHER
    if not field.startswith("kwargs."):
        return None
    return PREFIX + field.removeprefix("kwargs.").partition("[")[0].partition(".")[0]


def _takes_further(schema: Mapping[str, Any]) -> bool:
    return schema.get("additionalProperties", True) is not False


def _is_compound(one: Any) -> bool:
    if not isinstance(one, Mapping):
        return True
    kinds = [one, *one.get("anyOf", ())]
    return any(each.get("type") in {"object", "array"} or "$ref" in each for each in kinds if isinstance(each, Mapping))


def _options(one: Any) -> tuple[str, ...]:
    """The texts of a choice, where an argument is one."""
    if not isinstance(one, Mapping):
        return ()
    if one.get("type") == "boolean":
        return ("true", "false")
    return tuple(_text(each) for each in one.get("enum", ()))[:50]


def _value(schema: Mapping[str, Any], name: str, text: str) -> Any:
    """JSON, where the task takes that; what is text to the task needs no quotes, and may look like a number."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text
    whole = json.dumps(schema)
    is_taken = fits_argument(whole, name, value)
    return value if is_taken or not fits_argument(whole, name, text) else text


def _further(text: str) -> dict[str, Any]:
    try:
        found = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise InvalidInput("kwargs", text, 'give a JSON object, such as {"rows": 1000}')
    return found


def _text(value: Any) -> str:
    return value if isinstance(value, str) else _json(value)


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _no_constant(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")
