"""Signing in and out. Afterwards one is where one was, with what one had written."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gnomon.access.forgery import FIELD
from gnomon.access.incoming import Incoming
from gnomon.access.sessions import cookie, forgery_token
from gnomon.api.needs import anybody, needs
from gnomon.domain.principal import How, Principal, Role
from gnomon.errors import NotAuthenticated, TooManyAttempts
from gnomon.web.asked import Form, Sent, on_this_server
from gnomon.web.notices import Notice
from gnomon.web.rendering import Pages, root_of

PATH = "/sign-in"

#: Before the name of a field, in the form at which one signs in: it belongs to the form that was interrupted.
_KEPT = "kept."
_OUT = "/sign-out"


@dataclass(frozen=True, slots=True)
class Interrupted:
    """A form that was sent by somebody whose session had ended."""

    to: str
    fields: tuple[tuple[str, str], ...]

    @classmethod
    def of(cls, address: str, form: Form, root: str) -> Interrupted:
        """What was sent to an address. The forgery token was that of the old session."""
        pairs = [(name, value) for name, values in form.fields.items() for value in values if name != FIELD]
        # Without a form there is nothing to send again, and the address may answer to nothing else.
        return cls(address if pairs else f"{root}/", tuple(pairs))


def asked_to_sign_in(
    pages: Pages, request: Request, interrupted: Interrupted, status: int = 401, error: str | None = None
) -> Response:
    """The page at which one signs in. ``interrupted`` is where one goes from there, and what is kept until then."""
    return HTMLResponse(
        pages.render(request, "sign_in.html", to=interrupted.to, kept=interrupted.fields, error=error), status
    )


def router(pages: Pages) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    access = pages.scheduler.access

    @routes.get(PATH)
    def show(request: Request, _who: Annotated[Principal | None, anybody()], to: str = "/") -> Response:
        """Where one signs in."""
        return asked_to_sign_in(pages, request, Interrupted(on_this_server(to, root_of(request)), ()), 200)

    @routes.post(PATH)
    def sign_in(request: Request, sent: Sent, _who: Annotated[Principal | None, anybody()]) -> Response:
        """Exchange an API token for a session, and lead back."""
        to = on_this_server(sent.one("to"), root_of(request))
        interrupted = Interrupted(to, _kept(sent))
        incoming = Incoming.of(request.scope)
        try:
            begun = access.sign_in(sent.one("token"), incoming)
        except NotAuthenticated:
            told = "This is no API token that stands: it may be mistyped, revoked or expired."
            return asked_to_sign_in(pages, request, interrupted, 422, told)
        except TooManyAttempts as error:
            told = f"Too many attempts. Wait {error.retry_after} seconds, then try again."
            answer = asked_to_sign_in(pages, request, interrupted, 429, told)
            answer.headers["Retry-After"] = str(error.retry_after)
            return answer
        if interrupted.fields:
            answer = _go_on(request, interrupted, begun.secret)
        else:
            answer = pages.led_back(request, to, Notice("signed-in", begun.session.principal.name, is_job=False))
        answer.headers.append(
            "Set-Cookie",
            cookie(begun.secret, secure=access.is_secure(incoming), lifetime=access.sessions.lifetime),
        )
        return answer

    @routes.post(_OUT)
    def sign_out(request: Request, who: Annotated[Principal, needs(Role.VIEWER)]) -> Response:
        """End the session."""
        access.sign_out(who)
        answer = pages.led_back(request, root_of(request) + PATH, Notice("signed-out", is_job=False))
        if who.how is How.SESSION:
            secure = access.is_secure(Incoming.of(request.scope))
            answer.headers.append("Set-Cookie", cookie("", secure=secure, lifetime=timedelta(0)))
        return answer

    def _go_on(request: Request, interrupted: Interrupted, secret: str) -> Response:
        """Ask whether what was interrupted is to be done now: time has passed, and it may be somebody else."""
        content = pages.render(
            request, "go_on.html", to=interrupted.to, kept=interrupted.fields, csrf_token=forgery_token(secret)
        )
        return HTMLResponse(content)

    return routes


def _kept(sent: Form) -> tuple[tuple[str, str], ...]:
    return tuple(
        (name.removeprefix(_KEPT), value)
        for name, values in sent.fields.items()
        for value in values
        if name.startswith(_KEPT)
    )
