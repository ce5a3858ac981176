"""Refusals and errors for people. All of Gnomon answers with problems; a browser that asked for a page gets a page.

Who is not known is led to where one signs in, and back. What a form held is kept meanwhile.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response

from gnomon.access.asgi import Application, Message, Receive, Scope, Send, path_within
from gnomon.access.hosts import READING
from gnomon.access.limits import LimitedBody
from gnomon.access.security_headers import with_security
from gnomon.api import problems
from gnomon.web import sign_in
from gnomon.web.asked import form_of, here, is_in_place
from gnomon.web.rendering import Pages, address, root_of

_PROBLEM = b"application/problem+json"
#: They speak to programs, whatever these accept.
_PROGRAMS = ("/api/", "/health", "/static/")
#: What belongs to the problem as it was written, and not to the page that takes its place.
_OF_THE_PROBLEM = frozenset({b"content-type", b"content-length", b"content-security-policy", b"www-authenticate"})


def install(app: FastAPI, pages: Pages) -> None:
    """Make an application's problems readable. The last thing that is put around it."""
    app.add_middleware(Readable, pages=pages)
    unforeseen: Callable[[Request, Exception], Response] = problems.unforeseen

    def readable(request: Request, error: Exception) -> Response:
        answer = unforeseen(request, error)
        if not _is_for_people(request.scope):
            return answer
        return _page(pages, request, json.loads(bytes(answer.body)), answer.raw_headers)

    # It stands outside of all middleware.
    app.add_exception_handler(Exception, readable)


class Readable:
    """ASGI middleware: turns each problem that is the answer to a browser's request for a page into a page."""

    def __init__(self, app: Application, pages: Pages) -> None:
        self._app = app
        self._pages = pages

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, and its answer back, readable."""
        if scope["type"] != "http" or not _is_for_people(scope):
            await self._app(scope, receive, send)
            return
        head: Message | None = None
        body = bytearray()

        async def watched(message: Message) -> None:
            nonlocal head
            if message["type"] == "http.response.start" and _is_problem(message):
                head = message
            elif head is None:
                await send(message)
            elif message["type"] == "http.response.body":
                body.extend(message.get("body", b""))

        await self._app(scope, receive, watched)
        if head is None:
            return
        problem: dict[str, Any] = json.loads(bytes(body))
        headers = list(head["headers"])

        async def told(scope: Scope, receive: Receive, send: Send) -> None:
            request = Request(scope, receive)
            kept = (
                (request.headers.get("content-type", ""), await request.body())
                if _is_to_be_kept(scope, problem)
                else None
            )
            await _page(self._pages, request, problem, headers, kept)(scope, receive, send)

        # The body of somebody unknown was not read yet, and has the same limits here.
        await (LimitedBody(told) if _is_to_be_kept(scope, problem) else told)(scope, receive, send)


def _page(
    pages: Pages,
    request: Request,
    problem: dict[str, Any],
    headers: list[tuple[bytes, bytes]],
    kept: tuple[str, bytes] | None = None,
) -> Response:
    status = problem["status"]
    if status == 401 and not is_in_place(request):
        page = _to_sign_in(pages, request, kept)
    elif is_in_place(request):
        page = HTMLResponse(pages.render(request, "refusal.html", problem=problem), status)
        page.headers.update({"HX-Retarget": "#notices", "HX-Reswap": "beforeend"})
    else:
        page = HTMLResponse(pages.render(request, "problem.html", problem=problem), status)
    further = [(name, value) for name, value in headers if name.lower() not in _OF_THE_PROBLEM]
    own = {name.lower() for name, _ in page.raw_headers}
    page.raw_headers += [(name, value) for name, value in further if name.lower() not in own]
    page.raw_headers = with_security(page.raw_headers, is_secure=False)
    return page


def _to_sign_in(pages: Pages, request: Request, kept: tuple[str, bytes] | None) -> Response:
    if request.method in READING:
        return RedirectResponse(address(root_of(request), sign_in.PATH, to=here(request)), 303)
    form = form_of(*kept) if kept is not None else form_of("", b"")
    return sign_in.asked_to_sign_in(pages, request, sign_in.Interrupted.of(request.url.path, form, root_of(request)))


def _is_for_people(scope: Scope) -> bool:
    accepts = b",".join(value for name, value in scope["headers"] if name.lower() == b"accept")
    return b"text/html" in accepts and not path_within(scope).startswith(_PROGRAMS)


def _is_problem(message: Message) -> bool:
    return any(
        name.lower() == b"content-type" and value.startswith(_PROBLEM) for name, value in message.get("headers", [])
    )


def _is_to_be_kept(scope: Scope, problem: dict[str, Any]) -> bool:
    return problem["status"] == 401 and scope["method"] not in READING
