"""Which nodes are alive, as far as can be told from outside."""

from __future__ import annotations

from datetime import timedelta

from rich.text import Text

from gnomon.cli.output import screen
from gnomon.domain.node import Node
from gnomon.scheduler import Scheduler

#: A node shows a sign of life every few seconds. Where none is left to notice that one died, the clock has to do.
_SILENT_AFTER = timedelta(seconds=30)

NOBODY = "No node is alive: nothing fires until one starts (gnomon serve TARGET)."


def living(scheduler: Scheduler) -> list[Node]:
    """The nodes that have lately shown a sign of life."""
    return [node for node in joined(scheduler) if not is_silent(scheduler, node)]


def joined(scheduler: Scheduler) -> list[Node]:
    """The nodes that have not left, and that no other node has given up."""
    return [node for node in scheduler.store.nodes.all() if node.state == "alive"]


def is_silent(scheduler: Scheduler, node: Node) -> bool:
    """Whether a node's last sign of life is so old that it has probably died."""
    return scheduler.store.database.now() - node.seen_at > _SILENT_AFTER


def say_if_nobody_fires(scheduler: Scheduler) -> None:
    """Tell people that a change alone starts nothing."""
    if not living(scheduler):
        screen(stderr=True).print(Text(NOBODY, "yellow"))
