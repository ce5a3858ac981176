"""Where people go by themselves, in the order of the bar at the top: with the key that leads there after ``g``, and the
role that may."""

from __future__ import annotations

from typing import NamedTuple

from gnomon.domain.principal import Role


class Place(NamedTuple):
    """An entry of the bar, for those who have the ``role``."""

    path: str
    name: str
    key: str
    role: Role = Role.VIEWER


PLACES = (
    Place("/", "Overview", "o"),
    Place("/jobs", "Jobs", "j"),
    Place("/runs", "Runs", "r"),
    Place("/changes", "Changes", "c"),
    Place("/calendars", "Calendars", "d"),
    Place("/nodes", "Nodes", "n"),
    Place("/tokens", "Tokens", "t", Role.ADMIN),
)
