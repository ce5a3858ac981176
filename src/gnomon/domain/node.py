"""A node: a process that runs the engine against a store."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Node:
    """``beat`` grows while it lives; ``state`` is ``alive``, ``stopped`` (by itself) or ``dead`` (given up by others).

    ``manifest`` names the set of jobs that it declares.
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
