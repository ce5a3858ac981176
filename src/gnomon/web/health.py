"""How a node is, in words: who it is, what it runs, how late it starts, whether its clock agrees, what is wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from gnomon.domain.spans import coarse, duration

#: Seconds. A clock that differs less is told to agree; more, and people should know.
_AGREES, _DIFFERS_MUCH = 0.1, 5.0
#: Seconds by which half of the runs start late, before that is called a problem.
_LATE = 5.0


@dataclass(frozen=True, slots=True)
class Health:
    """A node as it is told. ``node`` is what ``Scheduler.nodes`` says of it."""

    node: Mapping[str, Any]
    lateness: str
    clock: str
    problems: tuple[str, ...]


def health_of(node: Mapping[str, Any]) -> Health:
    """One node in words."""
    is_here = node["state"] in {"alive", "silent"}
    return Health(node, _lateness(node), _clock(node), tuple(_problems(node)) if is_here else ())


def _lateness(node: Mapping[str, Any]) -> str:
    late = node["lateness"]
    if not late:
        return "not said"
    if not late.get("starts") or late.get("median_seconds") is None:
        return "nothing started in the last minute"
    half, most = (duration(timedelta(seconds=float(late[name]))) for name in ("median_seconds", "max_seconds"))
    return f"{half} late, at most {most}"


def _clock(node: Mapping[str, Any]) -> str:
    ahead = node["clock_ahead_seconds"]
    if ahead is None:
        return "not said"
    if abs(ahead) < _AGREES:
        return "agrees with the store"
    return f"{duration(timedelta(seconds=abs(ahead)))} {'ahead of' if ahead > 0 else 'behind'} the store"


def _problems(node: Mapping[str, Any]) -> list[str]:
    health, ahead, late = node["health"], node["clock_ahead_seconds"], node["lateness"] or {}
    found = []
    if node["state"] == "silent":
        found.append(
            f"No sign of life for {coarse(node['seen_seconds_ago'])}: it has probably died, and no other node is there "
            "to notice."
        )
    if health.get("loop") == "stalled":
        found.append("Its loop does not go round: what is due on it waits.")
    if health.get("loop") == "paused":
        found.append("Its loop is paused by the program: it starts nothing.")
    if health.get("store") == "unavailable":
        found.append(f"It cannot write to the store: {health.get('store_error') or 'no reason was told'}")
    aside = health.get("set_aside")
    if isinstance(aside, Mapping):
        found += [f"It has set job {job} aside: {why}" for job, why in list(aside.items())[:10]]
    if ahead is not None and abs(ahead) >= _DIFFERS_MUCH:
        found.append("Its clock is off: on SQLite that moves what it fires. Let the machine set its clock (NTP).")
    if (late.get("median_seconds") or 0) >= _LATE:
        found.append("Half of its runs start late: it has too few workers, or too much to do.")
    return found
