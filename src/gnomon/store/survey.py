"""Surveying a database that may never have seen Gnomon: what stands in it, without changing anything."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import inspect

from gnomon.domain.adoption import JOBS_TABLE, Survey
from gnomon.store.database import Database
from gnomon.store.open_files import processes_with
from gnomon.store.reading import reading_only
from gnomon.store.records import Records
from gnomon.store.schedules import Schedules
from gnomon.store.schema import VERSION_TABLE, version
from gnomon.store.session import Session
from gnomon.store.store import Store
from gnomon.store.tables import changes, declarations, jobs, metadata

_COLUMNS = {column.name for column in jobs.columns}
_OWN = {VERSION_TABLE, *metadata.tables} - {jobs.name}
_SYSTEM_SCHEMAS = ("information_schema", "pg_")


def survey(store: Store, table: str = JOBS_TABLE) -> Survey:
    """What stands in a database, with the rows of a table of APScheduler's (``name`` or ``schema.name``).

    Raises ``StoreUnavailable`` where it cannot be read.
    """
    with reading_only(store) as database, database.read() as session:
        job_tables, own_tables = _tables(session)
        schedules, records = Schedules(database), Records(database)
        knows = {changes.name, declarations.name} <= set(own_tables)
        rows = schedules.rows_of(table) if table in job_tables else []
        adopted = {job_id for job_id, found in records.adopted().items() if found == table} if knows else set()
        standing = schedules.ids() if table != JOBS_TABLE and JOBS_TABLE in job_tables else set()
        return Survey(
            store=store.shown_url,
            table=table,
            rows=tuple(rows),
            job_tables=tuple(job_tables),
            own_tables=tuple(own_tables),
            version=version(database),
            journal_mode=_journal_mode(database, session),
            users=tuple(_users(store, database, session)),
            declared=frozenset(records.bases() if knows else ()),
            adopted=frozenset(adopted),
            conflicting=frozenset({row.id for row in rows} & standing - adopted),
        )


def _tables(session: Session) -> tuple[list[str], list[str]]:
    """Tables of APScheduler's shape, those of other schemas with the schema's name; and Gnomon's."""
    found = inspect(session.connection())
    shaped, own = [], []
    for schema in found.get_schema_names():
        if schema.startswith(_SYSTEM_SCHEMAS) or (session.connection().dialect.name == "sqlite" and schema != "main"):
            continue
        is_default = schema in ("main", found.default_schema_name)
        for (_, name), columns in found.get_multi_columns(schema=None if is_default else schema).items():
            if {column["name"] for column in columns} == _COLUMNS:
                shaped.append(name if is_default else f"{schema}.{name}")
            elif is_default and name in _OWN:
                own.append(name)
    return sorted(shaped), sorted(own)


def _journal_mode(database: Database, session: Session) -> str:
    return str(session.execute("PRAGMA journal_mode").scalar()) if database.dialect.name == "sqlite" else ""


def _users(store: Store, database: Database, session: Session) -> list[str]:
    if database.dialect.name == "sqlite":
        return processes_with(Path(str(store.url.database)))
    others = session.execute(
        "SELECT coalesce(nullif(application_name, ''), 'a program without a name'), "
        "coalesce(host(client_addr), 'this machine'), pid FROM pg_stat_activity "
        "WHERE datname = current_database() AND backend_type = 'client backend' AND pid <> pg_backend_pid() "
        "ORDER BY pid"
    )
    return [f"{name} from {address} (session {pid})" for name, address, pid in others]
