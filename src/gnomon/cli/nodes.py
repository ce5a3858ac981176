"""``gnomon nodes``, and which nodes are alive, as far as can be told from outside."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from rich.table import Table
from rich.text import Text

from gnomon.cli import moments
from gnomon.cli.options import JsonOption
from gnomon.cli.output import in_one_line, listing, print_json, screen
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.domain.node import Node
from gnomon.scheduler import Scheduler

#: A node shows a sign of life every few seconds. Where none is left to notice that one died, the clock has to do.
_SILENT_AFTER = timedelta(seconds=30)

NOBODY = "No node is alive: nothing fires until one starts (gnomon serve TARGET)."
_STATES = {"alive": ("●", "green"), "silent": ("?", "red"), "stopped": ("○", "dim"), "dead": ("✗", "red")}


def nodes(as_json: JsonOption = False, store: StoreOption = None, app: AppOption = None) -> None:
    """List the nodes: who is alive, what they run, how late runs started in the last minute, whether clocks agree.

    Examples:
      gnomon nodes
      gnomon nodes --json
    """
    with opened(store, app) as scheduler:
        found = scheduler.nodes()
        now = scheduler.store.database.now()
    if as_json:
        print_json(found)
        return
    console = screen()
    if not found:
        console.print("No node has ever been here; start one: gnomon serve TARGET", soft_wrap=True)
        return
    console.print(_nodes_table(found, now))
    if not any(_state(node) == "alive" for node in found):
        console.print(Text(NOBODY, "yellow"))


def _nodes_table(found: list[dict[str, Any]], now: datetime) -> Table:
    table = listing("NODE", "STATE", "SEEN", "UP SINCE", "RUNS", "LATE", "CLOCK", "VERSION")
    for node in found:
        symbol, style = _STATES[_state(node)]
        started = datetime.fromisoformat(node["started_at"])
        table.add_row(
            Text(in_one_line(f"{node['host']}:{node['pid']}"), "bold"),
            Text(f"{symbol} {_state(node)}", style),
            Text(moments.distance(datetime.fromisoformat(node["seen_at"]), now)),
            Text(moments.short(moments.local(started), now)),
            Text(f"{node['running']}, {node['queued']} wait" if node["queued"] else str(node["running"])),
            Text(_lateness(node)),
            Text(_clock(node)),
            Text(in_one_line(node["version"]), "dim"),
        )
    return table


def _state(node: Mapping[str, Any]) -> str:
    is_silent = node["state"] == "alive" and node["seen_seconds_ago"] > _SILENT_AFTER.total_seconds()
    return "silent" if is_silent else str(node["state"])


def _lateness(node: Mapping[str, Any]) -> str:
    late = node["lateness"]
    if node["state"] != "alive" or not late or not late["starts"]:
        return "–"
    half, most = (moments.duration(timedelta(seconds=late[f"{name}_seconds"])) for name in ("median", "max"))
    return f"{half}, at most {most}"


def _clock(node: Mapping[str, Any]) -> str:
    ahead = node["clock_ahead_seconds"]
    if ahead is None:
        return "–"
    if abs(ahead) < 0.1:
        return "agrees"
    return f"{moments.duration(timedelta(seconds=abs(ahead)))} {'ahead' if ahead > 0 else 'behind'}"


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
    """Tell people that neither a change nor a next run time starts anything by itself."""
    if not living(scheduler):
        screen(stderr=True).print(Text(NOBODY, "yellow"))
