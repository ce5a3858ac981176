"""The group commit: one thread writes what all the others wait to have written.

Everything that happens to runs passes here: attempts that ended, progress, output, and the starts of those that are
next. The thread takes all that has gathered, writes it in one transaction, and only then lets the started ones go to
their executors. While it commits, the next group gathers; so the disk is waited for once a group, not once a run.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import NamedTuple, TypeVar

from gnomon.domain.ledger import PIECES_AN_ATTEMPT, Finish, Piece
from gnomon.domain.run import RunState
from gnomon.engine.claims import ClaimedRun
from gnomon.engine.lateness import Lateness
from gnomon.errors import StoreError
from gnomon.executors.contract import Execution, Executor, Outcome
from gnomon.store import Store

logger = logging.getLogger("gnomon.engine")

_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 2.0
#: Output and progress alone wait a moment for company; an end or a start never does.
_GATHER_SECONDS = 0.1
#: While runs wait for room in an executor, it is asked again after so long even if nothing ends.
_ROOM_SECONDS = 0.1
#: Outcomes after which a declared retry follows.
_TRIED_AGAIN = frozenset({RunState.FAILED, RunState.TIMED_OUT})
#: Starts and ends written at once; bounds how long a reader of a big group waits for its first run.
_LARGEST_GROUP = 1000
#: How long a shutdown goes on trying to write what became of runs while the store is away. Then they are left as
#: running, and are settled as lost once other nodes see that this one is gone.
_GIVE_UP_SECONDS = 5.0


_Item = TypeVar("_Item")


class _Ended(NamedTuple):
    claimed: ClaimedRun
    outcome: Outcome


class _Group(NamedTuple):
    ended: list[_Ended]
    progress: list[tuple[int, str, int, float, float | None]]
    pieces: list[Piece]
    starting: list[ClaimedRun]


class Recorder:
    """Queues claimed runs, records their starts and ends, hands them to executors. Implements ``Reports``."""

    def __init__(
        self, store: Store, executors: Mapping[str, Executor], on_finished: Callable[[Execution, Outcome], None]
    ) -> None:
        self._store = store
        self._executors = executors
        self._on_finished = on_finished
        self._queues: dict[str, deque[ClaimedRun]] = {name: deque() for name in executors}
        self._held: dict[int, ClaimedRun] = {}
        self._running: dict[int, ClaimedRun] = {}
        self._ended: deque[_Ended] = deque()
        self._progress: dict[int, tuple[int, str, int, float, float | None]] = {}
        self._pieces: deque[Piece] = deque()
        self._piece_counts: dict[tuple[int, int], int] = {}
        self._pieces_lock = threading.Lock()
        self._wake = threading.Event()
        self._urgent = threading.Event()
        #: ``_closing``: nothing new is started. ``_stopping``: no more ends will come, either.
        self._closing = False
        self._stopping = False
        self._stopped_at = 0.0
        self._starts_nothing = threading.Event()
        self._thread: threading.Thread | None = None
        #: What went wrong with the last group, and since when (monotonic seconds); ``None`` while writing works.
        self.trouble: tuple[str, float] | None = None
        self.lateness = Lateness()

    def start(self) -> None:
        """Start the executors and the writing thread."""
        self._closing = self._stopping = False
        self._starts_nothing.clear()
        for executor in self._executors.values():
            executor.start(self)
        self._thread = threading.Thread(target=self._write_groups, name="gnomon-recorder", daemon=True)
        self._thread.start()

    def shutdown(self, wait: bool) -> None:
        """Let executors end what runs, write what became of it, give up what has not started."""
        self._closing = True
        self._hurry()
        self._starts_nothing.wait()
        for queue in self._queues.values():
            queue.clear()
        self._held.clear()
        for executor in self._executors.values():
            executor.shutdown(wait)
        self._stopped_at = time.monotonic()
        self._stopping = True
        self._hurry()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    # -- queue

    def enqueue(self, runs: list[ClaimedRun]) -> None:
        """Take claimed runs; their claims are committed."""
        for run in runs:
            self._held[run.execution.run_id] = run
            queue = self._queues.get(run.executor)
            if queue is None:
                self._refuse(run)
            else:
                queue.append(run)
        self._hurry()

    @property
    def backlog(self) -> int:
        """How many claimed runs have not started."""
        return sum(len(queue) for queue in self._queues.values())

    @property
    def running(self) -> int:
        """How many runs are with their executors."""
        return len(self._running)

    @property
    def is_busy(self) -> bool:
        """Whether any run is here, waiting or running."""
        return bool(self._held or self._running)

    def held(self) -> set[int]:
        """The runs that were claimed and are known here: queued or about to start."""
        return set(self._held)

    def cancel(self, run_id: int, attempt: int) -> bool:
        """End a running attempt early, or ask it to end. ``False`` if it is not with its executor."""
        claimed = self._running.get(run_id)
        if claimed is None or claimed.execution.attempt != attempt:
            return False
        return self._executors[claimed.executor].cancel(run_id)

    def cancel_all(self) -> None:
        """End all that runs here where that can be done, and ask the rest to end."""
        for claimed in list(self._running.values()):
            self._executors[claimed.executor].cancel(claimed.execution.run_id)

    # -- Reports

    def finished(self, execution: Execution, outcome: Outcome) -> None:
        """An attempt ended (called by executors)."""
        claimed = self._running.get(execution.run_id)
        if claimed is None:
            logger.error("run %d of job %r ended and was not running here", execution.run_id, execution.job_id)
            return
        if claimed.execution is execution:
            self._ended.append(_Ended(claimed, outcome))
            self._hurry()
        else:
            # This node had been given up for dead, and came back for the next attempt of the very run that it was still
            # at. What became of this attempt has been settled by others.
            logger.warning("attempt %d of run %d ended after it was given up", execution.attempt, execution.run_id)
            self._piece_counts.pop((execution.run_id, execution.attempt), None)
        self._on_finished(execution, outcome)

    def progressed(self, execution: Execution, done: float, total: float | None) -> None:
        """A job said how far it is (called by executors)."""
        claimed = self._running.get(execution.run_id)
        if claimed is not None:
            self._progress[execution.run_id] = (execution.run_id, claimed.node, execution.attempt, done, total)
            self._wake.set()

    def wrote(self, execution: Execution, stream: str, text: str) -> None:
        """A job wrote something (called by executors)."""
        key = (execution.run_id, execution.attempt)
        with self._pieces_lock:
            number = self._piece_counts.get(key, 0)
            self._piece_counts[key] = number + 1
        at = self._store.database.local_now()
        seq = (execution.attempt - 1) * PIECES_AN_ATTEMPT + number
        self._pieces.append(Piece(execution.run_id, seq, at, stream, text))
        self._wake.set()

    def _hurry(self) -> None:
        self._urgent.set()
        self._wake.set()

    # -- the writing thread

    def _write_groups(self) -> None:
        pause = _FIRST_PAUSE
        left_over: _Group | None = None
        while True:
            if left_over is None:
                self._wake.wait(_ROOM_SECONDS if any(self._queues.values()) else None)
                self._wake.clear()
                if not self._is_urgent():
                    self._urgent.wait(_GATHER_SECONDS)
                self._urgent.clear()
            group = left_over or self._gather()
            if self._closing:
                group = group._replace(starting=[])
                self._starts_nothing.set()
            if not any(group):
                if self._stopping and left_over is None:
                    return
                left_over = None
                continue
            try:
                started, at = self._write(group)
            except Exception as error:  # a database that is gone, full or locked, or anything else: try again
                left_over = group
                if not isinstance(error, StoreError):
                    # It may be something that a job wrote, and must not keep all others from being recorded.
                    left_over = group._replace(pieces=[], progress=[])
                self._trouble(error)
                if self._stopping and time.monotonic() - self._stopped_at > _GIVE_UP_SECONDS:
                    logger.error("stopped with the outcome of %d runs unrecorded: %s", len(group.ended), error)
                    return
                time.sleep(pause)
                pause = min(pause * 2, _LONGEST_PAUSE)
            else:
                left_over, pause = None, _FIRST_PAUSE
                self._written(group, started, at)
                if self._stopping:
                    self._wake.set()  # who waits for the end has called already, and was heard with this group

    def _is_urgent(self) -> bool:
        return bool(self._ended) or any(self._queues.values())

    def _gather(self) -> _Group:
        ended = _drain(self._ended, _LARGEST_GROUP)
        pieces = _drain(self._pieces, _LARGEST_GROUP)
        progress = [self._progress.pop(run_id) for run_id in list(self._progress)]
        starting: list[ClaimedRun] = []
        if not self._closing:
            for name, queue in self._queues.items():
                if queue:
                    room = min(self._executors[name].free(), _LARGEST_GROUP)
                    # What is not held was cancelled, tried again, and has come here again as its next attempt.
                    drained = _drain(queue, room)
                    starting.extend(run for run in drained if self._held.get(run.execution.run_id) is run)
        if self._ended or self._pieces:
            self._wake.set()
        return _Group(ended, progress, pieces, starting)

    def _write(self, group: _Group) -> tuple[set[int], datetime]:
        ledger = self._store.ledger
        with self._store.database.transaction("record"):
            at = self._store.database.now()
            if group.pieces:
                ledger.write_output(group.pieces)
            if group.progress:
                ledger.progress(group.progress)
            if group.ended:
                written = ledger.finish([_finish(ended, at) for ended in group.ended], at=at)
                if written < len(group.ended):
                    logger.warning(
                        "%d of %d outcomes were not recorded: their claims had passed to another node, or they were "
                        "recorded before a cut connection could say so",
                        len(group.ended) - written,
                        len(group.ended),
                    )
            if not group.starting:
                return set(), at
            claims = [(run.execution.run_id, run.node, run.execution.attempt) for run in group.starting]
            return ledger.start(claims, at=at), at

    def _written(self, group: _Group, started: set[int], at: datetime) -> None:
        if self.trouble is not None:
            logger.info("the store can be written again")
            self.trouble = None
        for ended in group.ended:
            execution = ended.claimed.execution
            _drop(self._running, ended.claimed)
            self._piece_counts.pop((execution.run_id, execution.attempt), None)
        batches: dict[str, list[Execution]] = {}
        starting = []
        for run in group.starting:
            run_id = run.execution.run_id
            if run_id in started:
                self._running[run_id] = run
                starting.append(run)
                batches.setdefault(run.executor, []).append(run.execution)
            else:
                logger.warning(
                    "run %d of job %r is not started here: it was cancelled, or its claim has passed to another node",
                    run_id,
                    run.execution.job_id,
                )
            _drop(self._held, run)
        self.lateness.note(starting, at)
        for name, executions in batches.items():
            try:
                self._executors[name].submit(executions)
            except Exception as error:  # against its contract; without this thread nothing would be started any more
                logger.exception("executor %r did not take %d runs", name, len(executions))
                for execution in executions:
                    self.finished(execution, Outcome(RunState.FAILED, f"executor {name!r} did not take it: {error!r}"))

    def _refuse(self, run: ClaimedRun) -> None:
        """There is no such executor here: the run is kept, with the reason."""
        run_id = run.execution.run_id
        have = ", ".join(sorted(self._executors))
        error = f"this node has no executor {run.executor!r}; it has {have}"
        self._held.pop(run_id, None)
        try:
            self._store.ledger.refuse([run_id], run.node, error=error, at=self._store.database.now())
        except StoreError:
            logger.warning("run %d could not be refused; it will be claimed again", run_id)

    def _trouble(self, error: Exception) -> None:
        if self.trouble is None:
            self.trouble = (str(error), time.monotonic())
            if isinstance(error, StoreError):
                logger.warning("what became of runs cannot be written now, and will be: %s", error)
            else:
                logger.exception("what became of runs cannot be written now, and will be")


def _finish(ended: _Ended, at: datetime) -> Finish:
    execution, outcome = ended.claimed.execution, ended.outcome
    claim = (execution.run_id, ended.claimed.node, execution.attempt)
    wait = None
    if outcome.state in _TRIED_AGAIN:
        wait = ended.claimed.retries.wait_after(execution.attempt)
    if wait is None:
        return Finish(*claim, outcome.state, outcome.error, execution.attempt, None)
    not_before = at + timedelta(seconds=wait)
    return Finish(*claim, RunState.QUEUED, outcome.error, execution.attempt + 1, not_before, outcome.state)


def _drop(runs: dict[int, ClaimedRun], run: ClaimedRun) -> None:
    """Forget a run, unless its next attempt has taken its place."""
    run_id = run.execution.run_id
    if runs.get(run_id) is run:
        del runs[run_id]


def _drain(queue: deque[_Item], most: int) -> list[_Item]:
    return [queue.popleft() for _ in range(min(len(queue), most))]
