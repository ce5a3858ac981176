"""``apscheduler_jobs`` is as APScheduler makes it, whoever makes it."""

from __future__ import annotations

from typing import Any

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import create_engine, inspect

from gnomon import Scheduler
from gnomon.engine import JobStore
from gnomon.store import Store


def shape(url: str, table: str = "apscheduler_jobs") -> dict[str, Any]:
    """Columns, key, indices and constraints, as the database tells them."""
    engine = create_engine(url)
    inspector = inspect(engine)
    found = {
        "columns": [{**column, "type": repr(column["type"])} for column in inspector.get_columns(table)],
        "key": inspector.get_pk_constraint(table)["constrained_columns"],
        "indices": [
            {**index, "name": str(index["name"]).replace(table, "TABLE")} for index in inspector.get_indexes(table)
        ],
        "unique": inspector.get_unique_constraints(table),
        "checks": inspector.get_check_constraints(table),
        "foreign": inspector.get_foreign_keys(table),
    }
    engine.dispose()
    return found


def by_apscheduler(url: str) -> dict[str, Any]:
    store = SQLAlchemyJobStore(url=url, tablename="theirs")
    store.start(BackgroundScheduler(), "default")
    store.shutdown()
    return shape(url, "theirs")


def test_our_migration_makes_it_as_apscheduler_does(migrated_url: str) -> None:
    assert shape(migrated_url) == by_apscheduler(migrated_url)


def test_our_job_store_alone_makes_it_as_apscheduler_does(store_url: str) -> None:
    store = JobStore(url=store_url)
    store.start(BackgroundScheduler(), "default")
    store.start(BackgroundScheduler(), "default")
    store.shutdown()
    assert shape(store_url) == by_apscheduler(store_url)


def test_a_table_that_is_there_already_is_left_as_it_is(store_url: str) -> None:
    theirs = SQLAlchemyJobStore(url=store_url)
    theirs.start(BackgroundScheduler(), "default")
    theirs.shutdown()
    before = shape(store_url)
    store = Store(store_url)
    store.upgrade()
    store.close()
    assert shape(store_url) == before


@pytest.mark.parametrize("given", ["url", "url without a driver", "engine"])
def test_a_scheduler_works_on_an_engine_that_the_application_has(migrated_url: str, given: str) -> None:
    engine = create_engine(migrated_url)
    url = migrated_url.replace("+psycopg", "") if given == "url without a driver" else migrated_url
    scheduler = Scheduler(engine if given == "engine" else url, timezone="UTC")
    scheduler.register(print, "cron", id="job", hour=1)
    scheduler.start_all_jobs()
    scheduler.close()
    assert scheduler.get_job("job")["state"] == "active"
    scheduler.close()
    with engine.connect() as connection:  # it is the application's, and still open
        assert connection.exec_driver_sql("SELECT id FROM apscheduler_jobs").scalars().all() == ["job"]
    engine.dispose()
