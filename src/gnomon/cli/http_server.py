"""Answering HTTP, until somebody asks to stop."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from gnomon.access.limits import LARGEST_HEADERS, LONGEST_URL
from gnomon.cli.listening import Certificate

#: Open connections have so long to end once the server stops.
_CONNECTION_SECONDS = 2
#: At least so long, and at most twice, a connection may take to say what it wants.
_HEAD_SECONDS = 10.0
#: Most systems let a process have 1,024 files open, and the database needs some.
_MOST_CONNECTIONS = 800
#: For TLS 1.2; those of 1.3 are all good.
_CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:!aNULL"


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours stand: they outlive the server, while what runs is waited for."""
        yield


class _Protocol(H11Protocol):
    """Gives up on a connection that asks for nothing: uvicorn waits for the end of a request's headers for ever."""

    _looking: asyncio.TimerHandle | None = None
    _last_seen: object = "busy"

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Begin to look at it."""
        super().connection_made(transport)
        self._looking = self.loop.call_later(_HEAD_SECONDS, self._look)

    def connection_lost(self, exc: Exception | None) -> None:
        """Look no more."""
        if self._looking is not None:
            self._looking.cancel()
        super().connection_lost(exc)

    def _look(self) -> None:
        is_waiting = self.cycle is None or self.cycle.response_complete
        if is_waiting and self._last_seen is self.cycle:
            self.transport.close()
            return
        self._last_seen = self.cycle if is_waiting else "busy"
        self._looking = self.loop.call_later(_HEAD_SECONDS, self._look)


def serve_until(
    on_asked: Callable[[Callable[[], None]], None],
    application: Any,
    listener: socket.socket,
    certificate: Certificate | None = None,
) -> None:
    """Serve an ASGI application on a listening socket. ``on_asked`` is given what ends it."""
    config = uvicorn.Config(
        application,
        http=_Protocol,
        # Who connects is who connects: which proxies may speak for others is decided in gnomon.access.
        proxy_headers=False,
        # A little more than is allowed, so that what is too much can still be told so.
        h11_max_incomplete_event_size=2 * (LARGEST_HEADERS + LONGEST_URL),
        limit_concurrency=_MOST_CONNECTIONS,
        ssl_certfile=None if certificate is None else certificate.file,
        ssl_keyfile=None if certificate is None else certificate.key,
        ssl_ciphers=_CIPHERS,
        log_config=None,
        access_log=False,
        server_header=False,
        ws="none",
        timeout_graceful_shutdown=_CONNECTION_SECONDS,
    )
    server = _Server(config)

    def leave() -> None:
        server.should_exit = True

    on_asked(leave)
    server.run(sockets=[listener])
