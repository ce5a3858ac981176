"""Going through all stored jobs for what wants a decision: rows that cannot be read, jobs that nobody has code for,
defaults that moved, and jobs that no code declares.

No statement can ask a database for these: a row has to be decoded for them. A hundred thousand take seconds, so it is
done beside what is asked, in slices, and never twice for the same bytes. What was found is as of then: whoever shows a
job reads it again.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from threading import Lock, Thread

from gnomon.domain.override import Override, declared_value, is_moved
from gnomon.domain.schedule import DeclaredRow
from gnomon.errors import GnomonError, RowRefused
from gnomon.operations.ports import Context
from gnomon.operations.read import read_rows
from gnomon.operations.runnable import Runnable, runnable
from gnomon.operations.standing import JobDict

logger = logging.getLogger("gnomon.operations")

#: The most pressing first.
KINDS = ("quarantined", "orphaned", "moved", "outside")
#: Of each kind so many ids are kept; the others are counted.
MOST_NAMED = 20

_ROWS = 50
#: Between two slices, so that looking never keeps a core or the store busy.
_PAUSE_SECONDS = 0.01
#: Seconds from the end of a look to the next, and at least so many times as long as it took.
_REST, _REST_SHARE = 15.0, 3.0


@dataclass(slots=True)
class Found:
    """What a look has found: how many jobs of each kind, and the first ids. ``is_whole``: it went through all."""

    at: datetime
    looked_at: int = 0
    is_whole: bool = False
    counts: dict[str, int] = field(default_factory=dict)
    job_ids: dict[str, list[str]] = field(default_factory=dict)

    def note(self, kind: str, job_id: str) -> None:
        """One more."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        named = self.job_ids.setdefault(kind, [])
        if len(named) < MOST_NAMED:
            named.append(job_id)

    @property
    def named(self) -> list[str]:
        """The ids, the most pressing first."""
        return [job_id for kind in KINDS for job_id in self.job_ids.get(kind, ())]


class Patrol:
    """Looks again and again, as long as somebody asks. ``body`` is the part of a row that no fire changes."""

    def __init__(self, context: Context, body: Callable[[bytes], bytes]) -> None:
        self._context = context
        self._body = body
        #: By the hash of an id and a body: the function that it names, ``None`` where it cannot be read.
        self._known: dict[int, str | None] = {}
        self._lock = Lock()
        self._thread: Thread | None = None
        self._is_stopped = False
        self._in_the_way = 0
        self._rests_until = 0.0
        self._found: Found | None = None

    def ask(self) -> Found | None:
        """What was found last; of the first look, as far as it has come. Starts another if the last is long ago."""
        with self._lock:
            is_at_it = self._thread is not None and self._thread.is_alive()
            if not is_at_it and time.monotonic() >= self._rests_until:
                self._is_stopped = False
                self._thread = Thread(target=self._go, name="gnomon-patrol", daemon=True)
                self._thread.start()
        return self._found

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Meanwhile it stands still: somebody waits for an answer."""
        with self._lock:
            self._in_the_way += 1
        try:
            yield
        finally:
            with self._lock:
                self._in_the_way -= 1

    def stop(self) -> None:
        """End a look that goes on."""
        self._is_stopped = True
        thread = self._thread
        if thread is not None:
            thread.join(10)

    def forked(self) -> None:
        """This is a forked child: who was looking, or held the lock, stayed with the parent."""
        self._lock, self._thread, self._in_the_way = Lock(), None, 0

    def look(self) -> Found:
        """Go through all."""
        store = self._context.store
        found = Found(store.database.now())
        if self._found is None:
            self._found = found  # better than nothing
        known: dict[int, str | None] = {}
        manifest, after = runnable(self._context), None
        while not self._is_stopped:
            with store.database.read():
                rows = store.schedules.page_by_id(after, limit=_ROWS)
                overrides = store.records.overrides([row.id for row in rows]) if rows else {}
            for row in rows:
                kind = self._kind(row, overrides.get(row.id, {}), manifest, known)
                if kind is not None:
                    found.note(kind, row.id)
            found.looked_at += len(rows)
            if len(rows) < _ROWS:
                found.is_whole = True
                self._known, self._found = known, found
                break
            after = rows[-1].id
            self._pause()
        return found

    def _pause(self) -> None:
        time.sleep(_PAUSE_SECONDS)
        while self._in_the_way and not self._is_stopped:
            time.sleep(_PAUSE_SECONDS)

    def _go(self) -> None:
        began = time.monotonic()
        try:
            self.look()
        except GnomonError as error:
            logger.warning("looking through the jobs ended early: %s", error)
        took = time.monotonic() - began
        self._rests_until = time.monotonic() + max(_REST, _REST_SHARE * took)

    def _kind(
        self,
        row: DeclaredRow,
        overrides: Mapping[str, Override],
        manifest: Runnable | None,
        known: dict[int, str | None],
    ) -> str | None:
        func = self._function(row, known)
        if func is None:
            return "quarantined"
        if row.next_run_time is not None and manifest is not None and not manifest.runs(row.id, func):
            return "orphaned"
        if overrides:
            declared = row.declared
            moved = any(is_moved(each, declared_value(declared, name)) for name, each in overrides.items())
            return "moved" if moved else None
        return "outside" if row.base is None else None

    def _function(self, row: DeclaredRow, known: dict[int, str | None]) -> str | None:
        if not isinstance(row.job_state, bytes):
            return None
        key = hash((row.id, self._body(row.job_state)))
        if key in self._known:
            known[key] = self._known[key]
        else:
            try:
                known[key] = self._context.decode(row.row).schedule.func
            except RowRefused:
                known[key] = None
        return known[key]


def read_some(context: Context, job_ids: Sequence[str]) -> list[JobDict]:
    """Some jobs as they stand, in the order of their ids; those that are gone are left out."""
    store = context.store
    with store.database.read():
        stored = store.schedules.some(list(job_ids))
        declared = store.records.declarations(sorted(stored))
        return read_rows(context, [DeclaredRow.of(stored[job_id], declared.get(job_id)) for job_id in sorted(stored)])
