"""Signing in and out: an API token is exchanged for a cookie. And who one is, for anybody who asks."""

from __future__ import annotations

from datetime import UTC, timedelta
from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gnomon.access.forgery import forgery_token_of
from gnomon.access.incoming import Incoming
from gnomon.access.sessions import cookie, forgery_token
from gnomon.api.needs import anybody, needs
from gnomon.domain.principal import Principal, Role
from gnomon.scheduler import Scheduler

PATH = "/api/scheduler/session"

_EXAMPLE: dict[str, Any] = {"token": "gnomon_0123456789_…"}
_TOO_OFTEN: dict[int | str, dict[str, Any]] = {429: {"description": "too many attempts"}}


class SignIn(BaseModel):
    """With what to sign in."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [_EXAMPLE]})

    token: str = Field(max_length=200, description="an API token, as `gnomon token create` shows it")


def router(scheduler: Scheduler) -> APIRouter:
    """The routes."""
    routes = APIRouter(tags=["session"])
    access = scheduler.access

    @routes.post(PATH, status_code=201, dependencies=[anybody()], responses=_TOO_OFTEN)
    def sign_in(request: Request, body: SignIn) -> Response:
        """Exchange an API token for a session, which comes as a cookie that no script can read."""
        incoming = Incoming.of(request.scope)
        begun = access.sign_in(body.token, incoming)
        told = _told(begun.session.principal, forgery_token(begun.secret)) | {
            "expires_at": begun.expires_at.astimezone(UTC).isoformat()
        }
        return _json(told, 201, _cookie(incoming, begun.secret, access.sessions.lifetime))

    @routes.get(PATH)
    def who_am_i(request: Request, who: Annotated[Principal, needs(Role.VIEWER)]) -> Response:
        """Who is asking, and as what. ``csrf_token`` goes with what a session changes, in ``X-CSRF-Token``."""
        return _json(_told(who, forgery_token_of(access, request.scope)))

    @routes.delete(PATH, status_code=204)
    def sign_out(request: Request, who: Annotated[Principal, needs(Role.VIEWER)]) -> Response:
        """End the session. An API token stays as it is."""
        access.sign_out(who)
        return Response(status_code=204, headers=_cookie(Incoming.of(request.scope), "", timedelta(0)))

    def _cookie(incoming: Incoming, secret: str, lifetime: timedelta) -> dict[str, str]:
        return {"Set-Cookie": cookie(secret, secure=access.is_secure(incoming), lifetime=lifetime)}

    return routes


def _told(who: Principal, csrf_token: str) -> dict[str, Any]:
    return {"name": who.name, "role": who.role.value, "how": who.how.value, "csrf_token": csrf_token or None}


def _json(content: Any, status: int = 200, headers: dict[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, headers, media_type="application/json")
