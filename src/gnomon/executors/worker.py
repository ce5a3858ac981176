"""A worker process: the other end of the pipe of ``processes``."""

from __future__ import annotations

import contextlib
import multiprocessing
import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from multiprocessing.connection import Connection
from multiprocessing.reduction import ForkingPickler
from queue import SimpleQueue
from types import FrameType
from typing import Any

from gnomon.domain.run import RunState
from gnomon.executors import outcomes, router
from gnomon.executors.attempt import Attempt
from gnomon.executors.contract import Execution, Outcome
from gnomon.executors.invoke import invoke

_LARGEST_RESULT = 1024 * 1024


@dataclass(frozen=True, slots=True)
class Ready:
    """The process is up and waits for an order."""


@dataclass(frozen=True, slots=True)
class Started:
    """The order was understood, the function is called now."""


@dataclass(frozen=True, slots=True)
class Wrote:
    """As ``Reports.wrote``."""

    stream: str
    text: str


@dataclass(frozen=True, slots=True)
class Progressed:
    """As ``Reports.progressed``."""

    done: float
    total: float | None


@dataclass(frozen=True, slots=True)
class Finished:
    """As ``Outcome``; exception and result are pickled, and ``None`` where that is not possible."""

    state: RunState
    error: str | None
    exception: bytes | None
    result: bytes | None


@dataclass(frozen=True, slots=True)
class Order:
    """What to run. ``func`` travels as the name of something that can be imported."""

    run_id: int
    job_id: str
    scheduled_at: datetime
    attempt: int
    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    output_limit: int


NAME = "gnomon-worker"
"""The name of the process, which it has before it imports anything."""

STOP = b""
"""What is sent instead of an order to end a worker."""


def pickled(value: object) -> bytes:
    """Raises whatever the value's classes raise when it can't be done."""
    return bytes(ForkingPickler.dumps(value))


_is_up = False


def is_coming_up() -> bool:
    """Whether this process is a worker that still imports the main script of its parent.

    Whoever starts schedulers refuses to, then: a script that lacks ``if __name__ == "__main__":`` would start another
    one in each worker, and never get to the worker's own work.
    """
    return multiprocessing.current_process().name == NAME and not _is_up


def main(connection: Connection) -> None:
    """Work off orders until the parent says stop, or is gone."""
    global _is_up
    _is_up = True
    with contextlib.suppress(PermissionError):  # is a leader already
        os.setsid()
    # Our parent has made us a daemon, so that it ends us when it ends. That shall not keep jobs from having children.
    multiprocessing.current_process().daemon = False
    parent = _Parent(connection)
    terminated = _on_sigterm()
    router.install()
    orders: SimpleQueue[bytes] = SimpleQueue()
    threading.Thread(target=_receive, args=(connection, orders), name="gnomon-orders", daemon=True).start()
    parent.tell(Ready())
    while order := orders.get():
        _obey(order, parent)
        if terminated.is_set():
            return


def _receive(connection: Connection, orders: SimpleQueue[bytes]) -> None:
    try:
        while True:
            orders.put(connection.recv_bytes())
    except (EOFError, OSError):
        # The parent is gone, and whatever runs here is nobody's any more.
        if os.getpgrp() == os.getpid():
            os.killpg(os.getpid(), signal.SIGKILL)
        os._exit(1)


def _on_sigterm() -> threading.Event:
    """Turn SIGTERM into ``SystemExit``, so that the job's ``finally`` clauses and context managers do their work."""
    terminated = threading.Event()

    def terminate(_number: int, _frame: FrameType | None) -> None:
        terminated.set()
        raise SystemExit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, terminate)
    return terminated


def _obey(message: bytes, parent: _Parent) -> None:
    try:
        order: Order = ForkingPickler.loads(message)
        execution = Execution(
            run_id=order.run_id,
            job_id=order.job_id,
            scheduled_at=order.scheduled_at,
            attempt=order.attempt,
            func=order.func,
            args=order.args,
            kwargs=order.kwargs,
            timeout=None,  # the parent looks after that
        )
    except Exception as error:
        outcome = outcomes.raised(error)
        text = f"{outcome.error}\nthe worker process could not load the function or its arguments"
        parent.finished_early(outcomes.failed(text, error))
        return
    attempt = Attempt(execution, parent, order.output_limit)
    attempt.at_once = True  # what it wrote before it crashed is what one wants to see; our parent gathers
    parent.tell(Started())
    router.ensure()
    attempt.finish(invoke(attempt))


class _Parent:
    """Reports to the parent process."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._lock = threading.Lock()
        self._waiting: deque[object] = deque()
        self._sender: int | None = None

    def tell(self, message: object) -> None:
        """Send, from any thread.

        A finaliser may print while its own thread is sending. Then the message only joins the others, and the call
        that is interrupted sends it when it goes on: messages must not be mixed up, and their order stays.
        """
        self._waiting.append(message)
        if self._sender == threading.get_ident():
            return
        with self._lock:
            self._sender = threading.get_ident()
            try:
                while self._waiting:
                    self._connection.send(self._waiting.popleft())
            except OSError:  # the parent is gone; _receive sees that too
                self._waiting.clear()
            finally:
                self._sender = None

    def finished_early(self, outcome: Outcome) -> None:
        self.tell(Finished(outcome.state, outcome.error, _if_possible(outcome.exception), None))

    def finished(self, execution: Execution, outcome: Outcome) -> None:
        exception, result = _if_possible(outcome.exception), _if_possible(outcome.result)
        self.tell(Finished(outcome.state, outcome.error, exception, result))

    def progressed(self, execution: Execution, done: float, total: float | None) -> None:
        self.tell(Progressed(done, total))

    def wrote(self, execution: Execution, stream: str, text: str) -> None:
        self.tell(Wrote(stream, text))


def _if_possible(value: object) -> bytes | None:
    if value is None:
        return None
    try:
        data = pickled(value)
    except Exception:
        return None
    return data if len(data) <= _LARGEST_RESULT else None
