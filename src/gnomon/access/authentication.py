"""Finds out who is asking, before any route is; and again and again while an answer is being streamed."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor

from gnomon.access.access import Access
from gnomon.access.asgi import Application, Message, Receive, Scope, Send, path_within, refuse
from gnomon.access.asking import HOW_TO_SAY, asked, challenge, introduce
from gnomon.access.incoming import Incoming
from gnomon.domain.principal import How, Principal
from gnomon.errors import NotAuthenticated, StoreError

logger = logging.getLogger("gnomon.access")

#: Seconds. A stream outlives its revocation by no more.
ASKED_AGAIN_EVERY = 5.0
#: Seconds. What only a proxy or an application can say is asked anew so often; browsers open the stream again at once.
LONGEST_ON_THE_WORD_OF_OTHERS = 900.0

#: How an application that Gnomon is mounted into says who is asking.
Identify = Callable[[Scope], Principal | None]


class Authenticated:
    """ASGI middleware: nobody passes unknown, but to the ``public`` addresses.

    Those that end with ``/`` stand for all below them. ``loopback``: whether the server listens on loopback only.
    ``identify`` is asked first.
    """

    def __init__(
        self,
        app: Application,
        access: Access,
        *,
        public: Collection[str] = (),
        loopback: bool = True,
        identify: Identify | None = None,
        every: float = ASKED_AGAIN_EVERY,
    ) -> None:
        self._app = app
        self._access = access
        self._public = frozenset(public)
        self._loopback = loopback
        self._identify = identify
        self._every = every
        # A thread of its own: where a write waits for a lock, nobody should wait to be identified.
        self._writer = ThreadPoolExecutor(1, "gnomon-noting")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on with its principal, or answer it with 401 or 503."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # There are no web sockets here.
            await send({"type": "websocket.close", "code": 1008})
            return
        try:
            principal = await self._principal(scope)
        except NotAuthenticated as error:
            await _refuse(send, str(error), is_invalid=error.is_invalid)
            return
        except StoreError as error:
            logger.warning("nobody can be identified: %s", error)
            detail = "the store does not answer, so nobody can be identified; the server's log says more"
            await refuse(send, 503, "store-unavailable", "The store does not answer", detail)
            return
        if principal is None and not self._is_public(path_within(scope)):
            logger.info("somebody unknown wanted to %s %s", *asked(scope))
            await _refuse(send, f"nobody knows who you are: {HOW_TO_SAY}", is_invalid=False)
            return
        introduce(scope, principal)
        if principal is None or principal.how is How.LOCAL:
            await self._app(scope, receive, send)
            return
        self._note(principal)
        await self._while_valid(principal, scope, receive, send)

    async def _principal(self, scope: Scope) -> Principal | None:
        if self._identify is not None and (told := self._identify(scope)) is not None:
            return told
        incoming = Incoming.of(scope)
        if self._access.needs_store(incoming):
            return await asyncio.to_thread(self._access.identify, incoming, loopback=self._loopback)
        return self._access.identify(incoming, loopback=self._loopback)

    def _is_public(self, path: str) -> bool:
        return path in self._public or any(path.startswith(open_) for open_ in self._public if open_.endswith("/"))

    def _note(self, principal: Principal) -> None:
        """In the background: who only looks should not wait for a write."""
        if self._access.is_news(principal):
            self._writer.submit(self._access.note_use, principal)

    async def _while_valid(self, principal: Principal, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer, and stop in the middle of the answer when who asked would no longer get it."""
        is_begun, is_complete = False, False

        async def noted(message: Message) -> None:
            nonlocal is_begun, is_complete
            is_begun = True
            is_complete = message["type"] == "http.response.body" and not message.get("more_body", False)
            await send(message)

        since = time.monotonic()
        answering = asyncio.ensure_future(_run(self._app, scope, receive, noted))
        try:
            while not (await asyncio.wait({answering}, timeout=self._every))[0]:
                # Before it has begun it may be a change half-way done: that is let finish.
                if is_begun and not await self._is_still_valid(principal, since):
                    break
        except asyncio.CancelledError:
            await _end(answering)
            raise
        if answering.done():
            answering.result()
            return
        logger.info("the answer to %s %s was ended: %r is no longer valid", *asked(scope), principal.name)
        await _end(answering)
        if not is_complete:
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _is_still_valid(self, principal: Principal, since: float) -> bool:
        if principal.token_id is None:
            return time.monotonic() - since < LONGEST_ON_THE_WORD_OF_OTHERS
        try:
            return await asyncio.to_thread(self._access.still_valid, principal)
        except StoreError:
            return False  # Nothing new could be shown either; who may still look comes back.


async def _end(answering: asyncio.Future[None]) -> None:
    answering.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await answering


async def _run(app: Application, scope: Scope, receive: Receive, send: Send) -> None:
    await app(scope, receive, send)


async def _refuse(send: Send, detail: str, *, is_invalid: bool) -> None:
    title = "It is not known who is asking"
    await refuse(send, 401, "not-authenticated", title, detail, headers=[challenge(is_invalid=is_invalid)])
