"""Health over HTTP: for load balancers, monitors and people."""

from __future__ import annotations

import orjson
from fastapi import APIRouter
from fastapi.responses import Response

from gnomon.scheduler import Scheduler


def router(scheduler: Scheduler) -> APIRouter:
    """The route."""
    routes = APIRouter(tags=["health"])

    @routes.get("/health")
    def health() -> Response:
        """Signs of life of the loop and the store: 200 if all is well, 503 if not."""
        found = scheduler.health()
        return Response(orjson.dumps(found), 200 if found["status"] == "ok" else 503, media_type="application/json")

    return routes
