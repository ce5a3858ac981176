"""Looking at a database without changing it: whose tables are there, and how it is."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from sqlalchemy import inspect

from gnomon.store.database import Database
from gnomon.store.schema import HEAD, VERSION_TABLE, version
from gnomon.store.tables import jobs

__all__ = ["SqliteState", "clock_difference", "holds_jobs", "sqlite_state", "version", "will_migrate"]


@dataclass(frozen=True, slots=True)
class SqliteState:
    """How an SQLite file is. ``synchronous`` is that of our own connections: 2 survives a loss of power. ``damage`` is
    empty if there is none."""

    journal_mode: str
    synchronous: int
    damage: str
    library: str


def holds_jobs(database: Database) -> bool:
    """Whether Gnomon's tables are there, or APScheduler's, which Gnomon adopts.

    A server that has neither says so when it is opened; an SQLite file would be filled with tables.
    """
    if database.dialect.name != "sqlite":
        return True
    with database.read() as session:
        names = set(inspect(session.connection()).get_table_names())
    return bool(names & {VERSION_TABLE, jobs.name})


def will_migrate(database: Database) -> bool:
    """Whether opening the store moves its tables on: SQLite's, where they are older than this Gnomon or missing."""
    found = version(database) if database.dialect.name == "sqlite" else HEAD
    return found is None or found < HEAD


def sqlite_state(database: Database) -> SqliteState:
    """Journal, durability, and a quick check of the file's structure."""
    with database.read() as session:

        def ask(statement: str) -> str:
            return str(session.execute(statement).scalar())

        damage = ask("PRAGMA quick_check(1)")
        return SqliteState(
            journal_mode=ask("PRAGMA journal_mode"),
            synchronous=int(ask("PRAGMA synchronous")),
            damage="" if damage == "ok" else damage,
            library=ask("SELECT sqlite_version()"),
        )


def clock_difference(database: Database) -> timedelta:
    """How far the database's clock is ahead of this machine's; nothing where it has none of its own."""
    before = datetime.now(UTC)
    there = database.now()
    after = datetime.now(UTC)
    return there - (before + (after - before) / 2)
