"""The server that ``gnomon serve`` and ``web`` run, over real sockets."""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import socket
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from fastapi import FastAPI
from fastapi.responses import StreamingResponse

from gnomon import Scheduler
from gnomon.access.guard import Guard
from gnomon.access.hosts import LOOPBACK
from gnomon.api.needs import needs
from gnomon.cli.http_server import serve_until
from gnomon.cli.listening import listening, place
from gnomon.domain.principal import Role

JOBS = "/api/scheduler/jobs"


@contextmanager
def served(application: Any) -> Iterator[int]:
    """The port at which an application is served, by a thread that ends with the test."""
    leaving: list[Callable[[], None]] = []
    with listening(place("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        thread = threading.Thread(target=serve_until, args=(leaving.append, application, listener))
        thread.start()
        try:
            yield port
        finally:
            leaving[0]()
            thread.join(timeout=30)


def test_an_answer_in_two_parts_is_not_held_back() -> None:
    """Headers and content are sent one after the other: what waits for the first to be acknowledged waits for 40 ms."""
    accepted: list[asyncio.Transport] = []

    class Protocol(asyncio.Protocol):
        def connection_made(self, transport: asyncio.BaseTransport) -> None:
            assert isinstance(transport, asyncio.Transport)
            accepted.append(transport)

    async def accept() -> bool:
        with listening(place("127.0.0.1", 0)) as listener:
            async with await asyncio.get_running_loop().create_server(Protocol, sock=listener):
                _, writer = await asyncio.open_connection(*listener.getsockname())
                while not accepted:
                    await asyncio.sleep(0)
                there = accepted[0].get_extra_info("socket")
                is_sent_at_once = bool(there.getsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY))
                writer.close()
                accepted[0].close()
                return is_sent_at_once

    assert asyncio.run(accept())


@pytest.fixture
def scheduler(store: str) -> Iterator[Scheduler]:
    scheduler = Scheduler(store)
    yield scheduler
    scheduler.close()


@pytest.fixture
def port(scheduler: Scheduler) -> Iterator[int]:
    with served(scheduler.asgi()) as port:
        yield port


def raw(port: int, request: bytes) -> bytes:
    """All that a server answers to these bytes, until it closes the connection."""
    with socket.create_connection(("127.0.0.1", port), timeout=30) as connection:
        received = bytearray()
        with contextlib.suppress(ConnectionError):  # It may hang up before it has heard all.
            connection.sendall(request)
            while piece := connection.recv(65536):
                received += piece
        return bytes(received)


def status(port: int, path: str = JOBS, *, version: str = "1.1", host: str | None = None, **headers: str) -> int:
    """The status of the answer to a GET, whose path is sent as it is written here."""
    lines = [f"GET {path} HTTP/{version}", f"Host: {host or f'127.0.0.1:{port}'}", "Connection: close"]
    lines += [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    return int(raw(port, ("\r\n".join(lines) + "\r\n\r\n").encode()).split()[1])


def test_this_machine_is_let_in_and_only_under_its_own_name(port: int) -> None:
    assert status(port) == 200
    assert status(port, host="evil.example") == 400
    assert status(port, host=f"127.0.0.1.evil.example:{port}") == 400


def test_nobody_is_believed_who_says_where_he_comes_from(port: int) -> None:
    """uvicorn by itself takes the word of any proxy on this machine."""
    assert status(port, X_Forwarded_For="127.0.0.1") == 401
    assert status(port, X_Forwarded_For="192.0.2.1", X_Forwarded_Proto="https") == 401
    assert status(port, Forwarded="for=127.0.0.1") == 401


def test_a_proxy_that_says_nothing_shows_by_its_old_http(port: int) -> None:
    assert status(port, version="1.0") == 401


@pytest.mark.parametrize(
    "path",
    [
        *("/../../etc/passwd", "/health/../api/scheduler/jobs", "/..%2f..%2fetc%2fpasswd", "/%252e%252e/etc/passwd"),
        *("/%2e%2e/%2e%2e/etc/passwd", "/api/scheduler/jobs/../../../etc/passwd", "/api/scheduler/jobs/%00", "/%ff%fe"),
    ],
)
def test_a_path_that_climbs_leads_nowhere(port: int, path: str) -> None:
    assert status(port, path) in {400, 404}


def test_a_line_break_in_a_header_is_no_header(port: int) -> None:
    head = b"GET /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    assert raw(port, head + b"X: a\nAuthorization: Bearer b\r\n\r\n").split()[1] in {b"400", b"401"}
    answer = raw(port, b"GET /api/%0d%0aSet-Cookie:%20a=b HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")
    assert b"\r\nset-cookie" not in answer.lower()


def test_nobody_can_disagree_about_where_a_request_ends(port: int) -> None:
    head = b"POST /health HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
    assert raw(port, head + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nxy").split()[1] == b"400"
    # The chunks count, as RFC 9112 has it, and what is behind them is not taken for a request.
    chunked = b"Content-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /health HTTP/1.1\r\n\r\n"
    answer = raw(port, head + chunked)
    assert answer.split()[1] == b"405"
    assert answer.count(b"HTTP/1.1") == 1


def test_headers_without_end_are_not_taken_in(port: int) -> None:
    endless = b"GET /health HTTP/1.1\r\nHost: localhost\r\n" + b"X: " + b"y" * 200_000
    assert (raw(port, endless).split() or [b"", b"400"])[1] in {b"400", b"431"}


def test_a_connection_that_says_nothing_is_given_up(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gnomon.cli.http_server._HEAD_SECONDS", 0.1)
    with served(scheduler.asgi()) as port:
        assert raw(port, b"") == b""
        assert raw(port, b"GET /health HTTP/1.1\r\nHost: loc") == b""
        whole = b"GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n"
        assert raw(port, whole + b"GET /hea").startswith(b"HTTP/1.1 200")


def test_a_large_body_is_refused_and_not_taken_in(scheduler: Scheduler, port: int) -> None:
    text, _ = scheduler.access.tokens.create("mia", Role.OPERATOR)
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    pieces = 0

    def endless() -> Iterator[bytes]:
        nonlocal pieces
        while True:
            pieces += 1
            yield b"x" * 65536

    try:
        connection.request("PATCH", f"{JOBS}/nightly", endless(), {"Authorization": f"Bearer {text}"})
    except OSError:
        pass  # It hung up, as it should.
    else:
        assert connection.getresponse().status == 413
    finally:
        connection.close()
    assert pieces < 1000


def test_a_stream_ends_when_its_token_is_revoked(scheduler: Scheduler) -> None:
    async def ticks() -> AsyncIterator[bytes]:
        while True:
            yield b"data: tick\n\n"
            await asyncio.sleep(0.01)

    app = FastAPI()

    @app.get("/ticks", dependencies=[needs(Role.VIEWER)])
    def stream() -> StreamingResponse:
        return StreamingResponse(ticks(), media_type="text/event-stream")

    text, _ = scheduler.access.tokens.create("mia", Role.VIEWER)
    with served(Guard(app, scheduler.access, hosts=LOOPBACK, every=0.05)) as port:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
        connection.request("GET", "/ticks", headers={"Authorization": f"Bearer {text}"})
        answer = connection.getresponse()
        assert answer.status == 200
        assert answer.read(10) == b"data: tick"
        scheduler.access.tokens.revoke("mia")
        assert answer.read().startswith(b"\n\n")  # to its end, which is in order
        connection.request("GET", "/ticks", headers={"Authorization": f"Bearer {text}"})
        assert connection.getresponse().status == 401
        connection.close()


def test_when_a_token_was_used_is_remembered(scheduler: Scheduler, port: int) -> None:
    text, _ = scheduler.access.tokens.create("mia", Role.VIEWER)
    for _ in range(3):
        assert status(port, Authorization=f"Bearer {text}") == 200
    until = threading.Event()
    for _ in range(500):
        if scheduler.access.tokens.list()[0].used_at is not None:
            break
        until.wait(0.01)
    assert scheduler.access.tokens.list()[0].used_at is not None
