"""The version of the tables: checked when a store is opened, moved on by Alembic."""

from __future__ import annotations

import logging
from pathlib import Path

from sqlalchemy import inspect

from gnomon.errors import StoreNotMigrated, StoreTooNew
from gnomon.store.database import Database

#: The newest revision in ``migrations/versions``; a test holds the two together.
HEAD = "0002"
VERSION_TABLE = "gnomon_schema"
#: Held while PostgreSQL's tables are moved on, so that two deploys don't do it at once. Any number; ours for good.
_ADVISORY_LOCK = 7_410_300_622


def ensure(database: Database, *, shown_url: str) -> None:
    """Make the tables fit this version of Gnomon, or say what to do.

    SQLite is moved on at once. PostgreSQL is moved on by ``gnomon db upgrade`` only: many nodes share it, and when
    their tables change is the operator's decision. Raises ``StoreNotMigrated`` or ``StoreTooNew``.
    """
    found = version(database)
    if found == HEAD:
        return
    _refuse_newer(found, shown_url)
    if database.dialect.name != "sqlite":
        state = "has no Gnomon tables yet" if found is None else f"has Gnomon's tables of version {found}"
        raise StoreNotMigrated(
            f"the store {shown_url} {state}, and this Gnomon needs version {HEAD}; "
            f"run `gnomon db upgrade --store {shown_url}` once (with the password in place of ***)"
        )
    upgrade(database, shown_url=shown_url)


def version(database: Database) -> str | None:
    """The revision that the tables stand at; ``None`` before the first."""
    with database.read() as session:
        if not inspect(session.connection()).has_table(VERSION_TABLE):
            return None
        found: str | None = session.execute(f"SELECT version_num FROM {VERSION_TABLE}").scalar()
        return found


def upgrade(database: Database, *, shown_url: str) -> str:
    """Move the tables on to this version. Does nothing where they are. Returns the version."""
    # Alembic takes a tenth of a second to import, and most starts don't need it.
    from alembic import command
    from alembic.config import Config

    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations").replace("%", "%%"))
    with database.transaction("migrate") as session:
        if database.dialect.name == "postgresql":
            session.execute("SELECT pg_advisory_xact_lock(:key)", {"key": _ADVISORY_LOCK})
        _refuse_newer(version(database), shown_url)
        config.attributes["connection"] = session.connection()
        command.upgrade(config, "head")
    return HEAD


def _refuse_newer(found: str | None, shown_url: str) -> None:
    if found is not None and found > HEAD:
        raise StoreTooNew(
            f"the store {shown_url} is of version {found}, made by a newer Gnomon than this (which knows {HEAD}); "
            "install the newer version here: `pip install --upgrade gnomon`"
        )
