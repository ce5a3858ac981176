"""The database is locked, full, read-only, restarted, or cuts its connections: the loop goes on, says so, and nothing
that was due meanwhile is left without a line."""

from __future__ import annotations

import resource
import sqlite3
import tempfile
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import event
from starlette.testclient import TestClient

from gnomon import Scheduler
from gnomon.domain.change import Author
from gnomon.errors import StoreUnavailable
from gnomon.store import Store
from tests.faults.ledger_checks import check_ledger
from tests.faults.nodes import FAST, SECOND, declared, fired_since, migrate, running, wait_until_settled
from tests.processes import output_of, python, wait_until
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.slow


def file_of(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


def is_away(scheduler: Scheduler) -> bool:
    health = scheduler.health()
    return health["status"] == "failing" and health["store"] == "unavailable"


def wait_until_well(scheduler: Scheduler) -> None:
    wait_until(lambda: scheduler.health()["status"] == "ok", what="good health")


def check_away(scheduler: Scheduler) -> None:
    """While the store cannot be written: health says so and since when, and no change is acknowledged."""
    wait_until(lambda: is_away(scheduler), what="the news that the store is away")
    health = scheduler.health()
    assert health["store_error"]
    assert health["store_error_seconds"] >= 0
    assert scheduler.update_job_schedule("job 0", "interval", minutes=7) is False
    with pytest.raises(StoreUnavailable):
        scheduler.change_job("job 0", enabled=False)
    with pytest.raises(StoreUnavailable):
        scheduler.run_job("job 0")
    wait_until(lambda: scheduler.health()["store_error_seconds"] > health["store_error_seconds"])
    assert scheduler.engine.running


def check_after(scheduler: Scheduler, folder: Path) -> None:
    """Once it is back: all that was due is settled, each due time has its line, and no refused change was made."""
    wait_until_settled(scheduler)
    wait_until_well(scheduler)
    scheduler.shutdown()
    check_ledger(scheduler, folder, every=SECOND)
    assert scheduler.changes() == []
    assert {job["trigger_args"]["seconds"] for job in scheduler.get_all_jobs()} == {1}


# -- SQLite


def test_sqlite_locked_by_another_process(sqlite_url: str, tmp_path: Path) -> None:
    with running(declared(sqlite_url, tmp_path)) as scheduler:
        wait_until(lambda: fired_since(scheduler, scheduler.store.database.now() - SECOND))
        holder = python(
            """
            import sqlite3, sys
            connection = sqlite3.connect(sys.argv[1], isolation_level=None)
            connection.execute("PRAGMA busy_timeout = 20000")
            connection.execute("BEGIN IMMEDIATE")
            print("locked", flush=True)
            __import__("time").sleep(60)
            """,
            str(file_of(sqlite_url)),
        )
        try:
            assert holder.stdout is not None
            assert holder.stdout.readline() == "locked\n"
            check_away(scheduler)
            # Readers do not wait for who writes.
            assert {job["state"] for job in scheduler.get_all_jobs()} == {"active"}
        finally:
            holder.kill()
            holder.communicate(timeout=30)
        check_after(scheduler, tmp_path)


@contextmanager
def full(scheduler: Scheduler) -> Iterator[Callable[[bool], None]]:
    """A switch for a disk that has no page left (``max_page_count`` belongs to a connection, so at each check-out)."""
    is_full = False

    def limit(connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA max_page_count = {1 if is_full else 1_073_741_823}")  # not below what there is

    def switch(on: bool) -> None:
        nonlocal is_full
        is_full = on

    engine = scheduler.store.database.engine
    event.listen(engine, "checkout", limit)
    yield switch
    event.remove(engine, "checkout", limit)


def change_until_refused(scheduler: Scheduler) -> int:
    """Return how many changes were made before the disk was full for one."""
    for grace in range(1, 1_000):
        try:
            scheduler.change_job("job 0", misfire_grace_time=5_000 + grace, author=Author(reason="x" * 900))
        except StoreUnavailable as error:
            assert "disk is full" in str(error)  # noqa: PT017 - which change it is does not matter, but why
            return grace - 1
    raise AssertionError("the disk is not full")


def test_no_room_left_on_the_disk(sqlite_url: str, tmp_path: Path) -> None:
    scheduler = declared(sqlite_url, tmp_path, jobs=20)
    scheduler.start_all_jobs()
    with full(scheduler) as switch, running(scheduler):
        # What is free inside of its pages, SQLite still fills: leave it little.
        with closing(sqlite3.connect(file_of(sqlite_url))) as connection:
            connection.execute("VACUUM")
        switch(True)
        wait_until(lambda: is_away(scheduler), what="a full disk")
        assert "disk is full" in scheduler.health()["store_error"]
        # Changes that still find room are made, those that don't are not, and the answer says which.
        acknowledged = change_until_refused(scheduler)
        assert len(scheduler.changes(limit=1_000)) == acknowledged
        if acknowledged:
            assert scheduler.get_job("job 0")["misfire_grace_time"] == 5_000 + acknowledged
        assert scheduler.engine.running
        switch(False)
        wait_until_settled(scheduler)
        wait_until_well(scheduler)
        scheduler.shutdown()
        check_ledger(scheduler, tmp_path, every=SECOND)


_WITHOUT_ROOM = """
    import resource, sys, time
    from pathlib import Path
    from tests.faults.nodes import declared
    from tests.faults.test_database_away import check_after, check_away
    url, folder = sys.argv[1], Path(sys.argv[2])
    with declared(url, folder) as scheduler:
        # Files cannot grow any more: what is appended to the log of the database fails in the middle.
        _, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
        try:
            check_away(scheduler)
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))
        check_after(scheduler, folder)
"""


def test_writing_to_the_file_fails(sqlite_url: str, tmp_path: Path) -> None:
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[1] == resource.RLIM_INFINITY
    output_of(_WITHOUT_ROOM, sqlite_url, str(tmp_path))


_READING_ONLY = """
    import os, sys
    from gnomon import Scheduler
    from gnomon.errors import StoreUnavailable
    scheduler = Scheduler(sys.argv[1], timezone="UTC")
    scheduler.register(print, "interval", id="job", minutes=1)
    if os.geteuid() == 0:
        os.setuid(65534)  # root may write everywhere
    try:
        scheduler.start()
    except StoreUnavailable as error:
        print(error)
    print(scheduler.engine.running)
"""


def test_a_file_that_may_only_be_read_is_refused_with_the_reason() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "jobs.db"
        store = Store(f"sqlite:///{file}")
        store.open()
        store.close()
        file.chmod(0o444)
        Path(folder).chmod(0o555)
        try:
            said = output_of(_READING_ONLY, f"sqlite:///{file}").splitlines()
        finally:
            Path(folder).chmod(0o755)
    assert "this user may" in said[0]
    assert said[1:] == ["False"]


def test_a_database_that_becomes_read_only_while_a_node_runs(sqlite_url: str, tmp_path: Path) -> None:
    scheduler = declared(sqlite_url, tmp_path)
    is_read_only = False

    def restrict(connection: Any, *_: Any) -> None:
        connection.execute(f"PRAGMA query_only = {int(is_read_only)}")

    with running(scheduler):
        event.listen(scheduler.store.database.engine, "checkout", restrict)
        is_read_only = True
        check_away(scheduler)
        is_read_only = False
        check_after(scheduler, tmp_path)


def test_the_file_is_moved_away_and_put_back(sqlite_url: str, tmp_path: Path) -> None:
    """What is open still leads to it; what would be written there, nobody would find under its name."""
    file, elsewhere = file_of(sqlite_url), tmp_path / "moved.db"
    with running(declared(sqlite_url, tmp_path)) as scheduler:
        wait_until(lambda: fired_since(scheduler, scheduler.store.database.now() - SECOND))
        file.rename(elsewhere)
        check_away(scheduler)
        assert "is no longer there" in scheduler.health()["store_error"]
        with pytest.raises(StoreUnavailable, match="is no longer there; put it back, or restore a backup"):
            scheduler.get_all_jobs()
        assert not file.exists(), "an empty file was made in its place"
        elsewhere.rename(file)
        check_after(scheduler, tmp_path)


def test_over_http_a_store_that_is_away_is_503_everywhere_and_no_change_is_answered_as_done(
    sqlite_url: str, tmp_path: Path
) -> None:
    file, job = file_of(sqlite_url), "/api/scheduler/jobs/job 0"
    with running(declared(sqlite_url, tmp_path)) as scheduler:
        with TestClient(scheduler.asgi(), base_url="http://localhost", client=("127.0.0.1", 50_000)) as client:
            assert client.get("/health").status_code == 200
            file.rename(tmp_path / "moved.db")
            wait_until(lambda: client.get("/health").status_code == 503, what="the news that the store is away")
            health = client.get("/health").json()
            assert (health["status"], health["store"]) == ("failing", "unavailable")
            for answer in (
                client.get("/api/scheduler/jobs"),
                client.get(job),
                client.patch(job, json={"enabled": False}, headers={"If-Match": "*"}),
                client.post(f"{job}/run"),
            ):
                assert (answer.status_code, answer.json()["type"]) == (503, "/problems/store-unavailable")
                assert "put it back" in answer.json()["detail"]
            (tmp_path / "moved.db").rename(file)
            wait_until(lambda: client.get("/health").status_code == 200, what="good health")
        check_after(scheduler, tmp_path)


def test_a_file_in_place_of_the_one_that_was_open_is_what_counts(sqlite_url: str) -> None:
    """An operator restores a backup under a scheduler that reads and changes."""
    file = file_of(sqlite_url)
    backup, aside = file.with_name("backup.db"), file.with_name("aside.db")
    with closing(Scheduler(sqlite_url, timezone="UTC")) as scheduler:
        scheduler.register(print, "cron", id="job", hour=1)
        scheduler.start_all_jobs()
        with closing(sqlite3.connect(file)) as reading, closing(sqlite3.connect(backup)) as writing:
            reading.backup(writing)
        assert scheduler.update_job_schedule("job", "cron", hour=2)
        with closing(sqlite3.connect(file)) as connection:
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # nothing of the old one meets the new one
        file.rename(aside)
        backup.rename(file)
        assert scheduler.get_job("job")["trigger_args"]["hour"] == "1"
        assert scheduler.update_job_schedule("job", "cron", hour=3)
        with closing(Scheduler(sqlite_url)) as other:
            assert other.get_job("job")["trigger_args"]["hour"] == "3"


# -- PostgreSQL


def cut_all(url: str, *, but: int = 0) -> int:
    """Cut all connections to a database; return how many there were."""
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
            "WHERE datname = current_database() AND pid NOT IN (pg_backend_pid(), %s)",
            [but],
        ).fetchone()
        assert row is not None
        return int(row[0])


@pytest.mark.parametrize("fault", ["stop", "crash"])
def test_postgresql_is_stopped_or_crashes_and_comes_back(
    postgresql_server: PostgresqlServer, postgresql_url: str, tmp_path: Path, fault: str
) -> None:
    migrate(postgresql_url)
    with running(declared(postgresql_url, tmp_path)) as scheduler:
        wait_until(lambda: scheduler.runs(), what="a run")
        getattr(postgresql_server, fault)()
        try:
            check_away(scheduler)
        finally:
            postgresql_server.start()
        check_after(scheduler, tmp_path)


def test_nobody_is_given_a_connection_that_the_server_has_ended(postgresql_url: str, tmp_path: Path) -> None:
    migrate(postgresql_url)
    with closing(declared(postgresql_url, tmp_path)) as scheduler:
        scheduler.start_all_jobs()
        with scheduler.store.database.read(), ThreadPoolExecutor(1) as elsewhere:
            elsewhere.submit(scheduler.get_all_jobs).result()  # so that the pool has two
        assert cut_all(postgresql_url) == 2
        wait_until(lambda: not cut_all(postgresql_url), what="the end of all connections")
        for hours in (2, 3):
            assert scheduler.update_job_schedule("job 0", "interval", hours=hours)


def test_all_connections_are_cut_again_and_again(postgresql_url: str, tmp_path: Path) -> None:
    migrate(postgresql_url)
    with running(declared(postgresql_url, tmp_path, jobs=10)) as scheduler:
        wait_until(lambda: scheduler.runs(), what="a run")
        for _ in range(25):
            cut_all(postgresql_url)
        check_after(scheduler, tmp_path)


def test_the_feed_hears_again_after_its_connection_was_cut(postgresql_url: str, tmp_path: Path) -> None:
    migrate(postgresql_url)
    far = {"longest_sleep": 60, "heartbeat": 600, "lease": 3600}
    elsewhere = declared(postgresql_url, tmp_path, jobs=0)
    with running(declared(postgresql_url, tmp_path, jobs=1, settings=far)) as scheduler:
        assert scheduler.update_job_schedule("job 0", "interval", hours=1)
        wait_until(lambda: cut_all(postgresql_url), what="connections to cut")
        wait_until(lambda: is_listening(postgresql_url), what="a new connection of the feed")
        before = len(scheduler.runs())
        assert elsewhere.update_job_schedule("job 0", "interval", seconds=1)
        # A loop that did not hear of it would look again in a minute, at the earliest.
        wait_until(lambda: len(scheduler.runs()) > before, seconds=30, what="a run at the new time")
    elsewhere.close()


def is_listening(url: str) -> bool:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN%'"
        ).fetchone()
        return bool(row and row[0])


# -- both


def test_a_start_while_the_store_is_away_leaves_nothing_behind(migrated_url: str, tmp_path: Path) -> None:
    scheduler = declared(migrated_url, tmp_path)
    scheduler.start_all_jobs()
    threads = threading.active_count()
    points: list[str] = []

    def refuse(point: str) -> None:
        points.append(point)
        raise StoreUnavailable("the test said so")

    scheduler.store.database.boundary = refuse
    with pytest.raises(StoreUnavailable):
        scheduler.start()
    assert points
    assert not scheduler.engine.running
    assert threading.active_count() == threads
    scheduler.store.database.boundary = None
    with running(scheduler):
        wait_until(lambda: scheduler.runs(), what="a run")


def test_a_shutdown_while_the_store_is_away_ends(migrated_url: str, tmp_path: Path) -> None:
    scheduler = declared(migrated_url, tmp_path)
    scheduler.start()
    wait_until(lambda: scheduler.runs(), what="a run")

    def refuse(point: str) -> None:
        raise StoreUnavailable("the test said so")

    scheduler.store.database.boundary = refuse
    wait_until(lambda: is_away(scheduler), what="the news that the store is away")
    scheduler.shutdown()
    assert not scheduler.engine.running
    scheduler.store.database.boundary = None
    # What it could not say, the next node finds out.
    with running(declared(migrated_url, tmp_path)) as following:
        wait_until_settled(following)
        following.shutdown()
        check_ledger(following, tmp_path, every=SECOND)
    scheduler.close()


assert FAST["lock_timeout"] <= 1.0, "a test here would wait for as long for the news that a lock is held"
