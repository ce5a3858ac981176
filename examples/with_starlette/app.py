"""Jobs inside a Starlette application.

    pip install gnomon
    uvicorn app:app --workers 2                       # each worker fires; each due time runs once
    curl http://127.0.0.1:8000/                       # the application
    curl http://127.0.0.1:8000/jobs/api/scheduler/jobs

    gnomon set heartbeat interval seconds=10 --store jobs.db    # from another terminal; nothing restarts

The scheduler lives as long as the application's lifespan, so importing this module starts nothing.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse
from starlette.routing import Mount, Route

from gnomon import Scheduler, current_run

scheduler = Scheduler(os.environ.get("GNOMON_STORE", "sqlite:///jobs.db"), timezone="Europe/Berlin")


@scheduler.job("interval", seconds=1)
def heartbeat() -> None:
    """Adds a line to heartbeat.log: which time, run by which process."""
    with open("heartbeat.log", "a", encoding="utf-8") as log:
        log.write(f"{current_run().scheduled_at.isoformat()} {os.getpid()}\n")


@asynccontextmanager
async def lifespan(_app: Starlette) -> AsyncIterator[None]:
    with scheduler:  # start(); and shutdown(wait=True), when what runs has ended
        yield


# Not `async def`: reading the store waits for a database, and Starlette runs this kind of handler in its thread pool.
def next_runs(_request: Request) -> JSONResponse:
    """When each job runs next."""
    return JSONResponse({job["id"]: job["next_run_time"] for job in scheduler.get_all_jobs()})


app = Starlette(routes=[Route("/", next_runs), Mount("/jobs", scheduler.asgi())], lifespan=lifespan)
