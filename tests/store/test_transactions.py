"""Everything inside a transaction is committed together or not at all, and others are told only then."""

from __future__ import annotations

import sqlite3
import threading
from datetime import UTC, datetime

import pytest
from sqlalchemy import create_engine

from gnomon.errors import StoreUnavailable
from gnomon.store import Store
from tests.store.conftest import NOON, line


def test_what_fails_leaves_nothing_and_tells_nobody(store: Store) -> None:
    told: list[str] = []

    def fail() -> None:
        with store.database.transaction("outer"):
            store.schedules.insert("a", NOON, b".")
            with store.database.transaction("inner"):
                store.ledger.insert([line("a")], at=NOON)
            store.database.after_commit(lambda: told.append("done"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert store.schedules.ids() == set()
    assert store.ledger.newest() == []
    assert told == []
    assert not store.database.in_transaction


def test_others_are_told_after_the_outermost_commit(store: Store) -> None:
    seen: list[set[str]] = []
    other = Store(str(store.url.render_as_string(hide_password=False)))
    with store.database.transaction("outer"):
        with store.database.transaction("inner"):
            store.schedules.insert("a", NOON, b".")
            store.database.after_commit(lambda: seen.append(other.schedules.ids()))
        assert store.schedules.ids() == {"a"}
        assert other.schedules.ids() == set()
        assert seen == []
    assert seen == [{"a"}]
    store.database.after_commit(lambda: seen.append(set()))
    assert len(seen) == 2
    other.close()


def test_a_read_sees_one_state_though_others_write(store: Store) -> None:
    if store.database.dialect.name == "postgresql":
        return  # READ COMMITTED: each statement sees one state; reads that need more are one statement
    with store.database.read():
        assert store.schedules.ids() == set()
        writer = threading.Thread(target=store.schedules.insert, args=("a", NOON, b"."))
        writer.start()
        writer.join()
        assert store.schedules.ids() == set()
    assert store.schedules.ids() == {"a"}


def test_a_failure_of_the_database_is_ours_whatever_was_asked(store: Store) -> None:
    def fail(point: str) -> None:
        if point.endswith(":commit"):
            raise StoreUnavailable("gone")

    store.database.boundary = fail
    with pytest.raises(StoreUnavailable):
        store.schedules.insert("a", NOON, b".")
    store.database.boundary = None
    assert store.schedules.insert("a", NOON, b".")
    assert not store.schedules.insert("a", NOON, b".")


def test_a_row_is_replaced_only_where_it_is_as_it_was_read(store: Store) -> None:
    store.schedules.insert("a", NOON, b"one.")
    read = store.schedules.get("a")
    assert read is not None
    assert store.schedules.replace(read, NOON, b"two.")
    assert not store.schedules.replace(read, NOON, b"three.")
    assert store.schedules.advance([(read, None, b"four.")]) == 0
    current = store.schedules.get("a")
    assert current is not None
    assert (current.job_state, current.next_run_time) == (b"two.", NOON.timestamp())


def test_the_clock_of_the_server_counts_where_there_is_one(store: Store) -> None:
    now = store.database.now()
    assert now.tzinfo is UTC
    assert abs((now - datetime.now(UTC)).total_seconds()) < 60
    first, second = store.database.now(), store.database.now()
    assert first <= second
    assert store.database.dialect.has_clock is (store.database.dialect.name == "postgresql")
    given = Store(store.url.render_as_string(hide_password=False), clock=lambda: NOON)
    assert given.database.now() == NOON
    given.close()


def test_changes_made_at_once_succeed_or_fail_each_for_itself(store: Store) -> None:
    """They share a commit."""
    store.schedules.insert("exists", NOON, b".")
    outcomes: dict[str, object] = {}
    together = threading.Barrier(8)

    def change(name: str) -> None:
        def work() -> str:
            store.schedules.insert(name, NOON, b".")
            if name.startswith("bad"):
                raise ZeroDivisionError(name)
            if name.startswith("broken"):
                with store.database.transaction("inner") as session:
                    session.execute("INSERT INTO apscheduler_jobs (id, job_state) VALUES ('exists', '.')")
            return name

        together.wait()
        try:
            outcomes[name] = store.change(name, work)
        except Exception as error:
            outcomes[name] = error

    names = [f"{kind} {n}" for kind in ("good", "bad", "good too", "broken") for n in range(2)]
    threads = [threading.Thread(target=change, args=(name,)) for name in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    good = {name for name in names if name.startswith("good")}
    assert store.schedules.ids() == {"exists", *good}
    for name in names:
        if name in good:
            assert outcomes[name] == name
        else:
            assert isinstance(outcomes[name], Exception), name
            if name.startswith("bad"):
                assert str(outcomes[name]) == name


@pytest.mark.parametrize("given", ["url", "engine"])
def test_sqlite_survives_a_loss_of_power_and_a_write_holds_the_lock_from_its_beginning(
    sqlite_url: str, given: str
) -> None:
    theirs = create_engine(sqlite_url)
    store = Store(theirs if given == "engine" else sqlite_url, lock_timeout=7.0)
    store.open()
    with store.database.transaction("test") as session:
        asked = {name: session.execute(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")}
        assert asked == {"journal_mode": "wal", "synchronous": 2}
        assert session.execute("PRAGMA busy_timeout").scalar() == 7_000
        # It has written nothing yet; what began as a read and wrote later would fail at once, however long it may wait.
        other = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=0, isolation_level=None)
        with pytest.raises(sqlite3.OperationalError, match="locked"):
            other.execute("BEGIN IMMEDIATE")
        other.close()
    store.close()
    theirs.dispose()
