"""The change feed: hints that something may have changed. Rows are the truth; a hint only says when to look."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Protocol

from gnomon.errors import escaped

logger = logging.getLogger("gnomon.store")

_TRY_AGAIN_SECONDS = 1.0


class Watch(Protocol):
    """How one kind of database is watched."""

    def watch(self, hint: Callable[[], None], stopped: threading.Event) -> None:
        """Until ``stopped`` is set, call ``hint`` whenever others may have changed something, and first of all when
        watching has begun: what happened before, nobody told. Raises whatever the driver does when the database goes
        away."""


class Feed:
    """Watches the database from a thread of its own, and goes on after whatever happens to it."""

    def __init__(self, watch: Watch) -> None:
        self._watch = watch
        self._stopped = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self, hint: Callable[[], None]) -> None:
        """Call ``hint`` (from the feed's thread) once it watches, whenever others may have changed something, and once
        it watches again after the database was lost."""
        self._stopped.clear()
        self._thread = threading.Thread(target=self._run, args=(hint,), name="gnomon-feed", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End the thread."""
        self._stopped.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _run(self, hint: Callable[[], None]) -> None:
        while not self._stopped.is_set():
            try:
                self._watch.watch(hint, self._stopped)
            except Exception as error:  # below SQLAlchemy it is the driver that raises
                logger.warning("the change feed cannot read the database, trying again: %s", escaped(error))
                self._stopped.wait(_TRY_AGAIN_SECONDS)
