"""Access over a store of its own; its clock stands at noon."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gnomon import Scheduler, Settings
from gnomon.access.access import Access
from gnomon.access.asgi import Scope
from gnomon.access.incoming import Incoming
from gnomon.domain.principal import Role
from gnomon.testing import ManualClock, temporary_store
from tests.jobs import nothing

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)

Making = Callable[..., Scheduler]


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def making(clock: ManualClock) -> Iterator[Making]:
    """Makes a scheduler with one job, ``job``, under the settings that are given."""
    made: list[Scheduler] = []
    with temporary_store() as url:

        def make(**settings: Any) -> Scheduler:
            scheduler = Scheduler(url, timezone="UTC", clock=clock, settings=Settings(**settings))
            scheduler.register(nothing, "cron", id="job", hour=15)
            scheduler.start_all_jobs()
            made.append(scheduler)
            return scheduler

        yield make
        for scheduler in made:
            scheduler.close()


@pytest.fixture
def scheduler(making: Making) -> Scheduler:
    return making()


@pytest.fixture
def access(scheduler: Scheduler) -> Access:
    return scheduler.access


@pytest.fixture
def text(access: Access) -> str:
    """A token of mia's, who is operator."""
    return access.tokens.create("mia", Role.OPERATOR)[0]


def scope(
    method: str = "GET",
    path: str = "/",
    *,
    peer: str | None = "127.0.0.1",
    scheme: str = "http",
    http_version: str = "1.1",
    here: str = "127.0.0.1",
    **headers: str,
) -> Scope:
    """An ASGI scope; of a header's name, ``_`` stands for ``-``."""
    given = {"host": "localhost:8765"} | {name.replace("_", "-"): value for name, value in headers.items()}
    return {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": b"",
        "scheme": scheme,
        "http_version": http_version,
        "client": None if peer is None else (peer, 50_000),
        "server": (here, 8765),
        "headers": [(name.lower().encode(), value.encode()) for name, value in given.items()],
    }


def incoming(**parts: Any) -> Incoming:
    """A request of such a scope."""
    return Incoming.of(scope(**parts))
