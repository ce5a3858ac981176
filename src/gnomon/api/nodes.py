"""Nodes over REST: who is alive, what they run, how late they are."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response

from gnomon.api import schemas
from gnomon.api.answers import answer
from gnomon.api.needs import needs
from gnomon.domain.principal import Role
from gnomon.scheduler import Scheduler


def router(scheduler: Scheduler) -> APIRouter:
    """The route."""
    routes = APIRouter(prefix="/api/scheduler", tags=["nodes"])

    @routes.get("/nodes", dependencies=[needs(Role.VIEWER)], responses={200: {"model": schemas.Nodes}})
    def list_nodes(limit: Annotated[int, Query(ge=1, le=1000)] = 100) -> Response:
        """The nodes, the living first, then by when they were last seen."""
        return answer({"nodes": scheduler.nodes(limit=limit)})

    return routes
