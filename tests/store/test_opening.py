"""A store that cannot be used says which it is, why, and what to do."""

from __future__ import annotations

import gc
import sqlite3
import threading
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import create_engine, event, make_url, text

from gnomon import Scheduler, Settings
from gnomon.domain.change import Author
from gnomon.errors import InvalidInput, StoreError, StoreNotMigrated, StoreTooNew, StoreUnavailable
from gnomon.store import Store
from tests.jobs import nothing
from tests.servers.postgresql import PostgresqlServer

USES: list[Callable[[Scheduler], object]] = [
    lambda scheduler: scheduler.open(),
    lambda scheduler: scheduler.start(),
    lambda scheduler: scheduler.get_all_jobs(),
    lambda scheduler: scheduler.run_job("job"),
    lambda scheduler: scheduler.runs(),
]


@pytest.mark.parametrize("use", USES)
def test_postgresql_without_our_tables_names_the_command_that_makes_them(
    postgresql_url: str, use: Callable[[Scheduler], object]
) -> None:
    scheduler = Scheduler(postgresql_url)
    with pytest.raises(StoreNotMigrated, match=r"has no Gnomon tables yet.*`gnomon db upgrade --store postgresql://"):
        use(scheduler)
    assert scheduler.update_job_schedule("job", "cron", hour=1) is False
    scheduler.close()


def test_tables_of_an_older_gnomon_are_not_used_and_the_command_that_moves_them_on_is_named(
    postgresql_url: str,
) -> None:
    scheduler = Scheduler(postgresql_url)
    scheduler.engine.job_store.store.upgrade()
    with scheduler.engine.job_store.store.database.engine.begin() as connection:
        connection.execute(text("UPDATE gnomon_schema SET version_num = '0000'"))
    with pytest.raises(
        StoreNotMigrated, match=r"has Gnomon's tables of version 0000, and .* needs version \d{4}; run `"
    ):
        scheduler.get_all_jobs()
    scheduler.close()


def test_the_password_is_in_no_message(postgresql_url: str) -> None:
    password = make_url(postgresql_url).password
    assert password
    store = Store(postgresql_url)
    with pytest.raises(StoreNotMigrated) as raised:
        store.open()
    assert password not in str(raised.value)
    assert password not in store.shown_url
    store.close()


def test_sqlite_gets_its_tables_when_it_is_opened(sqlite_url: str) -> None:
    scheduler = Scheduler(sqlite_url)
    assert scheduler.get_all_jobs() == []
    scheduler.close()


@pytest.mark.parametrize("use", USES)
def test_a_store_of_a_newer_gnomon_is_refused_and_left_alone(
    migrated_url: str, use: Callable[[Scheduler], object]
) -> None:
    scheduler = Scheduler(migrated_url)
    with scheduler.engine.job_store.store.database.engine.begin() as connection:
        connection.execute(text("UPDATE gnomon_schema SET version_num = '9999'"))
    with pytest.raises(StoreTooNew, match=r"version 9999.*newer.*pip install --upgrade gnomon"):
        use(scheduler)
    with pytest.raises(StoreTooNew):
        scheduler.engine.job_store.store.upgrade()
    scheduler.close()


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda path: path / "nowhere" / "jobs.db", "directory"),
        (lambda path: path, "directory"),
        (lambda path: written(path / "text.db", "This is no database. " * 100), "something else"),
    ],
    ids=["no such directory", "a directory", "another file"],
)
def test_a_path_that_cannot_be_a_database_says_what_to_do(
    tmp_path: Path, make: Callable[[Path], Path], said: str
) -> None:
    url = f"sqlite:///{make(tmp_path)}"
    scheduler = Scheduler(url)
    with pytest.raises(StoreUnavailable, match=said) as raised:
        scheduler.open()
    assert url in str(raised.value)
    assert scheduler.update_job_schedule("job", "cron", hour=1) is False
    scheduler.close()


def written(path: Path, content: str) -> Path:
    path.write_text(content)
    return path


@pytest.mark.parametrize(
    "url",
    [
        "sqlite://",
        "sqlite:///",
        "sqlite:///:memory:",
        "sqlite:///file::memory:?cache=shared&uri=true",
        "sqlite:///file:jobs?mode=memory&cache=shared&uri=true",
    ],
)
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(InvalidInput, match="lost with it"):
        Scheduler(url)


def test_an_engine_on_a_database_in_memory_is_refused() -> None:
    with pytest.raises(InvalidInput, match="lost with it"):
        Scheduler(create_engine("sqlite://"))


@pytest.mark.parametrize("url", ["", "jobs.db", "mysql://u:secret@host/db", "nonsense://x", "http://["])
def test_what_is_no_url_of_ours_is_refused_with_what_is(url: str) -> None:
    with pytest.raises(InvalidInput, match=r"give sqlite:///path/to/file\.db or postgresql://") as raised:
        Scheduler(url)
    assert "secret" not in str(raised.value)


@pytest.mark.parametrize(
    ("part", "said"),
    [
        ({"port": 9}, "check that the server runs"),
        ({"password": "wrong"}, "check user and password"),
        ({"database": "nope"}, "create the database"),
    ],
    ids=str,
)
def test_a_server_that_cannot_be_reached_says_what_to_check(
    postgresql_server: PostgresqlServer, postgresql_url: str, part: dict[str, object], said: str
) -> None:
    url = make_url(postgresql_url).set(**part)
    store = Store(url.render_as_string(hide_password=False))
    with pytest.raises(StoreUnavailable, match=said):
        store.open()
    store.close()


class TestTrouble:
    """A store that was fine when it was opened."""

    def test_a_locked_database_can_be_read_and_a_change_is_not_said_to_be_done(self, sqlite_url: str) -> None:
        scheduler = Scheduler(sqlite_url, settings=Settings(lock_timeout=0.2))
        scheduler.register(nothing, "cron", id="job", hour=1)
        scheduler.start_all_jobs()
        before = {**scheduler.get_job("job"), "as_of": ""}
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
        other.execute("BEGIN IMMEDIATE")

        assert scheduler.update_job_schedule("job", "cron", hour=2) is False
        with pytest.raises(StoreUnavailable, match=r"locked.*GNOMON_LOCK_TIMEOUT"):
            scheduler.pause_job("job")
        assert {**scheduler.get_job("job"), "as_of": ""} == before

        other.execute("ROLLBACK")
        other.close()
        assert scheduler.update_job_schedule("job", "cron", hour=2) is True
        scheduler.close()

    def test_a_locked_row_is_waited_for_so_long_and_no_longer(self, postgresql_url: str) -> None:
        scheduler = Scheduler(postgresql_url, settings=Settings(lock_timeout=0.2))
        scheduler.engine.job_store.store.upgrade()
        scheduler.register(nothing, "cron", id="job", hour=1)
        scheduler.start_all_jobs()
        engine = create_engine(postgresql_url)
        with engine.connect() as connection:
            connection.execute(text("SELECT id FROM apscheduler_jobs FOR UPDATE"))
            with pytest.raises(StoreError, match="lock"):
                scheduler.pause_job("job")
            assert scheduler.get_job("job")["state"] == "active"
        engine.dispose()
        assert scheduler.pause_job("job")
        scheduler.close()

    def test_a_change_does_not_fail_with_that_of_a_row_which_is_locked(self, postgresql_url: str) -> None:
        scheduler = Scheduler(postgresql_url, settings=Settings(lock_timeout=0.5))
        scheduler.engine.job_store.store.upgrade()
        for name in ("free", "locked"):
            scheduler.register(nothing, "cron", id=name, hour=1)
        scheduler.start_all_jobs()
        engine, done = create_engine(postgresql_url), {}
        with engine.connect() as connection:
            connection.execute(text("SELECT id FROM apscheduler_jobs WHERE id = 'locked' FOR UPDATE"))
            together = threading.Barrier(6)

            def change(name: str, hour: int) -> None:
                together.wait()
                done[name, hour] = scheduler.update_job_schedule(name, "cron", hour=hour)

            asked = [("free", 2), ("locked", 2), ("free", 3), ("locked", 3), ("free", 4), ("locked", 4)]
            threads = [threading.Thread(target=change, args=one) for one in asked]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        engine.dispose()
        scheduler.close()
        assert done == {one: one[0] == "free" for one in asked}

    def test_a_full_disk_fails_the_change_and_nothing_else(self, sqlite_url: str) -> None:
        scheduler = Scheduler(sqlite_url)
        scheduler.register(nothing, "cron", id="job", hour=1)
        scheduler.start_all_jobs()
        engine = scheduler.store.database.engine
        scheduler.close()

        @event.listens_for(engine, "connect")
        def limit(connection: sqlite3.Connection, _record: object) -> None:
            pages = connection.execute("PRAGMA page_count").fetchone()[0]
            connection.execute(f"PRAGMA max_page_count = {pages}")

        done: list[dict[str, object]] = []

        def fill() -> None:
            author = Author(reason="x" * 900)  # of each change a line is kept, so the pages run out
            for hour in range(200):
                done.append(
                    scheduler.change_job("job", trigger="cron", trigger_args={"hour": hour % 24}, author=author)
                )

        with pytest.raises(StoreUnavailable, match=r"full.*free some space; nothing was changed"):
            fill()
        assert scheduler.get_job("job")["trigger_args"] == done[-1]["trigger_args"]
        assert scheduler.changes(limit=1)[0].after["trigger_args"] == done[-1]["trigger_args"]
        scheduler.close()


def test_a_new_file_that_somebody_else_is_just_writing_is_waited_for(tmp_path: Path) -> None:
    """To change its journal, SQLite itself waits for nobody."""
    file = tmp_path / "jobs.db"
    with closing(sqlite3.connect(file, isolation_level=None, check_same_thread=False)) as other:
        other.execute("CREATE TABLE other (x)")
        other.execute("BEGIN IMMEDIATE")
        soon = threading.Timer(0.3, lambda: other.execute("COMMIT"))
        soon.start()
        store = Store(f"sqlite:///{file}")
        store.open()
        store.close()
        soon.join()


def test_a_file_that_stays_locked_is_given_up_in_time(tmp_path: Path) -> None:
    file = tmp_path / "jobs.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as other:
        other.execute("CREATE TABLE other (x)")
        other.execute("BEGIN IMMEDIATE")
        store = Store(f"sqlite:///{file}", lock_timeout=0.2)
        with pytest.raises(StoreUnavailable, match="database is locked; another program holds the write lock"):
            store.open()
        store.close()


def test_a_store_that_is_forgotten_leaves_no_connection_open(store_url: str) -> None:
    store = Store(store_url)
    store.upgrade()
    store.nodes.alive()
    opened: list[Any] = []
    event.listen(store.database.engine, "close", lambda connection, _record: opened.remove(connection))
    with store.database.read() as session:
        opened.append(session.connection().connection.driver_connection)
    assert len(opened) == 1
    del store, session
    gc.collect()
    assert opened == []
