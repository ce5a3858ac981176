"""Jobs in processes of their own."""

from __future__ import annotations

import contextlib
import multiprocessing
import signal
import threading
from multiprocessing.connection import wait
from multiprocessing.context import SpawnProcess
from multiprocessing.reduction import ForkingPickler
from time import monotonic
from typing import Any

from gnomon.executors import outcomes, worker
from gnomon.executors.attempt import Attempt
from gnomon.executors.contract import Outcome
from gnomon.executors.output import OUTPUT_LIMIT
from gnomon.executors.process_group import GRACE, signal_group, signal_name
from gnomon.executors.slots import Slot, SlotsExecutor

_READY_WITHIN = 60.0
"""Seconds for a new worker to come up, and for any to import what the function needs."""

_spawn = multiprocessing.get_context("spawn")
_starting = threading.Lock()


class ProcessesExecutor(SlotsExecutor):
    """Runs jobs in ``workers`` long-lived processes, one at a time each.

    Each worker is a fresh interpreter that leads a session of its own, so ending it ends what its job has started.
    A timeout counts from the call of the function, not from the start of the worker. On timeout and ``cancel`` the
    worker gets SIGTERM, which raises ``SystemExit`` in the job, and SIGKILL after ``grace`` seconds; another takes its
    place. It is replaced as well when it dies.

    A function reaches the worker by name, so it must stand at the top level of a module that can be imported, and its
    arguments must be picklable. Output that goes past ``sys.stdout`` and ``sys.stderr`` is not captured: what C code or
    child processes write. A script that starts a scheduler needs ``if __name__ == "__main__":`` around that, because
    new interpreters import it.
    """

    def __init__(self, workers: int = 2, *, grace: float = GRACE, output_limit: int = OUTPUT_LIMIT) -> None:
        super().__init__("processes", workers, grace=grace, output_limit=output_limit)

    def make_slot(self) -> Slot:
        return _ProcessSlot(self._grace, self._output_limit)


class _WorkerDied(Exception):
    """The message is for people."""


class _ProcessSlot(Slot):
    def __init__(self, grace: float, output_limit: int) -> None:
        super().__init__()
        self._grace = grace
        self._output_limit = output_limit
        self._worker: _Worker | None = None

    def run(self, attempt: Attempt) -> Outcome:
        execution = attempt.execution
        try:
            order = worker.pickled(
                worker.Order(
                    execution.run_id,
                    execution.job_id,
                    execution.scheduled_at,
                    execution.attempt,
                    execution.func,
                    execution.args,
                    execution.kwargs,
                    self._output_limit,
                )
            )
        except Exception as error:
            name = getattr(execution.func, "__qualname__", repr(execution.func))
            return outcomes.failed(
                f"{type(error).__name__}: {error}\nthe function {name} cannot be sent to a worker process: it must be "
                "importable at module level, under its own name, and its arguments must be picklable",
                error,
            )
        try:
            return self._run(attempt, order)
        except _WorkerDied as error:
            # Its function was not called, so this is no second start: the worker may have died while it was idle.
            try:
                return self._run(attempt, order)
            except _WorkerDied:
                return outcomes.failed(
                    f"{error} before it called the function; its standard error says why (a script that starts a "
                    'scheduler needs `if __name__ == "__main__":` around that)'
                )

    def close(self) -> None:
        if self._worker is not None:
            self._worker.stop(self._grace)
        super().close()

    def _run(self, attempt: Attempt, order: bytes) -> Outcome:
        """Raises ``_WorkerDied`` if it did before the function was called."""
        here = self._worker
        if here is None or not here.is_alive():
            self._discard()
            here = self._worker = _Worker()
        here.send(order)
        timeout = attempt.execution.timeout
        has_started = False
        deadline: float | None = monotonic() + _READY_WITHIN
        while True:
            message = here.next_message(self._wake_reader, deadline)
            match message:
                case worker.Started():
                    has_started = True
                    deadline = None if timeout is None else monotonic() + timeout
                case worker.Finished():
                    return _outcome(message)
                case worker.Wrote() | worker.Progressed():
                    _relay(attempt, message)
                case _Dead():
                    if not has_started:
                        raise _WorkerDied(self._discard())
                    return outcomes.failed(self._discard())
                case _:
                    self.woken()
            if attempt.cancel_reason is not None:
                outcome = outcomes.cancelled(attempt.cancel_reason)
            elif deadline is None or monotonic() < deadline:
                continue
            elif has_started and timeout is not None:
                outcome = outcomes.timed_out(timeout)
            else:
                outcome = outcomes.failed(
                    f"the worker process did not call the function within {_READY_WITHIN:g} s: importing its module, "
                    'or the main script, takes too long (does the script lack `if __name__ == "__main__":`?)'
                )
            self._end(attempt)
            return outcome

    def _end(self, attempt: Attempt) -> None:
        """End the worker, and keep what its job writes meanwhile."""
        here = self._worker
        assert here is not None
        signal_group(here.process_id, signal.SIGTERM)
        deadline = monotonic() + self._grace
        while monotonic() < deadline:
            message = here.next_message(None, deadline)
            if isinstance(message, _Dead):
                break
            _relay(attempt, message)
        self._discard()

    def _discard(self) -> str:
        here, self._worker = self._worker, None
        return "" if here is None else here.kill()


class _Dead:
    """Stands for the last message of a worker that has died."""


class _Worker:
    """One process, seen from here."""

    def __init__(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        self._process: SpawnProcess = _spawn.Process(target=worker.main, args=(theirs,), name=worker.NAME, daemon=True)
        try:
            with _starting:  # multiprocessing's own list of children is not made for several threads
                self._process.start()
        except BaseException:
            self._connection.close()
            raise
        finally:
            theirs.close()
        self.process_id: int = self._process.pid or 0

    def is_alive(self) -> bool:
        return not wait([self._process.sentinel], 0)

    def send(self, order: bytes) -> None:
        with contextlib.suppress(OSError):  # it died just now, which next_message() tells
            self._connection.send_bytes(order)

    def next_message(self, wake: int | None, deadline: float | None) -> object:
        """The next message, ``_Dead``, or ``None`` if it is time or somebody wrote to ``wake``."""
        connection = self._connection
        sources: list[Any] = [connection, self._process.sentinel]
        if wake is not None:
            sources.append(wake)
        ready = wait(sources, None if deadline is None else max(0.0, deadline - monotonic()))
        if wake in ready:
            return None
        if connection in ready:
            try:
                return connection.recv()
            except Exception:  # the end of file, or half a message of one that was killed
                return _Dead()
        return _Dead() if ready else None

    def stop(self, grace: float) -> None:
        """Let it end in order."""
        self.send(worker.STOP)
        wait([self._process.sentinel], grace)
        self.kill()

    def kill(self) -> str:
        """End it and all that it started at once, if it is still there; how it died."""
        was_alive = self.is_alive()
        # Not waited for yet, so the group is still its own, and those that it started are in there.
        signal_group(self.process_id, signal.SIGKILL)
        self._process.join()
        code = self._process.exitcode
        self._process.close()
        self._connection.close()
        if was_alive or code is None:
            return "the worker process was ended"
        if code < 0:
            return f"the worker process died with signal {-code} ({signal_name(-code)})"
        return f"the worker process ended itself with exit code {code}"


def _relay(attempt: Attempt, message: object) -> None:
    match message:
        case worker.Wrote(stream, text):
            attempt.output.relay(stream, text)
        case worker.Progressed(done, total):
            attempt.progressed(done, total)


def _outcome(message: worker.Finished) -> Outcome:
    return Outcome(message.state, message.error, _restored(message.exception), _restored(message.result))


def _restored(data: bytes | None) -> Any:
    """What the worker pickled. Not every exception can be made again from its arguments."""
    if data is None:
        return None
    try:
        return ForkingPickler.loads(data)
    except Exception:
        return None
