"""Health over HTTP: for load balancers, monitors and people."""

from __future__ import annotations

from typing import Annotated

import orjson
from fastapi import APIRouter
from fastapi.responses import Response

from gnomon.api.needs import anybody
from gnomon.domain.principal import Principal, Role
from gnomon.scheduler import Scheduler

PATH = "/health"


def router(scheduler: Scheduler) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["health"])

    @routes.get(PATH, responses={503: {"description": "not all is well", "content": {"application/json": {}}}})
    def health(who: Annotated[Principal | None, anybody()]) -> Response:
        """Signs of life of the loop and the store: 200 if all is well, 503 if not. Who may look is told why."""
        found = scheduler.health()
        shown = found if who is not None and who.may(Role.VIEWER) else {"status": found["status"]}
        return Response(orjson.dumps(shown), 200 if found["status"] == "ok" else 503, media_type="application/json")

    return routes
