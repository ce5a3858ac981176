"""How much a request may bring."""

from __future__ import annotations

from collections.abc import MutableMapping
from typing import Any

from starlette.exceptions import HTTPException

from gnomon.access.hosts import Application, Receive, Scope, Send

#: Bytes. The largest sensible change is far below.
LARGEST_BODY = 64 * 1024


class LimitedBody:
    """ASGI middleware: a body is read up to the limit and no further, so memory stays flat; then the answer is 413."""

    def __init__(self, app: Application, limit: int = LARGEST_BODY) -> None:
        self._app = app
        self._limit = limit

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Count what is received."""
        taken = 0

        async def counted() -> MutableMapping[str, Any]:
            nonlocal taken
            message = await receive()
            taken += len(message.get("body", b""))
            if taken > self._limit:
                raise HTTPException(413, f"a request may bring {self._limit} bytes")
            return message

        await self._app(scope, counted, send)
