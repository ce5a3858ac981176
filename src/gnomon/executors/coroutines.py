"""Jobs that are coroutine functions."""

from __future__ import annotations

import asyncio
import inspect
import logging
import threading
from collections.abc import Sequence
from contextvars import Context
from functools import partial

from gnomon.executors import outcomes, router
from gnomon.executors.attempt import HERE, Attempt
from gnomon.executors.contract import Execution, Outcome, Reports
from gnomon.executors.invoke import judged
from gnomon.executors.output import OUTPUT_LIMIT

_GRACE = 1.0

_log = logging.getLogger(__name__)


class CoroutinesExecutor:
    """Runs coroutine functions as tasks of one event loop in one thread. Its name is ``asyncio``.

    Timeouts and ``cancel`` end a task at its next ``await``, by ``asyncio.CancelledError``. A function that does not
    await (or is no coroutine function) holds up all others for as long as it runs.
    """

    def __init__(self, limit: int = 1000, *, output_limit: int = OUTPUT_LIMIT) -> None:
        self._limit = limit
        self._output_limit = output_limit
        self._changes = threading.Lock()
        self._is_open = False
        self._here: dict[int, Attempt] = {}
        self._tasks: dict[int, asyncio.Task[Outcome]] = {}  # touched in the loop's thread only
        self._thread: threading.Thread | None = None

    def start(self, reports: Reports) -> None:
        """Start the loop's thread."""
        with self._changes:
            if self._is_open:
                return
            router.install()
            self._reports = reports
            self._here, self._tasks = {}, {}
            self._loop = asyncio.new_event_loop()
            self._is_stopping = False
            self._thread = threading.Thread(target=self._work, args=(self._loop,), name="gnomon-asyncio", daemon=True)
            self._thread.start()
            self._is_open = True

    def free(self) -> int:
        """How many more may run at once."""
        return max(0, self._limit - len(self._here)) if self._is_open else 0

    def submit(self, executions: Sequence[Execution]) -> None:
        """Start them, in this order."""
        attempts = [Attempt(execution, self._reports, self._output_limit) for execution in executions]
        with self._changes:
            if self._is_open:
                self._here.update((attempt.execution.run_id, attempt) for attempt in attempts)
                self._loop.call_soon_threadsafe(self._begin, attempts)
                return
        for attempt in attempts:
            attempt.finish(outcomes.cancelled(outcomes.SHUT_DOWN))

    def cancel(self, run_id: int) -> bool:
        """``True`` if the run is here; it gets ``asyncio.CancelledError``."""
        with self._changes:
            attempt = self._here.get(run_id)
            if attempt is None:
                return False
            attempt.cancel_reason = outcomes.ASKED
            self._loop.call_soon_threadsafe(self._cancel, [attempt])
            return True

    def shutdown(self, wait: bool) -> None:
        """Stop taking work.

        With ``wait``, returns when all tasks have ended. Without, they are cancelled and have a second to end before
        this returns; those that take longer are told when they end. Called from a job, it does not wait.
        """
        with self._changes:
            was_open, self._is_open = self._is_open, False
            thread = self._thread
            if thread is None or not thread.is_alive():
                return
            if not wait:
                attempts = list(self._here.values())
                for attempt in attempts:
                    attempt.cancel_reason = outcomes.SHUT_DOWN
                self._loop.call_soon_threadsafe(self._cancel, attempts)
            if was_open:
                self._loop.call_soon_threadsafe(self._stop)
        if thread is not threading.current_thread():
            thread.join(None if wait else _GRACE)
        if was_open:
            router.remove()

    # What follows runs in the loop's thread.

    def _work(self, loop: asyncio.AbstractEventLoop) -> None:
        asyncio.set_event_loop(loop)
        while True:
            try:
                loop.run_forever()
                break
            except BaseException:  # SystemExit of a task that a job made: the loop gives it to us, and can go on
                _log.exception("a task that a job left in the event loop raised")
                if self._is_stopping and not self._here:
                    break
        try:
            if leftovers := asyncio.all_tasks(loop):
                for task in leftovers:
                    task.cancel()
                loop.run_until_complete(asyncio.wait(leftovers, timeout=_GRACE))
            loop.run_until_complete(loop.shutdown_asyncgens())
            loop.close()
        except BaseException:
            _log.exception("the event loop could not be closed in order")

    def _begin(self, attempts: list[Attempt]) -> None:
        router.ensure()
        for attempt in attempts:
            context = Context()
            context.run(HERE.set, attempt)
            task = self._loop.create_task(_run(attempt), context=context)
            self._tasks[attempt.execution.run_id] = task
            # Not at the end of _run: a task that is cancelled before its first step never gets there.
            task.add_done_callback(partial(self._done, attempt))

    def _cancel(self, attempts: list[Attempt]) -> None:
        for attempt in attempts:
            task = self._tasks.get(attempt.execution.run_id)
            if task is not None:
                task.cancel(attempt.cancel_reason)

    def _done(self, attempt: Attempt, task: asyncio.Task[Outcome]) -> None:
        run_id = attempt.execution.run_id
        if self._tasks.get(run_id) is task:
            del self._tasks[run_id]
        attempt.leave(self._here)
        if task.cancelled():
            outcome = outcomes.cancelled(attempt.cancel_reason or "cancelled")
        else:
            error = task.exception()
            outcome = task.result() if error is None else outcomes.raised(error)
        attempt.finish(outcome)
        if self._is_stopping and not self._here:
            self._loop.stop()

    def _stop(self) -> None:
        self._is_stopping = True
        if not self._here:
            self._loop.stop()


async def _run(attempt: Attempt) -> Outcome:
    execution = attempt.execution
    timeout = execution.timeout
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            result = execution.func(*execution.args, **execution.kwargs)
            if inspect.isawaitable(result):
                result = await result
        outcome = outcomes.succeeded(result)
    except asyncio.CancelledError as error:
        reason = attempt.cancel_reason
        outcome = outcomes.raised(error) if reason is None else outcomes.cancelled(reason)
    except BaseException as error:
        outcome = outcomes.raised(error)
    if limit.expired() and timeout is not None:  # also where the function turned the cancellation into something else
        return outcomes.timed_out(timeout)
    return judged(attempt, outcome)
