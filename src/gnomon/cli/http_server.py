"""Answering HTTP, until somebody asks to stop."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import uvicorn

#: Open connections have so long to end once the server stops.
_CONNECTION_SECONDS = 2


class _Server(uvicorn.Server):
    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Ours stand: they outlive the server, while what runs is waited for."""
        yield


def serve_until(on_asked: Callable[[Callable[[], None]], None], application: Any, listener: socket.socket) -> None:
    """Serve an ASGI application on a listening socket. ``on_asked`` is given what ends it."""
    config = uvicorn.Config(
        application,
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
