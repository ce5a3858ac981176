"""What tests of executors share: a receiver that remembers, and executions to submit."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

from gnomon.executors.contract import Execution, Executor, Outcome

PATIENCE = 30.0
"""Seconds after which a test gives up waiting for what should come within milliseconds."""

DUE = datetime(2026, 3, 1, 4, 30, tzinfo=UTC)

_ids = itertools.count(1)


def execution(func: Callable[..., Any], *args: Any, timeout: float | None = None, **kwargs: Any) -> Execution:
    return Execution(
        run_id=next(_ids),
        job_id="report",
        scheduled_at=DUE,
        attempt=2,
        func=func,
        args=args,
        kwargs=kwargs,
        timeout=timeout,
    )


class Recorder:
    """Remembers everything that it is told, in order, and lets a test wait for it."""

    def __init__(self) -> None:
        self._news = threading.Condition()
        self.ends: list[tuple[int, Outcome]] = []
        self.progress: list[tuple[float, float | None]] = []
        self.writes: list[tuple[str, str]] = []

    def finished(self, execution: Execution, outcome: Outcome) -> None:
        self._note(self.ends, (execution.run_id, outcome))

    def progressed(self, execution: Execution, done: float, total: float | None) -> None:
        self._note(self.progress, (done, total))

    def wrote(self, execution: Execution, stream: str, text: str) -> None:
        self._note(self.writes, (stream, text))

    def output(self, stream: str) -> str:
        return "".join(text for name, text in self.writes if name == stream)

    def outcome(self, run: Execution) -> Outcome:
        """How it ended. Waits for the end, and fails if there are two."""
        self.wait_until(lambda: any(run_id == run.run_id for run_id, _ in self.ends))
        (outcome,) = [outcome for run_id, outcome in self.ends if run_id == run.run_id]
        return outcome

    def wait_until(self, is_so: Callable[[], bool]) -> None:
        with self._news:
            assert self._news.wait_for(is_so, PATIENCE), "it was not told"

    def _note(self, told: list[Any], news: Any) -> None:
        with self._news:
            told.append(news)
            self._news.notify_all()


@contextmanager
def running(executor: Executor) -> Iterator[Recorder]:
    """The executor, started; whatever still runs in it at the end is ended where possible."""
    recorder = Recorder()
    executor.start(recorder)
    try:
        yield recorder
    finally:
        executor.shutdown(wait=False)


def outcome_of(executor: Executor, run: Execution) -> Outcome:
    """How one execution ends in an executor of its own."""
    with running(executor) as recorder:
        executor.submit([run])
        return recorder.outcome(run)


def eventually(is_so: Callable[[], bool]) -> bool:
    """Whether it becomes so, for what nobody tells us of."""
    deadline = time.monotonic() + PATIENCE
    while not is_so():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.005)
    return True
