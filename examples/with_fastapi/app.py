"""Jobs inside a FastAPI application.

    pip install gnomon
    uvicorn app:app --workers 2                       # each worker fires; each due time runs once
    curl http://127.0.0.1:8000/                       # the application
    curl http://127.0.0.1:8000/jobs/api/scheduler/jobs

    gnomon set heartbeat interval seconds=10 --store jobs.db    # from another terminal; nothing restarts

The scheduler lives as long as the application's lifespan, so importing this module starts nothing. The mounted API
asks nobody who he is, and so answers to this machine's own names only: ``scheduler.asgi(hosts=[...])`` adds others,
once something in front of it asks.
"""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from gnomon import Scheduler, current_run

scheduler = Scheduler(os.environ.get("GNOMON_STORE", "sqlite:///jobs.db"), timezone="Europe/Berlin")


@scheduler.job("interval", seconds=1)
def heartbeat() -> None:
    """Adds a line to heartbeat.log: which time, run by which process."""
    with open("heartbeat.log", "a", encoding="utf-8") as log:
        log.write(f"{current_run().scheduled_at.isoformat()} {os.getpid()}\n")


@scheduler.job("cron", hour=3)
async def nightly() -> None:
    """Coroutines run in an event loop of Gnomon's own: share nothing with your handlers that belongs to theirs."""


@asynccontextmanager
async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
    with scheduler:  # start(); and shutdown(wait=True), when what runs has ended
        yield


app = FastAPI(title="An application with jobs", lifespan=lifespan)
app.mount("/jobs", scheduler.asgi())


# Not `async def`: reading the store waits for a database, and FastAPI runs this kind of handler in its thread pool.
@app.get("/")
def next_runs() -> dict[str, str | None]:
    """When each job runs next."""
    return {job["id"]: job["next_run_time"] for job in scheduler.get_all_jobs()}
