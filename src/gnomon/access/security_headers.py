"""What browsers are told about every answer."""

from __future__ import annotations

from collections.abc import Callable

from gnomon.access.asgi import Application, Message, Receive, Scope, Send
from gnomon.access.incoming import Incoming

#: Of what is no page nothing is loaded, run or framed, should a browser take it for one.
NOT_A_PAGE = "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
#: Pages load and run what stands in files of this server, and nothing that stands in the page itself.
PAGE = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; font-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; object-src 'none'; frame-ancestors 'none'"
)
_FOR_ALL = {
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    # Not no-referrer: with that, browsers send "Origin: null" with the forms of our own pages.
    b"referrer-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"cross-origin-resource-policy": b"same-origin",
}
_ONE_YEAR = b"max-age=31536000; includeSubDomains"


class SecurityHeaders:
    """ASGI middleware: adds the headers to all answers, also to refusals. What a route has set itself stays.

    No ``Access-Control-*`` is ever among them: no page of another origin may read an answer.
    """

    def __init__(self, app: Application, is_secure: Callable[[Incoming], bool]) -> None:
        self._app = app
        self._is_secure = is_secure

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer with the headers added."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        is_secure = self._is_secure(Incoming.of(scope))

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                message = {**message, "headers": with_security(list(message.get("headers", [])), is_secure=is_secure)}
            await send(message)

        await self._app(scope, receive, with_headers)


def with_security(headers: list[tuple[bytes, bytes]], *, is_secure: bool) -> list[tuple[bytes, bytes]]:
    """The headers of an answer, completed."""
    given = {name.lower(): value for name, value in headers}
    is_page = given.get(b"content-type", b"").startswith(b"text/html")
    wanted = {
        **_FOR_ALL,
        b"content-security-policy": (PAGE if is_page else NOT_A_PAGE).encode(),
        b"cache-control": b"no-store",
    }
    if is_secure:
        wanted[b"strict-transport-security"] = _ONE_YEAR
    return [*headers, *((name, value) for name, value in wanted.items() if name not in given)]
