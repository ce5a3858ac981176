"""The live stream: one thread looks what has moved, and all who listen are told.

Rows are the truth and events are hints: who falls behind, or comes back with a number that is forgotten, is told to
read everything again.
"""

from __future__ import annotations

import logging
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import NamedTuple, Protocol

from gnomon.domain.movement import Event
from gnomon.errors import StoreError

logger = logging.getLogger("gnomon.observability")

#: Hints come in crowds; a look for each would keep a core busy.
_SHORTEST_ROUND = 0.2
#: Without a hint it is looked all the same, now and then: a hint may be lost.
_LONGEST_ROUND = 2.0
_REMEMBERED = 5000
_PAUSE_AFTER_ERROR = 1.0


class Numbered(NamedTuple):
    """An event under its number in the stream. The number of another process, or of a forgotten event, is unknown."""

    number: str
    event: Event


#: Called from the thread that looks.
Listener = Callable[[Sequence[Numbered]], None]


class Feed(Protocol):
    """Hints that something may have moved."""

    def start(self, hint: Callable[[], None]) -> None: ...
    def stop(self) -> None: ...


class Watcher(Protocol):
    """Says what has moved since it was asked last."""

    def look(self) -> list[Event]: ...


class Broadcast:
    """Looks as long as somebody listens. ``watch`` makes a watcher, ``feed`` a feed of hints."""

    def __init__(self, watch: Callable[[], Watcher], feed: Callable[[], Feed]) -> None:
        self._make_watch = watch
        self._make_feed = feed
        self._start_anew()

    def _start_anew(self) -> None:
        self._boot = uuid.uuid4().hex[:8]
        self._count = 0
        self._remembered: deque[Numbered] = deque(maxlen=_REMEMBERED)
        self._listeners: list[Listener] = []
        self._lock = threading.Lock()
        self._hinted = threading.Event()
        self._looking: threading.Thread | None = None
        #: Whether the last look succeeded. Where it did not, nothing is told, which does not mean that nothing moves.
        self.reads = True

    forked = _start_anew

    def listen(self, listener: Listener, *, after: str | None = None) -> Callable[[], None]:
        """Tell a listener all events from here on, after those that it missed since number ``after``. Returns what ends
        that. Raises ``StoreError`` if the store cannot be read."""
        with self._lock:
            if self._looking is None:
                watcher = self._make_watch()
                self._looking = threading.Thread(
                    target=self._look_on, args=(watcher,), name="gnomon-broadcast", daemon=True
                )
                # What was told to earlier listeners is not what this watcher has seen last.
                self._boot = uuid.uuid4().hex[:8]
                self._remembered.clear()
                self._looking.start()
            missed = self._missed(after)
            self._listeners.append(listener)
            if missed:
                listener(missed)

        def end() -> None:
            with self._lock, suppress(ValueError):
                self._listeners.remove(listener)
            self._hinted.set()

        return end

    def close(self) -> None:
        """Tell nobody anything any more; return when nothing is read. It begins again with the next listener."""
        with self._lock:
            self._listeners.clear()
            looking = self._looking
        self._hinted.set()
        if looking is not None and looking is not threading.current_thread():
            looking.join()

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._listeners)

    def _missed(self, after: str | None) -> list[Numbered]:
        if after is None or after == f"{self._boot}-{self._count}":
            return []
        numbers = [numbered.number for numbered in self._remembered]
        if after in numbers:
            return list(self._remembered)[numbers.index(after) + 1 :]
        return [Numbered(f"{self._boot}-{self._count}", Event("reset", {"reason": "what was missed is not known"}))]

    def _look_on(self, watcher: Watcher) -> None:
        feed = self._make_feed()
        feed.start(self._hinted.set)
        try:
            while self._goes_on():
                self._hinted.wait(_LONGEST_ROUND)
                self._hinted.clear()
                began = time.monotonic()
                try:
                    self._tell(watcher.look())
                    self.reads = True
                except StoreError as error:
                    self.reads = False
                    logger.warning("the live stream cannot read the store, trying again: %s", error)
                    time.sleep(_PAUSE_AFTER_ERROR)
                except Exception:
                    logger.exception("the live stream missed something; whoever listens is told to read again")
                    self._tell([Event("reset", {"reason": "something was missed"})])
                    time.sleep(_PAUSE_AFTER_ERROR)
                time.sleep(max(0.0, _SHORTEST_ROUND - (time.monotonic() - began)))
        finally:
            feed.stop()

    def _goes_on(self) -> bool:
        with self._lock:
            if not self._listeners:
                self._looking = None
                return False
        return True

    def _tell(self, events: list[Event]) -> None:
        if not events:
            return
        with self._lock:
            numbered = []
            for event in events:
                self._count += 1
                numbered.append(Numbered(f"{self._boot}-{self._count}", event))
            self._remembered.extend(numbered)
            listeners = list(self._listeners)
        for listener in listeners:
            listener(numbered)
