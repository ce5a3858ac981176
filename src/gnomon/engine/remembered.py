"""A bounded memory of what was computed from a key alone."""

from __future__ import annotations

from collections.abc import Hashable
from threading import Lock
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class Remembered(Generic[Key, Value]):
    """Keeps at least the ``entries`` keys used last, unless they weigh more than ``weight`` together, and at most twice
    as many. Any thread may use it.

    Two generations instead of a list in order of use: reading takes no lock and moves nothing, so threads that read
    the same schedules don't wait for one another.
    """

    def __init__(self, entries: int, weight: int) -> None:
        self._entries = entries
        self._most_weight = weight
        self._weight = 0
        self._young: dict[Key, tuple[Value, int]] = {}
        self._old: dict[Key, tuple[Value, int]] = {}
        self._lock = Lock()

    def get(self, key: Key) -> Value | None:
        """What was put under this key, ``None`` if nothing was or it is forgotten."""
        found = self._young.get(key)
        if found is None:
            found = self._old.get(key)
            if found is None:
                return None
            self.put(key, found[0], found[1])
        return found[0]

    def put(self, key: Key, value: Value, weight: int = 0) -> None:
        """Remember ``value``. What is heavier than a generation may be is not remembered."""
        if weight > self._most_weight or self._entries < 1:
            return
        with self._lock:
            if key in self._young:
                return
            if len(self._young) >= self._entries or self._weight + weight > self._most_weight:
                self._old = self._young
                self._young = {}
                self._weight = 0
            self._young[key] = (value, weight)
            self._weight += weight

    def __len__(self) -> int:
        return len(self._young) + len(self._old)
