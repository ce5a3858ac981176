"""API tokens: who may ask, and as what. Made, shown once, revoked; and one's own sessions ended. For administrators."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gnomon.access.incoming import Incoming
from gnomon.access.sessions import cookie
from gnomon.api.needs import needs
from gnomon.domain.credential import ApiToken
from gnomon.domain.principal import How, Principal, Role
from gnomon.errors import InvalidInput, TokenNotFound
from gnomon.web import sign_in
from gnomon.web.asked import Form, Sent
from gnomon.web.notices import Notice
from gnomon.web.rendering import Pages, root_of
from gnomon.web.standing import Look

PATH = "/tokens"

ROLES = {
    Role.VIEWER: (Look("search", "viewer", "calm"), "looks at everything"),
    Role.OPERATOR: (Look("pencil", "operator", "note"), "changes when jobs run, too"),
    Role.ADMIN: (Look("bang", "admin", "warn"), "makes and revokes tokens, too"),
}
_MOST_DAYS = 3650
Admin = Annotated[Principal, needs(Role.ADMIN)]


@dataclass(frozen=True, slots=True)
class Asked:
    """What was typed to make a token, with what is wrong with it, by field."""

    name: str = ""
    role: str = Role.OPERATOR.value
    days: str = "90"
    errors: tuple[tuple[str, str], ...] = ()

    def error(self, field: str) -> str:
        """What is wrong with a field; empty if nothing is."""
        return dict(self.errors).get(field, "")


_NOTHING_ASKED = Asked()


def router(pages: Pages) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    access = pages.scheduler.access

    def answer(
        request: Request,
        who: Principal,
        *,
        asked: Asked = _NOTHING_ASKED,
        made: tuple[str, ApiToken] | None = None,
        status: int = 200,
    ) -> Response:
        now = pages.scheduler.store.database.local_now()
        tokens = access.tokens.list()
        return pages.answer(
            request,
            "tokens.html",
            status,
            now=now,
            tokens=[each for each in tokens if each.is_valid(now)],
            past=[each for each in reversed(tokens) if not each.is_valid(now)][:20],
            sessions=access.tokens.session_counts(),
            asked=asked,
            made=made,
            roles=ROLES,
            own=next((each for each in tokens if each.id == who.token_id), None),
        )

    @routes.get(PATH)
    def show(request: Request, who: Admin) -> Response:
        """All tokens that stand, and a form for another."""
        return answer(request, who)

    @routes.post(PATH)
    def create(request: Request, sent: Sent, who: Admin) -> Response:
        """Make one, and show it: this once only."""
        asked = _asked(sent)
        if asked.errors:
            return answer(request, who, asked=asked, status=422)
        days = int(asked.days) if asked.days else None
        expires_at = None if days is None else pages.scheduler.store.database.local_now() + timedelta(days=days)
        try:
            made = access.tokens.create(asked.name, Role(asked.role), expires_at=expires_at, created_by=who.name)
        except InvalidInput as error:
            told = Asked(
                asked.name, asked.role, asked.days, (("name", f"{error.allowed[:1].upper()}{error.allowed[1:]}."),)
            )
            return answer(request, who, asked=told, status=422)
        return answer(request, who, made=made)

    @routes.get(PATH + "/{token_id}/revoke")
    def ask_to_revoke(request: Request, token_id: str, _who: Admin) -> Response:
        """What revoking it means."""
        found = next((each for each in access.tokens.list() if each.id == token_id and each.revoked_at is None), None)
        if found is None:
            raise TokenNotFound(token_id)
        return pages.answer(request, "token_revoke.html", token=found, sessions=access.tokens.session_counts())

    @routes.post(PATH + "/{token_id}/revoke")
    def revoke(request: Request, token_id: str, who: Admin) -> Response:
        """Let it open nothing from here on."""
        revoked = access.tokens.revoke(token_id, revoked_by=who.name)
        return pages.led_back(request, root_of(request) + PATH, Notice("revoked", revoked.name))

    @routes.post("/sign-out/everywhere")
    def sign_out_everywhere(request: Request, who: Annotated[Principal, needs(Role.VIEWER)]) -> Response:
        """End all sessions of one's token, this one too."""
        access.sign_out_everywhere(who)
        answer = pages.led_back(request, root_of(request) + sign_in.PATH, Notice("signed-out-everywhere"))
        if who.how is How.SESSION:
            secure = access.is_secure(Incoming.of(request.scope))
            answer.headers.append("Set-Cookie", cookie("", secure=secure, lifetime=timedelta(0)))
        return answer

    return routes


def _asked(sent: Form) -> Asked:
    name, role, days = sent.one("name").strip(), sent.one("role"), sent.one("days").strip()
    errors = []
    if not name:
        errors.append(("name", "Say who it is for: the log of changes will say this name."))
    if role not in set(Role):
        errors.append(("role", "Choose one of these."))
    if days and not (days.isascii() and days.isdigit() and len(days) < 6 and 1 <= int(days) <= _MOST_DAYS):
        errors.append(("days", f"Give a number from 1 to {_MOST_DAYS:,}, or nothing for a token that never expires."))
    return Asked(name, role, days, tuple(errors))
