"""What all that stands before the routes speaks: ASGI, and problem details for what it refuses."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable, Iterable, MutableMapping
from typing import Any

Scope = MutableMapping[str, Any]
Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[Scope, Receive, Send], Awaitable[None]]


async def refuse(
    send: Send, status: int, kind: str, title: str, detail: str, *, headers: Iterable[tuple[str, str]] = ()
) -> None:
    """Answer with a problem (RFC 9457) of ``/problems/kind``."""
    content = {"type": f"/problems/{kind}", "title": title, "status": status, "detail": detail}
    body = json.dumps(content).encode()
    own = [("content-type", "application/problem+json"), ("content-length", str(len(body)))]
    encoded = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in (*own, *headers)]
    await send({"type": "http.response.start", "status": status, "headers": encoded})
    await send({"type": "http.response.body", "body": body})


def path_within(scope: Scope) -> str:
    """The path of a request within this application, also where that is mounted below another path."""
    path: str = scope["path"]
    root: str = scope.get("root_path", "")
    return path.removeprefix(root) if path == root or path.startswith(f"{root}/") else path
