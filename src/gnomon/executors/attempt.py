"""One attempt of a run while it is with an executor."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import MutableMapping
from contextvars import ContextVar

from gnomon.executors.contract import Execution, Outcome, Reports
from gnomon.executors.output import OUTPUT_LIMIT, Output
from gnomon.executors.soon import PAUSE, soon

_log = logging.getLogger(__name__)


class Attempt:
    """What an executor knows of an execution between ``submit`` and ``finished``.

    Made ten thousand times in a burst, so everything that most attempts never use stands on the class until it is
    first used. Whoever takes the attempt out of its executor's queue owns it, and tells its end: once.
    """

    cancel_reason: str | None = None
    """Why it shall end early, once somebody asked for that."""

    cancel_seen = False
    """Whether the job was told so."""

    at_once = False
    """Whether output is passed on line by line, rather than gathered."""

    has_logged = False
    """Whether log records of the job were kept."""

    _output: Output | None = None
    _progress: tuple[float, float | None] | None = None
    _progress_told_at = 0.0
    _is_closed = False

    def __init__(self, execution: Execution, reports: Reports, output_limit: int = OUTPUT_LIMIT) -> None:
        self.execution = execution
        self.reports = reports
        self._output_limit = output_limit
        self._lock = threading.RLock()

    @property
    def output(self) -> Output:
        """Where the attempt's output is kept."""
        with self._lock:
            if self._output is None:
                self._output = Output(self._wrote, self._output_limit, at_once=self.at_once)
                if self._is_closed:
                    self._output.close()
            return self._output

    def keep(self, stream: str, text: str) -> None:
        """Keep what the job wrote to a stream."""
        (self._output or self.output).write(stream, text)

    def flush(self) -> None:
        """Pass on an unfinished line."""
        if self._output is not None:
            self._output.flush()

    def progressed(self, done: float, total: float | None) -> None:
        """Tell how far the job is, at most every ``PAUSE`` seconds; the last word is always told."""
        with self._lock:
            if self._is_closed:
                return
            is_held = self._progress is not None
            self._progress = (done, total)
            if is_held:
                return
            if time.monotonic() - self._progress_told_at < PAUSE:
                soon(self._tell_progress)
            else:
                self._tell_progress()

    def leave(self, here: MutableMapping[int, Attempt]) -> None:
        """Strike it off its executor's list, by run, unless the next attempt of its run stands there: a node that slept
        for so long that it was given up may be at both."""
        run_id = self.execution.run_id
        if here.get(run_id) is self:
            del here[run_id]

    def finish(self, outcome: Outcome) -> None:
        """Tell the end, after all that is held back. Called once, by who owns the attempt; never raises."""
        try:
            self.close()
            self.reports.finished(self.execution, outcome)
        except Exception:  # a worker must go on, whatever the receiver does
            _log.exception("the end of run %s (%s) could not be told", self.execution.run_id, outcome.state)

    def close(self) -> None:
        """Tell what is held back. What the job's leftovers say afterwards is not kept."""
        with self._lock:
            self._is_closed = True
            if self._progress is not None:
                self._tell_progress()
            if self._output is not None:
                self._output.close()

    def _tell_progress(self) -> None:
        with self._lock:
            if self._progress is not None:
                done, total = self._progress
                self._progress = None
                self._progress_told_at = time.monotonic()
                self.reports.progressed(self.execution, done, total)

    def _wrote(self, stream: str, text: str) -> None:
        self.reports.wrote(self.execution, stream, text)


HERE: ContextVar[Attempt | None] = ContextVar("gnomon_attempt", default=None)
"""The attempt in whose code we are."""
