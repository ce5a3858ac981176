"""The ASGI application with pages: that of the API, and what people look at."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import FastAPI

from gnomon.access.authentication import Identify
from gnomon.api import application as api
from gnomon.scheduler import Scheduler
from gnomon.web import (
    calendars,
    changes,
    editor,
    jobs,
    new_job,
    nodes,
    once,
    one_job,
    overview,
    readable,
    run,
    runs,
    sign_in,
    static_files,
    static_route,
    steering,
    together,
    tokens,
)
from gnomon.web.rendering import Pages

#: The addresses that answer somebody whom nobody knows.
PUBLIC = api.PUBLIC | {sign_in.PATH, static_files.PREFIX}
#: Each has a ``router``.
PARTS = (
    *(overview, jobs, together, new_job, one_job, once, editor, steering, runs, run, changes, calendars, nodes, tokens),
    *(sign_in, static_route),
)


def make_application(
    scheduler: Scheduler,
    *,
    hosts: Sequence[str] | None = None,
    loopback: bool = True,
    identify: Identify | None = None,
) -> FastAPI:
    """API and pages of a scheduler, started or not; see ``Scheduler.asgi``."""
    pages = Pages(scheduler)
    app = api.make_application(
        scheduler,
        hosts=hosts,
        loopback=loopback,
        identify=identify,
        further=[part.router(pages) for part in PARTS],
        public=PUBLIC,
    )
    readable.install(app, pages)
    return app
