"""Where people go by themselves, in the order of the bar at the top, each with the key that leads there after ``g``."""

from __future__ import annotations

from typing import NamedTuple


class Place(NamedTuple):
    """An entry of the bar."""

    path: str
    name: str
    key: str


PLACES = (
    Place("/", "Overview", "o"),
    Place("/jobs", "Jobs", "j"),
)
