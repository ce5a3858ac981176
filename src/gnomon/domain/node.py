"""A node: a process that runs the engine against a store."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """``beat`` grows while it lives; ``state`` is ``alive``, ``stopped`` (by itself) or ``dead`` (given up by others).

    ``manifest`` names the set of jobs that it declares. ``health`` is what it said of itself with its last beat.
    """

    id: str
    host: str
    pid: int
    version: str
    manifest: str
    started_at: datetime
    seen_at: datetime
    beat: int
    state: str
    health: Mapping[str, Any] = field(default_factory=dict)
