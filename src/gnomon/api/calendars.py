"""Calendars over REST: named sets of dates on which jobs do not run."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response

from gnomon.api import bodies, schemas
from gnomon.api.answers import answer, tagged_answer
from gnomon.api.conditional import ANSWERS, IfMatch, IfNoneMatch, expected_calendar, precondition
from gnomon.api.needs import needs
from gnomon.domain.change import Origin
from gnomon.domain.principal import Principal, Role
from gnomon.scheduler import Scheduler

Operator = Annotated[Principal, needs(Role.OPERATOR)]
Name = Annotated[str, Path(max_length=64, description="letters, digits, dots, dashes and underscores; not `none`")]

_FOUND: dict[int | str, dict[str, Any]] = {
    200: {"model": schemas.Calendar},
    404: {"description": "there is no such calendar"},
}
_SET: dict[int | str, dict[str, Any]] = {
    200: {"model": schemas.Calendar},
    201: {"model": schemas.Calendar, "description": "it was made"},
    412: ANSWERS[412],
    428: {"description": "neither `If-Match` nor `If-None-Match` was sent"},
}
_REMOVED: dict[int | str, dict[str, Any]] = {
    **_FOUND,
    **ANSWERS,
    200: {"model": schemas.RemovedCalendar},
    409: {"description": "jobs name it: give them another, or `force` it"},
}


def router(scheduler: Scheduler) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/scheduler/calendars", tags=["calendars"])

    @routes.get("", dependencies=[needs(Role.VIEWER)], responses={200: {"model": schemas.Calendars}})
    def list_calendars() -> Response:
        """All calendars, by name, with their next dates and the jobs that name them."""
        return answer({"calendars": scheduler.get_calendars()})

    @routes.get("/{name}", dependencies=[needs(Role.VIEWER)], responses=_FOUND)
    def show_calendar(name: Name) -> Response:
        """One calendar as it stands. Its token is the `ETag`."""
        return tagged_answer(scheduler.get_calendar(name))

    @routes.put("/{name}", responses=_SET)
    def set_calendar(
        name: Name,
        body: bodies.CalendarToSet,
        who: Operator,
        if_match: IfMatch = None,
        if_none_match: IfNoneMatch = None,
    ) -> Response:
        """Make a calendar (`If-None-Match: *`), or make one anew (`If-Match`). The answer says which jobs that
        affects."""
        expected = precondition(if_match, if_none_match)
        found = scheduler.set_calendar(
            name,
            country=body.country,
            subdivision=body.subdivision,
            dates=body.dates,
            if_token=expected.if_token,
            if_exists=expected.if_exists,
            author=who.author(Origin.API, body.reason),
        )
        return tagged_answer(found, 200 if expected.if_exists else 201)

    @routes.delete("/{name}", responses=_REMOVED)
    def remove_calendar(
        name: Name,
        who: Operator,
        force: Annotated[bool, Query(description="also if jobs name it: they do not fire without it")] = False,
        reason: Annotated[str | None, Query(max_length=1000, description="why; kept in the log of changes")] = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Remove a calendar."""
        token = expected_calendar(scheduler, name, if_match)
        jobs = scheduler.remove_calendar(name, force=force, if_token=token, author=who.author(Origin.API, reason))
        return answer({"name": name, "jobs": jobs})

    return routes
