"""Forking a process that uses SQLite: not while a connection is at work.

SQLite notes in memory which locks the connections of a process hold. A forked child inherits the notes and not the
locks: it would wait for ever for a lock that nobody in it can give back, or read without one. So a fork waits until no
connection is at work, for the milliseconds that a statement takes, and none begins meanwhile.
(https://www.sqlite.org/howtocorrupt.html#_carrying_an_open_database_connection_across_a_fork_)
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

#: A transaction that takes longer than this does not hold up a fork any more: better a child that cannot write, and
#: says so, than a program that stands still.
_LONGEST_WAIT = 10.0


class ForkGate:
    """Open, but for the moment of a fork. ``shut`` and ``open`` are called around it by the thread that forks."""

    def __init__(self) -> None:
        self._changed = threading.Condition(threading.Lock())
        self._at_work = 0
        self._forking = 0
        self._mine = threading.local()

    @contextmanager
    def working(self) -> Iterator[None]:
        """A connection is at work."""
        depth = getattr(self._mine, "depth", 0)
        with self._changed:
            while self._forking and not depth:
                self._changed.wait()
            self._at_work += 1
        self._mine.depth = depth + 1
        try:
            yield
        finally:
            self._mine.depth = depth
            with self._changed:
                self._at_work -= 1
                if self._forking:
                    self._changed.notify_all()

    def shut(self) -> None:
        """Let nobody in, and wait until all are out (but this thread itself, which may fork in a transaction)."""
        deadline = time.monotonic() + _LONGEST_WAIT
        with self._changed:
            self._forking += 1
            while self._at_work > getattr(self._mine, "depth", 0):
                if not self._changed.wait(deadline - time.monotonic()):
                    break

    def open(self) -> None:
        """Let them in again."""
        with self._changed:
            self._forking -= 1
            self._changed.notify_all()
