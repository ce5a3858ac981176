"""All that stands before the routes, in the order in which it asks."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from gnomon.access.access import Access
from gnomon.access.asgi import Application, Receive, Scope, Send
from gnomon.access.authentication import ASKED_AGAIN_EVERY, Authenticated, Identify
from gnomon.access.forgery import Unforged
from gnomon.access.hosts import KnownHostsOnly
from gnomon.access.limits import LimitedBody, LimitedHead
from gnomon.access.security_headers import SecurityHeaders


class Guard:
    """ASGI middleware: the headers of every answer; then size, ``Host`` and ``Origin``, who is asking, and the body.

    Nothing of a body is read for somebody who is not known.
    """

    def __init__(
        self,
        app: Application,
        access: Access,
        *,
        hosts: Iterable[str],
        public: Collection[str] = (),
        loopback: bool = True,
        identify: Identify | None = None,
        every: float = ASKED_AGAIN_EVERY,
    ) -> None:
        unforged = LimitedBody(Unforged(app, access))
        known = Authenticated(unforged, access, public=public, loopback=loopback, identify=identify, every=every)
        self._app = SecurityHeaders(LimitedHead(KnownHostsOnly(known, hosts)), access.is_secure)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or refuse it."""
        await self._app(scope, receive, send)
