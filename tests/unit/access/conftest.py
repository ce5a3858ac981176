"""Access over a store of its own; its clock stands at noon."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

import pytest

from gnomon import Scheduler, Settings
from gnomon.access.access import Access
from gnomon.access.asgi import Application, Message, Receive, Scope, Send
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


class Answer:
    """What an ASGI application answered."""

    def __init__(self) -> None:
        self.messages: list[Message] = []

    async def send(self, message: Message) -> None:
        self.messages.append(message)

    @property
    def status(self) -> int:
        status: int = self.messages[0]["status"]
        return status

    @property
    def headers(self) -> dict[str, str]:
        return {name.decode(): value.decode() for name, value in self.messages[0]["headers"]}

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.messages[1:])

    @property
    def kind(self) -> str:
        """The type of the problem."""
        kind: str = json.loads(self.body)["type"]
        return kind.removeprefix("/problems/")


def ask(app: Application, asked: Scope, *pieces: bytes) -> Answer:
    """Ask an ASGI application; the body of the request comes in these pieces."""
    answer = Answer()
    waiting = [
        {"type": "http.request", "body": piece, "more_body": number < len(pieces) - 1}
        for number, piece in enumerate(pieces)
    ] or [{"type": "http.request", "body": b"", "more_body": False}]

    async def receive() -> Message:
        if waiting:
            return waiting.pop(0)
        return await asyncio.Future()  # whoever asked waits for the answer

    asyncio.run(_run(app, asked, receive, answer.send))
    return answer


async def _run(app: Application, asked: Scope, receive: Receive, send: Send) -> None:
    await app(asked, receive, send)


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answers with the body of the request."""
    body, more = b"", True
    while more:
        message = await receive()
        body, more = body + message["body"], message.get("more_body", False)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": body})
