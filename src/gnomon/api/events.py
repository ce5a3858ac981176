"""What moves, live: server-sent events (HTML standard, section 9.2)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Annotated

import orjson
from fastapi import APIRouter, Header
from fastapi.responses import StreamingResponse
from starlette.concurrency import run_in_threadpool

from gnomon.api.needs import needs
from gnomon.domain.movement import Event
from gnomon.domain.principal import Principal, Role
from gnomon.errors import StoreError
from gnomon.observability.broadcast import Numbered
from gnomon.scheduler import Scheduler

#: Seconds; proxies close what is silent for longer, and a token that was revoked ends the stream so soon.
_SIGN_OF_LIFE = 5.0
#: Events that wait for a slow reader; then it is told to read everything again.
_MOST_WAITING = 1000
_HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


class _Inbox:
    """Carries events from the thread that looks to the loop that writes."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._queue: asyncio.Queue[Sequence[Numbered]] = asyncio.Queue(_MOST_WAITING)

    def __call__(self, events: Sequence[Numbered]) -> None:
        self._loop.call_soon_threadsafe(self._put, events)

    def _put(self, events: Sequence[Numbered]) -> None:
        if self._queue.full():
            while not self._queue.empty():
                self._queue.get_nowait()
            events = [Numbered(events[-1].number, Event("reset", {"reason": "the reader fell behind"}))]
        self._queue.put_nowait(events)

    async def next(self) -> Sequence[Numbered]:
        """What came; nothing if that takes too long."""
        try:
            return await asyncio.wait_for(self._queue.get(), _SIGN_OF_LIFE)
        except TimeoutError:
            return ()


def router(scheduler: Scheduler) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api/scheduler", tags=["events"])

    @routes.get(
        "/events",
        response_class=StreamingResponse,
        responses={200: {"description": "events, until the connection ends", "content": {"text/event-stream": {}}}},
    )
    async def events(
        who: Annotated[Principal, needs(Role.VIEWER)],
        last_event_id: Annotated[str | None, Header(alias="Last-Event-ID", max_length=100)] = None,
    ) -> StreamingResponse:
        """What moves: `change`, `run`, `runs`, `nodes`, and `reset` where everything has to be read again.

        `alive` comes first, and then every five seconds in which nothing moves; it says whether the store can be read.
        With `Last-Event-ID`, first what was missed since. Each event is a hint: rows are the truth.
        """
        stream = _told(scheduler, who, last_event_id)
        return StreamingResponse(stream, media_type="text/event-stream", headers=_HEADERS)

    return routes


async def _told(scheduler: Scheduler, who: Principal, after: str | None) -> AsyncIterator[bytes]:
    inbox = _Inbox()
    try:
        end = await run_in_threadpool(scheduler.events.listen, inbox, after=after)
    except StoreError:
        return  # whoever reads comes again
    try:
        yield b"retry: 1000\n\n" + _sign_of_life(scheduler)
        while await run_in_threadpool(scheduler.access.still_valid, who):
            numbered = await inbox.next()
            yield b"".join(map(_line, numbered)) or _sign_of_life(scheduler)
        yield b"event: signed-out\ndata: {}\n\n"
    finally:
        end()


def _sign_of_life(scheduler: Scheduler) -> bytes:
    """An event, and not a comment as is usual: pages are told of these only."""
    store = b"ok" if scheduler.events.reads else b"unavailable"
    return b'event: alive\ndata: {"store":"%s"}\n\n' % store


def _line(numbered: Numbered) -> bytes:
    data = orjson.dumps(dict(numbered.event.data))
    return b"id: %s\nevent: %s\ndata: %s\n\n" % (numbered.number.encode(), numbered.event.kind.encode(), data)
