"""The ASGI application: routes, problems, and what stands before them."""

from __future__ import annotations

from importlib.metadata import version

from fastapi import FastAPI

from gnomon.access.hosts import LOOPBACK, KnownHostsOnly
from gnomon.api import health, jobs, problems
from gnomon.api.body_size import LimitedBody
from gnomon.scheduler import Scheduler


def make_application(scheduler: Scheduler, *, hosts: tuple[str, ...] = LOOPBACK) -> FastAPI:
    """The API of a scheduler, started or not. ``hosts`` are the names it answers to."""
    app = FastAPI(
        title="Gnomon",
        version=version("gnomon"),
        description="Recurring jobs: what you see is what will fire.",
        openapi_url="/api/scheduler/openapi.json",
        docs_url=None,
        redoc_url=None,
    )
    problems.install(app)
    app.include_router(jobs.router(scheduler))
    app.include_router(health.router(scheduler))
    app.add_middleware(LimitedBody)
    app.add_middleware(KnownHostsOnly, hosts=hosts)
    return app
