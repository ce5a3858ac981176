"""How much a request may bring, and how long it may take about it."""

from __future__ import annotations

import asyncio

from gnomon.access.asgi import Application, Message, Receive, Scope, Send, refuse

#: Bytes. The largest sensible change is far below.
LARGEST_BODY = 64 * 1024
#: Seconds for all of a body: enough for the slowest line, and no place to stay.
LONGEST_BODY = 30.0
#: Bytes of path and query, and of all headers together; and how many headers.
LONGEST_URL, LARGEST_HEADERS, MOST_HEADERS = 8 * 1024, 16 * 1024, 100

#: What has been refused half-way is not read to its end.
_CLOSE = (("connection", "close"),)


class LimitedHead:
    """ASGI middleware: the address and the headers of a request have a size that makes sense."""

    def __init__(self, app: Application) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 400, 414 or 431."""
        if scope["type"] == "http":
            url = len(scope.get("raw_path") or scope["path"]) + len(scope.get("query_string", b""))
            headers = scope["headers"]
            if url > LONGEST_URL:
                detail = f"an address may have {LONGEST_URL} bytes, and this has {url}"
                await refuse(send, 414, "url-too-long", "The address is too long", detail, headers=_CLOSE)
                return
            size = sum(len(name) + len(value) for name, value in headers)
            if size > LARGEST_HEADERS or len(headers) > MOST_HEADERS:
                detail = f"there may be {MOST_HEADERS} headers with {LARGEST_HEADERS} bytes together"
                await refuse(send, 431, "headers-too-large", "The headers are too large", detail, headers=_CLOSE)
                return
            if "\0" in scope["path"] or b"%00" in scope.get("query_string", b""):
                # No id has one, and not every database can be asked for one.
                await refuse(send, 400, "invalid-address", "The address is not valid", "it holds the character NUL")
                return
        await self._app(scope, receive, send)


class LimitedBody:
    """ASGI middleware: a body is taken in before anybody works on it, up to a limit and for a limited time.

    Memory stays flat, and who sends slowly holds up a connection but no worker.
    """

    def __init__(self, app: Application, *, limit: int = LARGEST_BODY, seconds: float = LONGEST_BODY) -> None:
        self._app = app
        self._limit = limit
        self._seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its whole body, or answer it with 408 or 413."""
        if scope["type"] != "http" or not _has_body(scope):
            await self._app(scope, receive, send)
            return
        try:
            async with asyncio.timeout(self._seconds):
                body = await self._taken(scope, receive)
        except TimeoutError:
            detail = f"the body did not arrive within {self._seconds:g} seconds"
            await refuse(send, 408, "body-too-slow", "The body came too slowly", detail, headers=_CLOSE)
            return
        except _TooLarge:
            detail = f"a request may bring {self._limit} bytes"
            await refuse(send, 413, "body-too-large", "The body is too large", detail, headers=_CLOSE)
            return
        if body is not None:  # None: whoever sent it has gone.
            await self._app(scope, replaying(body, receive), send)

    async def _taken(self, scope: Scope, receive: Receive) -> bytes | None:
        announced = dict(scope["headers"]).get(b"content-length", b"")
        if announced.isdigit() and (len(announced) > 18 or int(announced) > self._limit):
            raise _TooLarge
        body = bytearray()
        while True:
            message = await receive()
            if message["type"] == "http.disconnect":
                return None
            body += message.get("body", b"")
            if len(body) > self._limit:
                raise _TooLarge
            if not message.get("more_body", False):
                return bytes(body)


class _TooLarge(Exception):
    """More than the limit."""


def replaying(body: bytes, receive: Receive) -> Receive:
    """A ``receive`` that gives a body that was taken in already, and after it what comes then."""
    given = False

    async def replayed() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return replayed


def _has_body(scope: Scope) -> bool:
    names = {name for name, _ in scope["headers"]}
    return scope["method"] not in {"GET", "HEAD"} or b"content-length" in names or b"transfer-encoding" in names
