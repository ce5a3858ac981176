"""A scheduler with one job, a token for each role, and clients that come from elsewhere or from this machine."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from fastapi.testclient import TestClient

from gnomon import Scheduler, Settings
from gnomon.domain.principal import Role
from gnomon.testing import temporary_store
from tests.jobs import nothing

Client = Callable[..., TestClient]


@pytest.fixture
def making() -> Iterator[Callable[..., Scheduler]]:
    """Makes schedulers on one store, under the settings that are given."""
    with temporary_store() as url, ExitStack() as stack:

        def make(**settings: Any) -> Scheduler:
            scheduler = Scheduler(url, timezone="UTC", settings=Settings(**settings))
            stack.callback(scheduler.close)
            scheduler.register(nothing, "cron", id="job", hour=15)
            scheduler.start_all_jobs()
            return scheduler

        yield make


@pytest.fixture
def scheduler(making: Callable[..., Scheduler]) -> Scheduler:
    return making()


@pytest.fixture
def tokens(scheduler: Scheduler) -> dict[Role, str]:
    """One of each role, under its name."""
    return {role: scheduler.access.tokens.create(role.value, role)[0] for role in Role}


@pytest.fixture
def client(scheduler: Scheduler) -> Iterator[Client]:
    """Makes clients: ``peer`` is where they come from, the rest are options of ``Scheduler.asgi``."""
    with ExitStack() as stack:

        def make(peer: str = "192.0.2.1", *, url: str = "http://localhost", **options: Any) -> TestClient:
            app = options.pop("app", None) or scheduler.asgi(**options)
            return stack.enter_context(TestClient(app, base_url=url, client=(peer, 50_000)))

        yield make


def bearer(text: str) -> dict[str, str]:
    """The header that shows a token."""
    return {"Authorization": f"Bearer {text}"}
