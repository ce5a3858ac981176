"""Which requests reach the application: those addressed to it, from pages of its own.

A name that an attacker lets point to 127.0.0.1 (DNS rebinding) arrives with that name in ``Host``; a form on somebody
else's page arrives with that page's ``Origin``. Both are refused before any route sees them.
"""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
_READING = frozenset({"GET", "HEAD", "OPTIONS"})


class KnownHostsOnly:
    """ASGI middleware: an exact ``Host`` (any port), and for what changes something an ``Origin`` that equals it."""

    def __init__(self, app: Application, hosts: Iterable[str] = LOOPBACK) -> None:
        self._app = app
        self._hosts = frozenset(hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 400 or 403."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        headers = {name.lower(): value.decode("latin-1") for name, value in scope["headers"]}
        host = headers.get(b"host", "")
        if _name(host) not in self._hosts:
            await _refuse(
                send, 400, "unknown-host", f"this server does not answer to the name {host[:100]!r}", self._hosts
            )
            return
        origin = headers.get(b"origin")
        if scope.get("method") not in _READING and origin is not None and urlsplit(origin).netloc != host:
            await _refuse(send, 403, "foreign-origin", f"requests from {origin[:100]!r} may not change anything", ())
            return
        await self._app(scope, receive, send)


def _name(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0].lower()


async def _refuse(send: Send, status: int, kind: str, detail: str, hosts: Iterable[str]) -> None:
    problem: dict[str, Any] = {"type": f"/problems/{kind}", "title": detail, "status": status, "detail": detail}
    if hosts:
        problem["detail"] += f"; use one of {', '.join(sorted(hosts))}"
    body = json.dumps(problem).encode()
    headers = [(b"content-type", b"application/problem+json"), (b"content-length", str(len(body)).encode())]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
