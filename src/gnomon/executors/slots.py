"""What executors have in common whose runs each occupy a thread of ours that watches over them."""

from __future__ import annotations

import contextlib
import os
import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Sequence
from queue import SimpleQueue

from gnomon.executors import outcomes
from gnomon.executors.attempt import Attempt
from gnomon.executors.contract import Execution, Outcome, Reports
from gnomon.executors.output import OUTPUT_LIMIT
from gnomon.executors.process_group import GRACE

_MARGIN = 1.0


class Slot(ABC):
    """Room for one run at a time. All but ``wake`` is called from the slot's own thread only."""

    def __init__(self) -> None:
        self._closing = threading.Lock()
        self._wake_reader, writer = os.pipe()
        os.set_blocking(self._wake_reader, False)
        os.set_blocking(writer, False)
        self._wake_writer: int | None = writer

    @abstractmethod
    def run(self, attempt: Attempt) -> Outcome:
        """Run it to its end. When woken, look whether ``attempt.cancel_reason`` is set, and if so end it."""

    def close(self) -> None:
        """The slot will not be used again."""
        with self._closing:
            if self._wake_writer is not None:
                os.close(self._wake_writer)
                os.close(self._wake_reader)
                self._wake_writer = None  # the number will soon be that of another file

    def wake(self) -> None:
        """Make a ``run`` that waits look up. Called from any thread; one too many does no harm."""
        with self._closing, contextlib.suppress(BlockingIOError):  # full, so it will wake
            if self._wake_writer is not None:
                os.write(self._wake_writer, b"!")

    def woken(self) -> None:
        """Take the wake-ups that have come."""
        with contextlib.suppress(BlockingIOError):
            os.read(self._wake_reader, 4096)


class SlotsExecutor(ABC):
    """As many threads as slots, started with the first submit. Takes no more than there are slots."""

    def __init__(self, name: str, workers: int, *, grace: float = GRACE, output_limit: int = OUTPUT_LIMIT) -> None:
        self._name = name
        self._size = workers
        self._grace = grace
        self._output_limit = output_limit
        self._changes = threading.Lock()
        self._is_open = False
        self._here: dict[int, Attempt] = {}
        self._slots: dict[int, Slot] = {}  # by run: where it is
        self._waiting: SimpleQueue[Attempt | None] = SimpleQueue()  # None ends the thread that takes it
        self._threads: list[threading.Thread] = []

    @abstractmethod
    def make_slot(self) -> Slot:
        """Make one of ``workers``."""

    def start(self, reports: Reports) -> None:
        """Ready to take work. Threads and processes are made when there is some."""
        with self._changes:
            if self._is_open:
                return
            self._reports = reports
            self._is_open = True
            # All new: threads of an earlier start may still wait for a process that cannot be killed.
            self._here, self._slots, self._waiting, self._threads = {}, {}, SimpleQueue(), []

    def free(self) -> int:
        """The number of idle slots."""
        return max(0, self._size - len(self._here)) if self._is_open else 0

    def submit(self, executions: Sequence[Execution]) -> None:
        """Start them."""
        attempts = [Attempt(execution, self._reports, self._output_limit) for execution in executions]
        refusal = outcomes.cancelled(outcomes.SHUT_DOWN)
        with self._changes:
            if self._is_open:
                try:
                    self._start_threads()
                except (RuntimeError, OSError) as error:
                    refusal = outcomes.failed(f"no thread could be started to watch over the run: {error}")
                else:
                    for attempt in attempts:
                        self._here[attempt.execution.run_id] = attempt
                        self._waiting.put(attempt)
                    return
        for attempt in attempts:
            attempt.finish(refusal)

    def cancel(self, run_id: int) -> bool:
        """``True`` if the run is here; it is ended now, with SIGTERM, and with SIGKILL if that does not help."""
        attempt = self._here.get(run_id)
        if attempt is None:
            return False
        self._cancel(attempt, outcomes.ASKED)
        return True

    def shutdown(self, wait: bool) -> None:
        """Stop taking work, and end the processes.

        With ``wait``, what was submitted is worked off first. Without, it is cancelled; that it has ended is told
        before this returns, unless it takes longer than the grace between SIGTERM and SIGKILL and a second.
        """
        with self._changes:
            was_open, self._is_open = self._is_open, False
            threads = self._threads
            if was_open:
                for _ in threads:
                    self._waiting.put(None)
        if not wait:
            for attempt in list(self._here.values()):
                self._cancel(attempt, outcomes.SHUT_DOWN)
        deadline = time.monotonic() + self._grace + _MARGIN
        for thread in threads:
            if thread is not threading.current_thread():
                thread.join(None if wait else max(0.0, deadline - time.monotonic()))

    def _cancel(self, attempt: Attempt, reason: str) -> None:
        attempt.cancel_reason = reason
        slot = self._slots.get(attempt.execution.run_id)
        if slot is not None:
            slot.wake()

    def _start_threads(self) -> None:
        if self._threads:
            return
        for number in range(1, self._size + 1):
            thread = threading.Thread(target=self._work, args=(self.make_slot(), self._waiting), daemon=True)
            thread.name = f"gnomon-{self._name}-{number}"
            thread.start()
            self._threads.append(thread)

    def _work(self, slot: Slot, waiting: SimpleQueue[Attempt | None]) -> None:
        while (attempt := waiting.get()) is not None:
            run_id = attempt.execution.run_id
            # In this order: who cancels sets the reason and then wakes the slot, so one of the two is seen.
            self._slots[run_id] = slot
            try:
                if attempt.cancel_reason is not None:
                    outcome = outcomes.cancelled(attempt.cancel_reason)
                else:
                    outcome = slot.run(attempt)
            except BaseException as error:  # our own failure, but the run must be told as ended all the same
                outcome = outcomes.raised(error)
            if self._slots.get(run_id) is slot:
                del self._slots[run_id]
            attempt.leave(self._here)
            attempt.finish(outcome)
        slot.close()
