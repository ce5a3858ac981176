"""Arguments against the JSON Schema of their task: one way to check for all processes, with its code or without.

Schemas may come from a database that others can write to. So nothing that one names is fetched, and patterns are
matched in linear time.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from gnomon.domain.arguments import within
from gnomon.errors import InvalidInput

Schema = Mapping[str, Any]

_MOST_OPTIONS = 12
_NO_LESS = {"minimum": "from {}", "exclusiveMinimum": "above {}", "maximum": "to {}", "exclusiveMaximum": "below {}"}
_ATOMS = {"string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false"}


def misfit(schema: str, kwargs: Mapping[str, Any]) -> InvalidInput | None:
    """What is wrong with arguments (which are plain JSON); ``None``: they fit. The error names the argument, such as
    ``kwargs.tenant``."""
    try:
        validator = _validator(schema)
    except ValueError as error:
        return InvalidInput("task", str(error), "no node may tell such a schema of its task")
    if validator.is_valid(kwargs):
        return None
    return _error(parsed(schema), next(iter(validator.iter_errors(kwargs))), kwargs)


def check_schema(schema: str) -> None:
    """Raises ``ValueError`` for a schema that nothing can be checked with."""
    _validator(schema)


def fits_argument(schema: str, name: str, value: object) -> bool:
    """Whether one argument, by itself, may have a value."""
    whole = parsed(schema)
    one = whole.get("properties", {}).get(name, whole.get("additionalProperties") or {})
    text = json.dumps({"properties": {name: one}, "$defs": whole.get("$defs", {})})
    return bool(_validator(text).is_valid({name: value}))


@lru_cache(maxsize=1_000)
def parsed(schema: str) -> Schema:
    """The schema that a text is. Nobody changes it."""
    found: Schema = json.loads(schema)
    return found


@lru_cache(maxsize=1_000)
def _validator(schema: str) -> Any:
    # Only where there are tasks: it takes longer to import than all of the domain.
    import jsonschema_rs

    try:
        return jsonschema_rs.Draft202012Validator(
            json.loads(schema), offline=True, pattern_options=jsonschema_rs.RegexOptions()
        )
    except jsonschema_rs.ValidationError as error:
        raise ValueError(str(error).partition("\n")[0]) from None


def _error(schema: Schema, error: Any, kwargs: Mapping[str, Any]) -> InvalidInput:
    error = _deepest(error)
    path: list[str | int] = list(error.instance_path)
    place = _at(schema, list(error.schema_path)[:-1])
    keyword = list(error.schema_path)[-1]
    value: Any = kwargs
    for step in path:
        value = value[step]
    if keyword == "required":
        missing = error.kind.as_dict()["property"]
        wanted = words(schema, place.get("properties", {}).get(missing, {}))
        return InvalidInput(_field([*path, missing]), None, f"it is needed: give {wanted}")
    if keyword == "additionalProperties":
        unknown = error.kind.as_dict()["unexpected"][0]
        names = ", ".join(place.get("properties", {}))
        takes = f"there are {names}" if names else "there are no arguments"
        return InvalidInput(_field([*path, unknown]), value[unknown], takes)
    return InvalidInput(_field(path), value, f"give {words(schema, place)}")


def _deepest(error: Any) -> Any:
    """Of a union, the alternative that came furthest: the one that was meant, where it says more than all of them."""
    while list(error.schema_path)[-1] == "anyOf":
        firsts = [errors[0] for errors in error.kind.as_dict()["context"] if errors]
        further = max(firsts, key=lambda each: len(list(each.instance_path)), default=error)
        if len(list(further.instance_path)) <= len(list(error.instance_path)):
            break
        error = further
    return error


def _field(path: Sequence[str | int]) -> str:
    field = "kwargs"
    for step in path:
        field = within(field, step)
    return field


def _at(schema: Any, path: Sequence[str | int]) -> Schema:
    for step in path:
        schema = schema[step]
    return schema if isinstance(schema, Mapping) else {}


# -- in words


def signature(schema: str) -> dict[str, dict[str, Any]]:
    """The arguments of a task by name: in ``words``, whether ``required``, and the ``default`` if it can be told."""
    whole = parsed(schema)
    required = set(whole.get("required", ()))
    return {
        name: {
            "words": words(whole, one),
            "required": name in required,
            "default": one.get("default") if isinstance(one, Mapping) else None,
        }
        for name, one in whole.get("properties", {}).items()
    }


def words(whole: Schema, schema: Any, depth: int = 0) -> str:
    """What a value may be, for people: ``a whole number from 1 to 9``."""
    if not isinstance(schema, Mapping) or depth > 3:
        return "JSON"
    reference = schema.get("$ref")
    if isinstance(reference, str):
        name = reference.rpartition("/")[2]
        found = whole.get("$defs", {}).get(name, {})
        return words(whole, found, depth + 1)
    if "enum" in schema or "const" in schema:
        return _options(schema.get("enum") or [schema.get("const")])
    if "anyOf" in schema:
        return " or ".join(dict.fromkeys(words(whole, each, depth + 1) for each in schema["anyOf"]))
    kind = schema.get("type")
    if kind == "null":
        return "null"
    if kind == "array":
        return _list_words(whole, schema, depth)
    if kind == "object":
        return _object_words(whole, schema, depth)
    if kind == "string":
        return _text_words(schema)
    if kind in _ATOMS:
        limits = [text.format(schema[name]) for name, text in _NO_LESS.items() if name in schema]
        if "multipleOf" in schema:
            limits.append(f"that is a multiple of {schema['multipleOf']}")
        return " ".join([_ATOMS[kind], *limits])
    return "any JSON value"


def _options(options: Sequence[Any]) -> str:
    texts = [json.dumps(each, ensure_ascii=False) for each in options[:_MOST_OPTIONS]]
    more = len(options) - _MOST_OPTIONS
    return (texts[0] if len(texts) == 1 else f"one of {', '.join(texts)}") + (f" and {more} more" if more > 0 else "")


def _text_words(schema: Schema) -> str:
    said = _ATOMS["string"]
    if "minLength" in schema or "maxLength" in schema:
        said += f" of {_range(schema, 'minLength', 'maxLength')} characters"
    return said + (f" that matches {schema['pattern']}" if "pattern" in schema else "")


def _list_words(whole: Schema, schema: Schema, depth: int) -> str:
    said = "a list"
    if "minItems" in schema or "maxItems" in schema:
        said += f" of {_range(schema, 'minItems', 'maxItems')} values"
    return said + (f", each {words(whole, schema['items'], depth + 1)}" if schema.get("items") else "")


def _object_words(whole: Schema, schema: Schema, depth: int) -> str:
    if "properties" in schema:
        return f"an object with {', '.join(schema['properties'])}"
    values = schema.get("additionalProperties")
    return "an object" + (f", each value {words(whole, values, depth + 1)}" if isinstance(values, Mapping) else "")


def _range(schema: Schema, lowest: str, highest: str) -> str:
    low, high = schema.get(lowest), schema.get(highest)
    if high is None:
        return f"at least {low}"
    return f"at most {high}" if not low else f"{low} to {high}"
