"""Arguments of tasks as they are written on a command line: ``--arg tenant=acme --arg 'limits={"rows": 1000}'``."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer

from gnomon.cli.exits import BadUsage
from gnomon.cli.output import in_one_line
from gnomon.domain.argument_schema import fits_argument
from gnomon.scheduler import Scheduler

_ASSIGNMENT = re.compile(r"([^=]+)=(.*)", re.DOTALL)

ArgumentsOption = Annotated[
    list[str] | None,
    typer.Option("--arg", metavar="NAME=VALUE", help="An argument of the task; may be repeated.", show_default=False),
]


def given_arguments(scheduler: Scheduler, task: str, given: Sequence[str]) -> dict[str, Any]:
    """What ``--arg NAME=VALUE`` says, once for each. Raises ``BadUsage``."""
    schemas = [each["schema"] for each in scheduler.tasks() if each["name"] == task]
    kwargs: dict[str, Any] = {}
    for text in given:
        assignment = _ASSIGNMENT.fullmatch(text)
        if assignment is None:
            raise BadUsage(f"--arg: {in_one_line(text)!r} is not NAME=VALUE; write it as in --arg tenant=acme")
        name, value = assignment.groups()
        if name in kwargs:
            raise BadUsage(f"--arg: {in_one_line(name)} is given twice")
        kwargs[name] = _value(schemas, name, value)
    return kwargs


def _value(schemas: Sequence[Mapping[str, Any]], name: str, text: str) -> Any:
    """JSON, where the task takes that; what is text to the task needs no quotes, and may look like a number."""
    try:
        value = json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError):
        return text
    takes = [json.dumps(schema) for schema in schemas]
    is_taken = all(fits_argument(each, name, value) for each in takes)
    return value if is_taken or not all(fits_argument(each, name, text) for each in takes) else text


def _no_constant(name: str) -> Any:
    raise ValueError(f"JSON has no {name}")
