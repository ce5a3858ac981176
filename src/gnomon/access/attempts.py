"""How often somebody may try to sign in."""

from __future__ import annotations

import math
import threading
import time
from collections import OrderedDict
from collections.abc import Callable

from gnomon.errors import TooManyAttempts

_MOST_PLACES = 10_000


class Attempts:
    """``most`` at once from each place, and then one every ``seconds / most``. Kept in this process, and bounded.

    A token has 256 random bits, so this is not what keeps it from being guessed: it keeps guessing from being work.
    """

    def __init__(
        self, *, most: int = 10, seconds: float = 60.0, monotonic: Callable[[], float] = time.monotonic
    ) -> None:
        self._most = most
        self._each = seconds / most
        self._monotonic = monotonic
        self._lock = threading.Lock()
        #: For each place, when all its attempts will be free again; the oldest first.
        self._free_at: OrderedDict[str, float] = OrderedDict()

    def count(self, place: str) -> None:
        """Count an attempt from a place. Raises ``TooManyAttempts``, and then does not count it."""
        with self._lock:
            now = self._monotonic()
            free_at = max(self._free_at.get(place, now), now) + self._each
            excess = free_at - now - self._most * self._each
            if excess > 1e-6:
                raise TooManyAttempts(math.ceil(excess))
            self._free_at[place] = free_at
            self._free_at.move_to_end(place)
            while len(self._free_at) > _MOST_PLACES:
                self._free_at.popitem(last=False)
