"""An engine that fires only when it is told to."""

from __future__ import annotations

import time
from datetime import datetime
from types import TracebackType
from typing import Self

from gnomon.domain.run import ACTIVE, Run
from gnomon.errors import InvalidInput
from gnomon.scheduler import Scheduler
from gnomon.testing.clock import ManualClock

_LOOK_SECONDS = 0.005
_MOST_LINES = 1_000_000


class ManualEngine:
    """The engine of a scheduler that was made with ``clock=ManualClock(…)``, moved by hand.

    All is as in production, store, claims and executors, but for the thread of the loop: there is none, and a pass is
    made in ``step`` only.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        clock = scheduler.store.database.clock
        if not isinstance(clock, ManualClock):
            raise InvalidInput("scheduler", clock, "make it with clock=ManualClock(…)")
        self.scheduler = scheduler
        self.clock = clock

    def __enter__(self) -> Self:
        self.scheduler.open()
        self.scheduler.start_all_jobs()
        engine = self.scheduler.engine
        engine._main_loop = _no_loop  # type: ignore[method-assign]
        engine.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.scheduler.shutdown(wait=error is None)
        self.scheduler.close()
        del self.scheduler.engine._main_loop

    def step(self, *, wait: bool = True) -> list[Run]:
        """Make one pass: fire what is due by the clock; with ``wait``, return when it has ended.

        Returns the lines that were written, oldest first. A retry with its delay, or a run with jitter, starts in the
        step at its time and is no new line.
        """
        engine = self.scheduler.engine
        newest = self.scheduler.runs(limit=1)
        engine.claims.reconsider()
        engine.one_pass()
        if wait:
            self.settle()
        before = newest[0].id if newest else 0
        return [run for run in reversed(self.scheduler.runs(limit=_MOST_LINES)) if run.id > before]

    def settle(self, *, seconds: float = 30) -> None:
        """Wait for what was started here to end. Raises ``TimeoutError`` if that takes longer than ``seconds``."""
        deadline = time.monotonic() + seconds
        while active := [run for run in self.scheduler.runs(states=ACTIVE, limit=_MOST_LINES) if self._is_here(run)]:
            if time.monotonic() > deadline:
                jobs = ", ".join(sorted({run.job_id for run in active}))
                raise TimeoutError(f"{len(active)} runs have not ended after {seconds:g} s, of {jobs}")
            time.sleep(_LOOK_SECONDS)

    def run_until(self, moment: datetime) -> list[Run]:
        """Set the clock to each time at which something is due, up to ``moment``, and step there; then to ``moment``.

        Returns the lines that were written, oldest first.
        """
        lines: list[Run] = []
        self.scheduler.engine.claims.reconsider()
        while (due := self._next_time()) is not None and due <= moment:
            self.clock.set(max(due, self.clock()))
            lines += self.step()
        self.clock.set(moment)
        return lines

    def _next_time(self) -> datetime | None:
        times = self.scheduler.engine.claims.next_times()
        return min((time for time in (times.due, times.waiting) if time is not None), default=None)

    def _is_here(self, run: Run) -> bool:
        return run.node == self.scheduler.engine.lease.node_id


def _no_loop() -> None:
    """In place of the loop."""
