"""What an executor is given, what it tells, and what it must do."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Protocol

from gnomon.domain.run import RunState


@dataclass(frozen=True, slots=True, kw_only=True)
class Execution:
    """One attempt of one run, ready to start. Its start is already recorded in the ledger.

    ``timeout`` is in seconds, ``None`` for no limit.
    """

    run_id: int
    job_id: str
    scheduled_at: datetime
    attempt: int
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    timeout: float | None


@dataclass(frozen=True, slots=True)
class Outcome:
    """How an attempt ended.

    ``error`` is text for people: the last line says what happened, a traceback may stand before it.
    ``exception`` and ``result`` are what the function raised or returned, where that is known in this process.
    """

    state: RunState
    error: str | None = None
    exception: BaseException | None = None
    result: Any = None


class Reports(Protocol):
    """Where executors tell what happens. Every method can be called from any thread, returns at once, never raises."""

    def finished(self, execution: Execution, outcome: Outcome) -> None:
        """The attempt ended. Told exactly once for each execution that was submitted."""

    def progressed(self, execution: Execution, done: float, total: float | None) -> None:
        """The job said how far it is."""

    def wrote(self, execution: Execution, stream: str, text: str) -> None:
        """The job wrote output: ``stream`` is ``stdout``, ``stderr`` or ``log``."""


class Executor(Protocol):
    """One kind of place where jobs run.

    ``start`` before anything else, ``shutdown`` last. A run's start is recorded before it is submitted, so an
    executor is never asked to take more than ``free()`` said: what it can start at once, or within a few
    milliseconds where runs are short.
    """

    def start(self, reports: Reports) -> None:
        """Make threads, loops or processes."""

    def free(self) -> int:
        """How many more executions may be submitted now."""

    def submit(self, executions: Sequence[Execution]) -> None:
        """Start them, in this order. Never blocks; a failure to start is told as a finished run."""

    def cancel(self, run_id: int) -> bool:
        """End a run early, or where that cannot be done, ask its code to end. ``False`` if the run is not here."""

    def shutdown(self, wait: bool) -> None:
        """Stop taking work; with ``wait``, return when what runs has ended, otherwise end what can be ended."""
