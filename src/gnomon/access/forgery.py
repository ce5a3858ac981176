"""What a session changes has to come from a page of ours: the browser adds the cookie by itself, the token it can't."""

from __future__ import annotations

from urllib.parse import parse_qs

from gnomon.access.access import Access
from gnomon.access.asgi import Application, Receive, Scope, Send, refuse
from gnomon.access.asking import principal_of
from gnomon.access.hosts import READING
from gnomon.access.incoming import Incoming
from gnomon.access.limits import replaying
from gnomon.access.sessions import forgery_token, is_forgery_token
from gnomon.domain.principal import How

HEADER, FIELD = "X-CSRF-Token", "csrf_token"

_FORM = "application/x-www-form-urlencoded"
_MOST_FIELDS = 1000


class Unforged:
    """ASGI middleware: who is known by a session brings its forgery token along, in a header or as a field of a form.

    API tokens need none, because no browser adds them by itself. Comes after ``Authenticated`` and ``LimitedBody``.
    """

    def __init__(self, app: Application, access: Access) -> None:
        self._app = app
        self._access = access

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 403."""
        principal = principal_of(scope) if scope["type"] == "http" else None
        if principal is None or principal.how is not How.SESSION or scope["method"] in READING:
            await self._app(scope, receive, send)
            return
        incoming = Incoming.of(scope)
        given = incoming.header(HEADER)
        if given is None and (incoming.header("content-type") or "").partition(";")[0].strip().lower() == _FORM:
            body = bytes((await receive()).get("body", b""))
            receive = replaying(body, receive)
            given = _field(body)
        secret = self._access.session_secret(incoming)
        if given is None or secret is None or not is_forgery_token(secret, given):
            detail = f"send the session's forgery token as {HEADER}, or as the field {FIELD} of a form"
            await refuse(send, 403, "forgery-token-missing", "The forgery token is missing or wrong", detail)
            return
        await self._app(scope, receive, send)


def forgery_token_of(access: Access, scope: Scope) -> str:
    """What the forms of an answer have to send back: the session's forgery token; empty where there is no session."""
    secret = access.session_secret(Incoming.of(scope))
    principal = principal_of(scope)
    return forgery_token(secret) if secret and principal is not None and principal.how is How.SESSION else ""


def _field(body: bytes) -> str | None:
    try:
        values = parse_qs(body.decode("utf-8"), max_num_fields=_MOST_FIELDS).get(FIELD, [])
    except ValueError:
        return None
    return values[0] if len(values) == 1 else None
