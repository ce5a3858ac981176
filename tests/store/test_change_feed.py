"""Hints that others have committed something: soon, and again after the database was away."""

from __future__ import annotations

import threading
from collections.abc import Iterator

import pytest

from gnomon.store import Store, postgresql, sqlite
from tests.processes import wait_until
from tests.servers.postgresql import PostgresqlServer
from tests.store.conftest import NOON


class Hints:
    def __init__(self) -> None:
        self.count = 0
        self._lock = threading.Lock()

    def __call__(self) -> None:
        with self._lock:
            self.count += 1


@pytest.fixture
def other(store: Store) -> Iterator[Store]:
    """What another process would hold."""
    other = Store(store.url.render_as_string(hide_password=False))
    yield other
    other.close()


@pytest.fixture
def hints(store: Store) -> Iterator[Hints]:
    hints, feed = Hints(), store.database.dialect.feed()
    feed.start(hints)
    wait_until(lambda: hints.count == 1, what="the hint that it watches")
    yield hints
    feed.stop()


def test_a_commit_of_another_is_a_hint(store: Store, other: Store, hints: Hints) -> None:
    for number in range(3):
        before = hints.count
        other.schedules.insert(f"job {number}", NOON, b".")
        wait_until(lambda before=before: hints.count > before)


def test_sqlite_is_looked_at_several_times_a_second() -> None:
    """What the promise of a second rests on, and no slow machine can make untrue."""
    assert sqlite._POLL_SECONDS <= 0.25


def test_postgresql_tells_at_once_and_is_not_polled(postgresql_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(postgresql, "_WAIT_SECONDS", 3600)
    store = Store(postgresql_url)
    store.upgrade()
    hints, feed = Hints(), store.database.dialect.feed()
    feed.start(hints)
    wait_until(lambda: hints.count == 1, what="the hint that it watches")
    store.announce()
    wait_until(lambda: hints.count == 2, what="a hint an hour before the feed would look up")
    feed._stopped.set()
    store.announce()  # it looks whether it should end when it is told something
    feed.stop()
    store.close()


def test_what_was_rolled_back_is_no_hint_to_others(store: Store, other: Store) -> None:
    if store.database.dialect.name == "sqlite":
        return  # a commit is the hint, so there is none by definition
    hints, feed = Hints(), store.database.dialect.feed()
    feed.start(hints)
    wait_until(lambda: hints.count == 1)  # it has connected

    def fail() -> None:
        with other.database.transaction("change"):
            other.schedules.insert("job", NOON, b".")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    other.announce()
    wait_until(lambda: hints.count > 1)
    feed.stop()
    assert hints.count == 2


def test_after_the_server_was_away_there_is_a_hint_to_read_everything(
    postgresql_server: PostgresqlServer, postgresql_url: str
) -> None:
    store = Store(postgresql_url)
    store.upgrade()
    hints, feed = Hints(), store.database.dialect.feed()
    feed.start(hints)
    wait_until(lambda: hints.count == 1)
    postgresql_server.restart()
    wait_until(lambda: hints.count == 2)
    store.announce()
    wait_until(lambda: hints.count == 3)
    feed.stop()
    store.close()
