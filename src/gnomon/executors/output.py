"""What one attempt writes, bounded and gathered."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from gnomon.executors.soon import PAUSE, soon
from gnomon.executors.storable import head, size, storable

OUTPUT_LIMIT = 256 * 1024
"""Bytes of output that are kept of an attempt, unless its executor was told otherwise."""

_LONGEST_LINE = 8 * 1024
_LARGEST_PIECE = 16 * 1024


class Output:
    """Passes on what an attempt writes, in whole lines, until its limit is reached.

    The start is kept: it usually holds the first error. What came after the limit is counted, and ``close`` says
    how much that was. Lines that come faster than every ``PAUSE`` seconds are passed on together, because each piece
    becomes a row; with ``at_once`` they are not. Can be called from any thread.
    """

    def __init__(self, tell: Callable[[str, str], None], limit: int = OUTPUT_LIMIT, *, at_once: bool = False) -> None:
        self._tell = tell
        self._room = limit
        self._pause = 0.0 if at_once else PAUSE
        self._cut = 0
        self._lines: dict[str, str] = {}  # by stream: one that has not ended
        self._ready: list[tuple[str, list[str]]] = []
        self._ready_size = 0
        self._told_at = 0.0
        self._is_asked = False
        self._ends_line = True
        self._closed = False
        # Re-entrant, because a finaliser or a signal handler that prints may run inside of write().
        self._lock = threading.RLock()
        self._busy = False

    @property
    def is_full(self) -> bool:
        """Whether anything more would only be counted."""
        return self._cut > 0

    def write(self, stream: str, text: str) -> None:
        """Keep text; an unfinished line is passed on when it ends, or at ``flush``."""
        if text:
            self._do(lambda: self._add(stream, storable(text)))

    def relay(self, stream: str, text: str) -> None:
        """Pass on what another ``Output`` has bounded."""
        self._do(lambda: self._gather(stream, text))

    def skip(self, count: int) -> None:
        """Count bytes that came after the output was full."""
        with self._lock:
            self._cut += count

    def flush(self) -> None:
        """Pass on unfinished lines."""
        if self._lines:
            self._do(self._end_lines)

    def close(self) -> None:
        """Pass on everything, say how much was cut, and keep nothing from now on."""
        with self._lock:
            self._do(self._end, told_now=True)
            self._closed = True

    def _do(self, act: Callable[[], None], *, told_now: bool = False) -> None:
        with self._lock:
            # Busy here means: this thread is in the middle of passing something on. Whatever is written from there
            # (a log record of the receiver, say) must not come back to it, or it would never end.
            if self._busy or self._closed:
                return
            self._busy = True
            try:
                act()
                self._pass_on(told_now)
            finally:
                self._busy = False

    def _add(self, stream: str, text: str) -> None:
        length = size(text)
        if self._cut or length > self._room:
            text = "" if self._cut else head(text, self._room)
            kept = size(text)
            self._cut += length - kept
            length = kept
        self._room -= length
        text = self._lines.pop(stream, "") + text
        end = text.rfind("\n") + 1
        if len(text) - end > _LONGEST_LINE:
            end = len(text)
        if end < len(text):
            self._lines[stream] = text[end:]
        if end:
            self._gather(stream, text[:end])

    def _end_lines(self) -> None:
        while self._lines:
            self._gather(*self._lines.popitem())

    def _end(self) -> None:
        self._end_lines()
        if self._cut:
            start = "" if self._ends_line else "\n"
            self._gather("log", f"{start}… {self._cut:,} bytes more were not kept\n")

    def _gather(self, stream: str, text: str) -> None:
        if not self._ready or self._ready[-1][0] != stream:
            self._ready.append((stream, []))
        self._ready[-1][1].append(text)
        self._ready_size += len(text)
        self._ends_line = text.endswith("\n")

    def _pass_on(self, told_now: bool) -> None:
        if not self._ready:
            return
        now = time.monotonic()
        if told_now or self._ready_size >= _LARGEST_PIECE or now - self._told_at >= self._pause:
            ready, self._ready, self._ready_size = self._ready, [], 0
            self._told_at = now
            for stream, texts in ready:
                self._tell(stream, "".join(texts))
        elif not self._is_asked:
            self._is_asked = True
            soon(self._catch_up)

    def _catch_up(self) -> None:
        self._is_asked = False
        self._do(lambda: None, told_now=True)
