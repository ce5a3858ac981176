"""Calendars over REST: named sets of dates on which jobs do not run."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from gnomon.api import schemas
from gnomon.api.answers import answer
from gnomon.api.needs import needs
from gnomon.domain.change import Origin
from gnomon.domain.principal import Principal, Role
from gnomon.scheduler import Scheduler

Operator = Annotated[Principal, needs(Role.OPERATOR)]
Name = Annotated[str, Path(max_length=64, description="letters, digits, dots, dashes and underscores; not `none`")]

_REMOVED: dict[int | str, dict[str, Any]] = {
    200: {"model": schemas.RemovedCalendar},
    404: {"description": "there is no such calendar"},
    409: {"description": "jobs name it: give them another, or `force` it"},
}


def router(scheduler: Scheduler) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/scheduler/calendars", tags=["calendars"])

    @routes.get("", dependencies=[needs(Role.VIEWER)], responses={200: {"model": schemas.Calendars}})
    def list_calendars() -> Response:
        """All calendars, by name, with their next dates and the jobs that name them."""
        return answer({"calendars": scheduler.get_calendars()})

    @routes.put("/{name}", responses={200: {"model": schemas.Calendar}})
    def set_calendar(name: Name, body: schemas.CalendarToSet, who: Operator) -> Response:
        """Make a calendar, or make it anew. The answer says which jobs that affects."""
        found = scheduler.set_calendar(
            name,
            country=body.country,
            subdivision=body.subdivision,
            dates=body.dates,
            author=who.author(Origin.API, body.reason),
        )
        return answer(found)

    @routes.delete("/{name}", responses=_REMOVED)
    def remove_calendar(
        name: Name,
        who: Operator,
        force: Annotated[bool, Query(description="also if jobs name it: they do not fire without it")] = False,
        reason: Annotated[str | None, Query(max_length=1000, description="why; kept in the log of changes")] = None,
    ) -> Response:
        """Remove a calendar."""
        jobs = scheduler.remove_calendar(name, force=force, author=who.author(Origin.API, reason))
        return answer({"name": name, "jobs": jobs})

    return routes
