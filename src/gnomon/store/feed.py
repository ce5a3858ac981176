"""The change feed: hints that something may have changed. Rows are the truth; a hint only says when to look."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol


class Feed(Protocol):
    """Watches the database from a thread of its own."""

    def start(self, hint: Callable[[], None]) -> None:
        """Call ``hint`` (from the feed's thread) whenever others may have changed something, and after each
        reconnect."""

    def stop(self) -> None:
        """End the thread."""
