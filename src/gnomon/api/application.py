"""The ASGI application: routes, problems, and what stands before them."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Depends, FastAPI, Request
from fastapi.responses import JSONResponse, Response

from gnomon.access.authentication import Identify
from gnomon.access.guard import Guard
from gnomon.access.hosts import LOOPBACK
from gnomon.api import calendars, changes, events, health, jobs, nodes, previews, problems, runs, session, steering
from gnomon.api.ambiguity import unambiguous
from gnomon.api.needs import declared_only, needs
from gnomon.domain.principal import Role
from gnomon.scheduler import Scheduler

#: The addresses that answer somebody whom nobody knows. Each of their routes says itself what it then tells.
PUBLIC = frozenset({health.PATH, session.PATH})

_DESCRIPTION = "/api/scheduler/openapi.json"


class _Described(FastAPI):
    """An application whose description says what its refusals look like."""

    def openapi(self) -> dict[str, Any]:
        """The API in OpenAPI 3.1; worked out once."""
        if self.openapi_schema is None:
            problems.describe(super().openapi())
        return super().openapi()


def make_application(
    scheduler: Scheduler,
    *,
    hosts: Sequence[str] | None = None,
    loopback: bool = True,
    identify: Identify | None = None,
    further: Iterable[APIRouter] = (),
    public: Collection[str] = PUBLIC,
) -> FastAPI:
    """The API of a scheduler, started or not; see ``Scheduler.asgi``. ``further`` are routes beside those of the API,
    and ``public`` the addresses that answer somebody whom nobody knows."""
    app = _Described(
        title="Gnomon",
        version=version("gnomon"),
        description="Recurring jobs: what you see is what will fire.",
        openapi_url=None,
        docs_url=None,
        redoc_url=None,
        dependencies=[Depends(declared_only), Depends(unambiguous)],
        responses=problems.OF_EVERY_ROUTE,
    )
    problems.install(app)
    for part in (jobs, steering, calendars, runs, changes, previews, nodes, events):
        app.include_router(part.router(scheduler))
    app.include_router(session.router(scheduler))
    app.include_router(health.router(scheduler))
    for routes in further:
        app.include_router(routes)

    @app.get(_DESCRIPTION, include_in_schema=False, dependencies=[needs(Role.VIEWER)])
    def description(request: Request) -> Response:
        """The API in OpenAPI 3.1, with the place where it is mounted."""
        root = request.scope.get("root_path", "").rstrip("/")
        return JSONResponse(app.openapi() | ({"servers": [{"url": root}]} if root else {}))

    app.add_middleware(
        Guard,
        access=scheduler.access,
        hosts=(*LOOPBACK, *scheduler.settings.allowed_hosts) if hosts is None else hosts,
        public=public,
        loopback=loopback,
        identify=identify,
    )
    return app
