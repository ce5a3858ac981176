"""An application as it stood before Gnomon: its rows name what is in here."""

from __future__ import annotations

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from apscheduler.triggers.base import BaseTrigger


def note(folder: str, text: str = "noted", *more: Any) -> None:
    """Leave a file that says what was given; and change a list that was given, as a careless job does."""
    (Path(folder) / text).write_text(repr(more))
    for value in more:
        if isinstance(value, list):
            value.append("changed by the job")


async def note_soon(folder: str, text: str) -> None:
    """The same from a coroutine."""
    note(folder, text)


class Report:
    """An object whose method is a job, and which goes into the row with it."""

    def __init__(self, folder: str, name: str) -> None:
        self.folder, self.name = folder, name

    def write(self) -> None:
        """Leave a file."""
        note(self.folder, self.name)


class EachSecond(BaseTrigger):
    """A trigger of the application's own."""

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime:
        """A second after the last."""
        return (previous_fire_time or now) + timedelta(seconds=1)

    def __getstate__(self) -> dict[str, int]:
        return {"version": 1}

    def __setstate__(self, state: dict[str, int]) -> None:
        return
