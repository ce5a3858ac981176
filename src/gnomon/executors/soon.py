"""Telling a little later what was held back because it came too fast."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

PAUSE = 0.1
"""Seconds between two reports of one kind from one attempt."""


class _Soon:
    """One thread for all attempts, made when it is first needed; asleep while nothing is held back."""

    def __init__(self) -> None:
        self._lock = threading.RLock()  # a finaliser that prints may come in between
        self._asked: list[Callable[[], None]] = []
        self._wake = threading.Event()
        self._thread: threading.Thread | None = None

    def call(self, tell: Callable[[], None]) -> None:
        with self._lock:
            self._asked.append(tell)
            if self._thread is None or not self._thread.is_alive():  # it does not survive a fork
                self._thread = threading.Thread(target=self._work, name="gnomon-soon", daemon=True)
                self._thread.start()
        self._wake.set()

    def _work(self) -> None:
        while True:
            self._wake.wait()
            time.sleep(PAUSE)
            self._wake.clear()
            with self._lock:
                asked, self._asked = self._asked, []
            for tell in asked:
                tell()


soon = _Soon().call
"""``soon(tell)`` calls ``tell`` from another thread after about ``PAUSE`` seconds. It must not raise."""
