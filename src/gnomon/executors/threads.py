"""Jobs in threads of this process."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Sequence
from time import perf_counter

from gnomon.executors import outcomes, router
from gnomon.executors.attempt import Attempt
from gnomon.executors.contract import Execution, Reports
from gnomon.executors.invoke import invoke
from gnomon.executors.output import OUTPUT_LIMIT

HORIZON = 0.020
"""Seconds: no more is taken in than is likely worked off in this time. What takes longer is a long run."""

LARGEST_WINDOW = 512
"""Executions that may be here at once, however short they are."""

_WEIGHT = 1 / 8
_LONGEST_COUNTED = 0.25  # one long run shall close the window, and a few dozen short ones open it again


class ThreadsExecutor:
    """Runs jobs in ``workers`` daemon threads. The default.

    A thread cannot be ended from outside: timeouts are not enforced here, and ``cancel`` only asks (see
    ``CurrentRun.cancelled``), unless the run has not begun. Code that must end on time belongs into processes.

    Handing over is built for bursts. Executions wait in one deque, which workers take from without a lock. A
    batch wakes one worker, and each worker that is woken and finds more waiting wakes the next before it begins:
    so a batch of calls that return at once costs one or two wake-ups, and one of calls that block or compute soon
    has all workers, because those wake as soon as the first gives up the interpreter.
    """

    def __init__(self, workers: int = 10, *, output_limit: int = OUTPUT_LIMIT) -> None:
        self._size = workers
        self._output_limit = output_limit
        self._changes = threading.Lock()
        self._is_open = False
        self._here: dict[int, Attempt] = {}
        self._waiting: deque[Attempt | None] = deque()  # None ends the worker that takes it
        self._idle: deque[_Bell] = deque()
        self._workers: list[_Worker] = []
        # Average duration of a run in seconds, as far as is known. Nothing is known yet, so: long.
        self._average = HORIZON

    def start(self, reports: Reports) -> None:
        """Start the workers."""
        with self._changes:
            if self._is_open:
                return
            router.install()
            self._reports = reports
            self._is_open = True
            # All new: workers of an earlier start may still be at a long run.
            self._here, self._waiting, self._idle = {}, deque(), deque()
            self._workers = [_Worker(self, number) for number in range(1, self._size + 1)]
            for worker in self._workers:
                worker.start()

    def free(self) -> int:
        """How many executions may be submitted now.

        A run that waits in here is already recorded as started, so long runs never wait: there are as many free as
        there are idle workers. Where runs are short, that many would leave the workers waiting for the next
        transaction; so as many are taken as will be worked off within ``HORIZON``, judged by the runs so far and
        without the workers that are busy with a long one.
        """
        now = perf_counter()
        busy = 0
        for worker in self._workers:
            if worker.since and now - worker.since > HORIZON:
                busy += 1
        quick = len(self._workers) - busy
        average = self._average
        window = quick if average >= HORIZON else min(LARGEST_WINDOW, int(quick * HORIZON / max(average, 1e-6)))
        return max(0, window - (len(self._here) - busy)) if self._is_open else 0

    def submit(self, executions: Sequence[Execution]) -> None:
        """Start them, in this order."""
        reports, limit = self._reports, self._output_limit
        attempts = [Attempt(execution, reports, limit) for execution in executions]
        with self._changes:
            if self._is_open:
                self._here.update((attempt.execution.run_id, attempt) for attempt in attempts)
                self._waiting.extend(attempts)
                self._wake_one()
                return
        for attempt in attempts:
            attempt.finish(outcomes.cancelled(outcomes.SHUT_DOWN))

    def cancel(self, run_id: int) -> bool:
        """``True`` if the run is here. If it had not begun, it now will not; otherwise the job is asked to end."""
        attempt = self._here.get(run_id)
        if attempt is None:
            return False
        attempt.cancel_reason = outcomes.ASKED
        self._withdraw(attempt, outcomes.ASKED)
        return True

    def shutdown(self, wait: bool) -> None:
        """Stop taking work.

        With ``wait``, what was submitted is worked off. Without, what has not begun is finished as cancelled, and
        what runs is asked to end and left alone. Called from a job, it does not wait for that job.
        """
        with self._changes:
            was_open, self._is_open = self._is_open, False
            if was_open:
                self._waiting.extend([None] * len(self._workers))
        if not wait:
            for attempt in list(self._here.values()):
                attempt.cancel_reason = outcomes.SHUT_DOWN
                self._withdraw(attempt, outcomes.SHUT_DOWN)
        for _ in self._workers:
            self._wake_one()
        if wait:
            for worker in self._workers:
                if worker is not threading.current_thread():
                    worker.join()
        if was_open:
            router.remove()

    def _withdraw(self, attempt: Attempt, reason: str) -> None:
        try:
            self._waiting.remove(attempt)
        except ValueError:  # a worker has it
            return
        attempt.leave(self._here)
        attempt.finish(outcomes.cancelled(reason))

    def _wake_one(self) -> None:
        try:
            bell = self._idle.pop()  # the one that went to sleep last: its memory is warm
        except IndexError:
            return
        bell.release()


_Bell = threading.Lock
"""A lock that its worker waits for. Whoever takes it out of ``_idle`` must release it, and is alone in that."""


class _Worker(threading.Thread):
    def __init__(self, executor: ThreadsExecutor, number: int) -> None:
        super().__init__(name=f"gnomon-threads-{number}", daemon=True)
        self._executor = executor
        self._waiting, self._idle, self._here = executor._waiting, executor._idle, executor._here
        self.since = 0.0
        """When it took what it is working on (``perf_counter``), 0 while it is idle."""

    def run(self) -> None:
        executor, waiting, idle, here = self._executor, self._waiting, self._idle, self._here
        bell = _Bell()
        bell.acquire()
        is_fresh = True
        while True:
            try:
                attempt = waiting.popleft()
            except IndexError:
                self.since = 0.0
                idle.append(bell)
                # What was submitted before we stood in the list woke nobody, so look again.
                if waiting:
                    try:
                        idle.remove(bell)
                    except ValueError:
                        bell.acquire()  # somebody has taken it, and releases it
                else:
                    bell.acquire()
                is_fresh = True
                continue
            if is_fresh:
                is_fresh = False
                self.since = perf_counter()
                router.ensure()
                if waiting:
                    executor._wake_one()
            if attempt is None:
                self.since = 0.0
                return
            outcome = invoke(attempt)
            attempt.leave(here)  # first: who is told of the end asks how much is free
            attempt.finish(outcome)
            now = perf_counter()
            # Lost updates between workers don't matter: this is an estimate.
            executor._average += (min(now - self.since, _LONGEST_COUNTED) - executor._average) * _WEIGHT
            self.since = now
