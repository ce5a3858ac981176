"""The nodes as people ask for them: who is alive, what they run, how late they are. JSON-ready."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from gnomon.domain.node import Node
from gnomon.domain.run import RunState
from gnomon.operations.ports import Context
from gnomon.operations.run_dicts import iso


def read_nodes(context: Context, *, limit: int = 100) -> list[dict[str, Any]]:
    """The nodes, the living first, then by when they were last seen.

    ``state`` is ``alive``, ``stopped`` or ``dead``. Where no node is left to notice that the last one died, it stays
    ``alive`` and ``seen_seconds_ago`` grows. ``lateness`` and ``clock_ahead_seconds`` are as of its last beat; ``None``
    if it has not said.
    """
    store = context.store
    with store.database.read():
        nodes = store.nodes.all(limit=limit)
        active = store.run_queries.active_by_node()
        now = store.database.now()
    return [_node_dict(node, active.get(node.id, {}), now) for node in nodes]


def _node_dict(node: Node, active: dict[RunState, int], now: datetime) -> dict[str, Any]:
    health = dict(node.health)
    return {
        "id": node.id,
        "host": node.host,
        "pid": node.pid,
        "version": node.version,
        "state": node.state,
        "started_at": iso(node.started_at),
        "seen_at": iso(node.seen_at),
        "seen_seconds_ago": round(max((now - node.seen_at).total_seconds(), 0.0), 3),
        "running": active.get(RunState.RUNNING, 0),
        "queued": active.get(RunState.QUEUED, 0),
        "lateness": health.pop("lateness", None),
        "clock_ahead_seconds": health.pop("clock_ahead_seconds", None),
        "health": health,
    }
