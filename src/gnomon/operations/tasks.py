"""Tasks: what jobs can be added for, and whether arguments fit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gnomon.domain.argument_schema import misfit, parsed, signature
from gnomon.domain.arguments import check_arguments as checked
from gnomon.domain.task import TaskOffer
from gnomon.errors import ChangeRefused, InvalidInput, TaskNotFound
from gnomon.operations.ports import Context
from gnomon.operations.runnable import Runnable, runnable


def list_tasks(context: Context) -> list[dict[str, Any]]:
    """Each task that this process or a living node has, in each version, as a JSON-ready dict, by name.

    Where no node lives, what the node seen last had. ``nodes`` names the living nodes that have it; ``here`` is whether
    this process has.
    """
    living: dict[TaskOffer, list[str]] = {}
    nodes = context.store.nodes
    for node in nodes.alive():
        for offer in nodes.manifest_of(node.manifest).tasks:
            living.setdefault(offer, []).append(node.id)
    here = context.manifest().tasks
    known = runnable(context)
    offers = sorted(known.tasks, key=repr) if known is not None else []
    return [_told(offer, sorted(living.get(offer, [])), here=offer in here) for offer in offers]


def offers_of(known: Runnable | None, name: object) -> tuple[TaskOffer, ...]:
    """A task as nodes offer it, in all versions. Raises ``TaskNotFound``, and ``ChangeRefused`` where they don't agree
    which function it is."""
    everything = known.tasks if known is not None else frozenset()
    offers = tuple(sorted((offer for offer in everything if offer.name == name), key=repr))
    if not offers:
        raise TaskNotFound(name, sorted({offer.name for offer in everything}))
    functions = sorted({offer.func for offer in offers})
    if len(functions) > 1:
        raise ChangeRefused(
            f"nodes call different functions by the name of task {name!r}: {', '.join(functions)}; wait until all of "
            "them run the same code, or give one another name="
        )
    return offers


def fitting_arguments(offers: tuple[TaskOffer, ...], kwargs: object) -> dict[str, Any]:
    """A copy of arguments that fit a task in each version that nodes have, for any of them may run the job. Raises
    ``InvalidInput`` naming the argument."""
    copied = checked(kwargs)
    for offer in offers:
        wrong = misfit(offer.schema, copied)
        if wrong is not None:
            if len(offers) > 1:
                raise InvalidInput(wrong.field, wrong.value, f"{wrong.allowed} (in one of the versions that nodes run)")
            raise wrong
    return copied


def check_arguments(context: Context, task: str, kwargs: object) -> dict[str, Any]:
    """The same for a task that is named, as nodes have it now."""
    return fitting_arguments(offers_of(runnable(context), task), kwargs)


def _told(offer: TaskOffer, nodes: list[str], *, here: bool) -> dict[str, Any]:
    schema: Mapping[str, Any] = parsed(offer.schema)
    return {
        "name": offer.name,
        "description": offer.description,
        "func": offer.func,
        "arguments": signature(offer.schema),
        "schema": dict(schema),
        "executor": offer.executor,
        "misfire_grace_time": offer.misfire_grace_time,
        "coalesce": offer.coalesce,
        "max_instances": offer.max_instances,
        "retries": offer.retries,
        "timeout": offer.timeout,
        "rerun_lost": offer.rerun_lost,
        "nodes": nodes,
        "here": here,
    }
