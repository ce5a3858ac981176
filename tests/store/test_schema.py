"""The tables that migrations make are those that the code is written for."""

from __future__ import annotations

import threading
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text

import gnomon.store
from gnomon.domain.calendar import Definition
from gnomon.store import Store, schema
from gnomon.store.tables import metadata


def shape(url: str) -> dict[str, Any]:
    """Every table of Gnomon as the database tells it, with the conditions of partial indices."""
    engine = create_engine(url)
    inspector = inspect(engine)
    found: dict[str, Any] = {}
    for table in sorted(metadata.tables):
        found[table] = {
            "columns": [
                {"name": column["name"], "type": repr(column["type"]), "nullable": column["nullable"]}
                for column in inspector.get_columns(table)
            ],
            "key": inspector.get_pk_constraint(table)["constrained_columns"],
            "indices": sorted(
                (
                    str(index["name"]),
                    tuple(index["column_names"]),
                    index["unique"],
                    tuple(sorted((name, str(value)) for name, value in index.get("dialect_options", {}).items())),
                )
                for index in inspector.get_indexes(table)
            ),
            "unique": [constraint["column_names"] for constraint in inspector.get_unique_constraints(table)],
        }
    engine.dispose()
    return found


def test_head_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(Path(gnomon.store.__file__).parent / "migrations"))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def test_migrations_make_the_tables_of_the_code(migrated_url: str, second_url: str) -> None:
    engine = create_engine(second_url)
    metadata.create_all(engine)
    engine.dispose()
    assert shape(migrated_url) == shape(second_url)


def test_alembic_finds_nothing_to_change(store: Store) -> None:
    with store.database.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"version_table": schema.VERSION_TABLE})
        assert compare_metadata(context, metadata) == []


def test_upgrading_again_changes_nothing(store: Store) -> None:
    before = shape(store.url.render_as_string(hide_password=False))
    assert store.upgrade() == schema.HEAD
    assert shape(store.url.render_as_string(hide_password=False)) == before


def test_what_stands_in_the_first_version_is_read_after_moving_on(
    store_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    upgrade = command.upgrade
    monkeypatch.setattr(command, "upgrade", lambda config, _head: upgrade(config, "0001"))
    store = Store(store_url)
    store.upgrade()
    monkeypatch.undo()
    assert schema.version(store.database) == "0001"
    with store.database.transaction("test") as session:
        session.execute(
            "INSERT INTO gnomon_calendars (name, definition, declared, dates, actor, origin, changed_at) VALUES "
            "('closed', :made_from, :made_from, :dates, 'mia', 'cli', 0)",
            {"made_from": '{"dates":{"2050-03-08":"moving"}}', "dates": '{"2050-03-08":"moving"}'},
        )
    store.upgrade()
    (calendar,) = store.calendars.all()
    assert calendar.declared == calendar.definition == Definition(dates={date(2050, 3, 8): "moving"})
    assert calendar.declaration is not None
    assert calendar.declaration.superseded == ()
    store.close()


def test_many_may_upgrade_at_once(store_url: str) -> None:
    """Two deploys, or the workers of one."""
    stores = [Store(store_url) for _ in range(4)]
    failed: list[Exception] = []

    def upgrade(store: Store) -> None:
        try:
            store.upgrade()
        except Exception as error:
            failed.append(error)

    threads = [threading.Thread(target=upgrade, args=(store,)) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failed == []
    assert schema.version(stores[0].database) == schema.HEAD
    for store in stores:
        store.close()


def test_our_tables_disturb_nobody_elses(store_url: str) -> None:
    engine = create_engine(store_url)
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE alembic_version (version_num VARCHAR(32))"))
        connection.execute(text("INSERT INTO alembic_version VALUES ('of the application')"))
    store = Store(store_url)
    store.upgrade()
    store.close()
    with engine.connect() as connection:
        assert connection.execute(text("SELECT version_num FROM alembic_version")).scalar() == "of the application"
    engine.dispose()
