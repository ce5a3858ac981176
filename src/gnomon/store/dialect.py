"""What differs between the databases: how writing begins, how lists and tables of values are sent, hints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import PoolProxiedConnection

from gnomon.store.feed import Feed
from gnomon.store.session import Session


class Dialect(Protocol):
    """One implementation a database, beside this file; the conformance suite holds for all."""

    name: str
    #: Whether the database's own clock counts.
    has_clock: bool
    #: Appended to a SELECT of rows that will be written: other writers pass over them, or wait.
    skip_locked: str
    lock: str
    #: The same of many, each locked in the order of their ids as Python sorts them.
    lock_in_order: str
    #: The row is not removed meanwhile; others may write it.
    hold: str

    def writing(self) -> AbstractContextManager[None]:
        """Held while this process writes."""

    #: What a forked child does with the idle connections of its parent. Closing one may tell the server about it.
    closes_inherited_connections: bool

    def begin_writing(self, connection: PoolProxiedConnection) -> None:
        """Begin a transaction that writes."""

    def begin_reading(self, connection: PoolProxiedConnection) -> None:
        """Begin a transaction whose statements all read the same state."""

    def end_reading(self, connection: PoolProxiedConnection) -> None:
        """It has ended; the connection goes back to where others may take it from."""

    def working(self) -> AbstractContextManager[None]:
        """Held while a connection is in use."""

    def before_fork(self) -> None:
        """This process is about to fork: wait until it may."""

    def after_fork(self) -> None:
        """It has forked."""

    def forked(self) -> None:
        """This is a forked child: locks of the parent mean nothing here."""

    def now(self, session: Session) -> datetime:
        """The database's time, in UTC."""

    def among(self, column: str, parameter: str, kind: str) -> str:
        """SQL for "column is one of the values in parameter"; send ``array(values)``."""

    def array(self, values: Sequence[Any]) -> Any:
        """A list of values as one parameter."""

    def rows(self, parameter: str, columns: Mapping[str, str]) -> str:
        """SQL for a table of values, to select from; ``columns`` maps names to ``bigint``, ``float`` or ``text``.
        Send ``table(rows)``."""

    def table(self, rows: Sequence[Sequence[Any]]) -> str:
        """Rows of plain values as one parameter."""

    def insert_runs(self, session: Session, rows: Sequence[Sequence[Any]]) -> int:
        """Insert ledger lines, passing over those whose (job, scheduled time) exists. Returns how many went in."""

    def advance_jobs(self, session: Session, rows: Sequence[tuple[float | None, bytes, str, bytes]]) -> int:
        """Write (next run time, new state) where (id, old state) still stands. Returns how many rows matched."""

    def allocate_run_ids(self, session: Session, count: int) -> Sequence[int]:
        """Fresh ids for the ledger, growing."""

    def one_at_a_time(self, session: Session) -> None:
        """Wait until no other transaction is past this call, and keep others from passing it until this one ends."""

    def announce(self, session: Session) -> None:
        """Leave a hint, delivered at commit, that schedules or waiting runs have changed."""

    def feed(self) -> Feed:
        """Make a feed of the hints that other processes leave."""
