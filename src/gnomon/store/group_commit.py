"""Changes made at the same time share one commit: the disk is waited for once a group, not once a change.

Each is a part of its own, so one that is refused leaves no trace and the others stand.
"""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from enum import Enum, auto
from typing import Any, TypeVar

from gnomon.errors import StoreUnavailable
from gnomon.store.batch import Batch
from gnomon.store.database import Database

_Value = TypeVar("_Value")

#: Seconds that a group waits when fewer have come than last time: a part of what the commit takes.
_GATHER_SECONDS = 0.0005


class GroupCommit:
    """Carries out work in transactions of the given name, as many at once as are waiting.

    Who finds nobody leading leads: carries out all that waits on his own thread, tells those whose work is done, and
    appoints the next of those who came meanwhile.
    """

    def __init__(self, database: Database, name: str, read_ahead: Callable[[list[str]], Batch]) -> None:
        self._database = database
        self._name = name
        #: Locks the rows of these keys, and reads what changes of them will ask for.
        self._read_ahead = read_ahead
        self._start_anew()
        # A thread of the parent may be leading, and no thread of a forked child ever will be told.
        database.in_child(self._start_anew)

    def _start_anew(self) -> None:
        self._guard = threading.Lock()
        #: Told when as many are waiting as last time.
        self._gathered = threading.Condition(self._guard)
        self._waiting: deque[_Work] = deque()
        self._is_led = False
        self._size = 1

    def run(self, key: str, work: Callable[[], _Value]) -> _Value:
        """Carry out ``work`` and return what it returned, when that is committed. Raises what it raised, then nothing
        of it is written, or what the commit raised.

        ``key`` names the row that it locks: groups lock in the order of their keys, so that two processes never wait
        for each other.
        """
        if self._database.in_transaction:
            return work()
        mine = _Work(key, work)
        with self._guard:
            self._waiting.append(mine)
            if len(self._waiting) == self._size:
                self._gathered.notify()
            leads, self._is_led = not self._is_led, True
        if not leads:
            try:
                mine.turn.acquire()
            except BaseException:
                self._withdraw(mine)
                raise
        if not mine.is_done:
            self._lead(mine)
        if mine.error is not None:
            raise mine.error
        value: _Value = mine.value
        return value

    def _lead(self, mine: _Work) -> None:
        group: list[_Work] = []
        try:
            with self._guard:
                if len(self._waiting) < self._size:
                    self._gathered.wait(_GATHER_SECONDS)
                group.extend(self._waiting)
                self._waiting.clear()
            self._carry_out(group)
        finally:
            with self._guard:
                self._size = len(group)
                self._pass_on(mine)
            for work in group:
                work.is_done = True
                if work is not mine:
                    work.turn.release()

    def _withdraw(self, mine: _Work) -> None:
        """Who is interrupted while he waits (Ctrl-C) must not be the one whom the others wait for."""
        with self._guard:
            if mine.leads:
                self._pass_on(mine)
            elif mine in self._waiting:
                self._waiting.remove(mine)

    def _pass_on(self, mine: _Work) -> None:
        if mine in self._waiting:
            self._waiting.remove(mine)
        self._is_led = bool(self._waiting)
        if self._waiting:
            self._waiting[0].leads = True
            self._waiting[0].turn.release()

    def _carry_out(self, group: list[_Work]) -> None:
        try:
            if len(group) == 1:
                self._alone(group[0])
            else:
                self._together(sorted(group, key=lambda work: work.key))
        except Exception as error:
            for work in group:
                work.error = work.error or error
        except BaseException as error:  # who interrupts one thread does not interrupt those that it worked for
            for work in group:
                work.error = work.error or StoreUnavailable(f"the thread that was writing it was ended by {error!r}")
            raise

    def _alone(self, work: _Work) -> None:
        with self._database.transaction(self._name) as session:
            session.batch = self._read_ahead([work.key])
            work.value = work.work()

    def _together(self, group: list[_Work]) -> None:
        stage = _Stage.BEGINS
        try:
            with self._database.transaction(self._name) as session:
                stage = _Stage.READS
                session.batch = self._read_ahead([work.key for work in group])
                stage = _Stage.WRITES
                for work in group:
                    work.carry_out(self._database)
                session.settle()
                stage = _Stage.COMMITS
        except Exception as error:
            # Somebody else keeps one of the rows locked, or the database refuses something that one of them says: no
            # reason that the others should fail, and nobody knows which it is.
            is_of_one = stage is _Stage.READS or (stage is _Stage.WRITES and not isinstance(error, StoreUnavailable))
            if not is_of_one:
                raise
            for work in group:
                work.error = None
                self._carry_out([work])


class _Stage(Enum):
    BEGINS = auto()
    READS = auto()
    WRITES = auto()
    COMMITS = auto()


class _Work:
    __slots__ = ("error", "is_done", "key", "leads", "turn", "value", "work")

    def __init__(self, key: str, work: Callable[[], Any]) -> None:
        self.key = key
        self.work = work
        self.value: Any = None
        self.error: BaseException | None = None
        self.is_done = False
        #: Appointed to lead by who led before.
        self.leads = False
        #: Released when the work is done, or when it is this thread's turn to lead.
        self.turn = threading.Lock()
        self.turn.acquire()

    def carry_out(self, database: Database) -> None:
        try:
            with database.savepoint():
                self.value = self.work()
        except Exception as error:
            if database.is_broken:
                raise  # none of the group is written, and all are told what the transaction makes of it
            self.error = error
