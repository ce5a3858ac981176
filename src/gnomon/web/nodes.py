"""The nodes: who is alive, since when, what they run, how they are; who is gone; and how to start one."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gnomon.api.needs import needs
from gnomon.domain.principal import Role
from gnomon.web import ledger
from gnomon.web.health import health_of
from gnomon.web.rendering import Pages

_MOST_GONE = 20


def router(pages: Pages) -> APIRouter:
    """The route."""
    routes = APIRouter(include_in_schema=False)
    scheduler = pages.scheduler

    @routes.get("/nodes", dependencies=[needs(Role.VIEWER)])
    def nodes(request: Request) -> Response:
        """Who fires."""
        now = scheduler.store.database.now()
        found = [health_of(node) for node in ledger.nodes(scheduler)]
        return pages.answer(
            request,
            "nodes.html",
            now=now,
            living=[each for each in found if each.node["state"] in {"alive", "silent"}],
            is_any_alive=any(each.node["state"] == "alive" for each in found),
            gone=[each for each in found if each.node["state"] not in {"alive", "silent"}][:_MOST_GONE],
            store=scheduler.store.shown_url,
        )

    return routes
