"""Which role a route needs. Each route says so; one that does not, answers nobody.

::

    @routes.get("/jobs", dependencies=[needs(Role.VIEWER)])
    def list_jobs() -> Response: ...

    @routes.post("/jobs/{job_id}/pause")
    def pause(job_id: str, who: Annotated[Principal, needs(Role.OPERATOR)]) -> Response:
        scheduler.pause_job(job_id, author=who.author(Origin.API))
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable
from typing import Annotated, Any

from fastapi import Depends, Request, Security
from fastapi.routing import APIRoute
from fastapi.security import APIKeyCookie, HTTPBearer
from starlette.exceptions import HTTPException

from gnomon.access.asking import asked, principal_of, require
from gnomon.access.sessions import cookie_name
from gnomon.domain.principal import Principal, Role

logger = logging.getLogger("gnomon.access")

# For the description of the API alone: who is asking is found out before.
_TOKEN = HTTPBearer(scheme_name="API token", bearerFormat="gnomon_…", auto_error=False)
_SESSION = APIKeyCookie(scheme_name="session", name=cookie_name(secure=False), auto_error=False)


def _demanding(role: Role) -> Callable[..., Awaitable[Principal]]:
    async def demanded(
        request: Request, _token: Annotated[Any, Security(_TOKEN)], _cookie: Annotated[Any, Security(_SESSION)]
    ) -> Principal:
        return require(request.scope, role)

    return demanded


async def _whoever(request: Request) -> Principal | None:
    return principal_of(request.scope)


_DEMANDS = {role: _demanding(role) for role in Role}
_DECLARED: dict[Any, Role | None] = {demand: role for role, demand in _DEMANDS.items()} | {_whoever: None}


def needs(role: Role) -> Any:
    """A dependency: only who has this role, or one that includes it, gets further. Its value is the ``Principal``.

    Others are answered with 401 or 403.
    """
    return Depends(_DEMANDS[role])


def anybody() -> Any:
    """A dependency: everybody gets further. Its value is the ``Principal``, or ``None`` if nobody knows who asks.

    The address has to stand among the public ones of the application as well.
    """
    return Depends(_whoever)


def roles_of(route: object) -> list[Role | None]:
    """What a route declares: the roles that it needs, or ``None`` for everybody; nothing if it forgot to."""
    if not isinstance(route, APIRoute):
        return []
    return [_DECLARED[each.call] for each in route.dependant.dependencies if each.call in _DECLARED]


async def declared_only(request: Request) -> None:
    """A dependency of the whole application: a route that declares no role is refused to everybody."""
    if not roles_of(request.scope.get("route")):
        logger.error("%s %s declares no role, so nobody may use it", *asked(request.scope))
        raise HTTPException(403, "this address declares no role, so nobody may use it: that is a defect")
