"""The audit log over REST: who changed what, and undoing it."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Path, Query
from fastapi.responses import Response
from pydantic import AwareDatetime

from gnomon.api import bodies, schemas
from gnomon.api.answers import answer, tagged_answer
from gnomon.api.conditional import ANSWERS, IfMatch, expected_calendar, expected_token
from gnomon.api.cursors import cursor_of, position_of
from gnomon.api.needs import needs
from gnomon.domain.calendar import LOGGED_AS
from gnomon.domain.change import Change, Origin
from gnomon.domain.principal import Principal, Role
from gnomon.errors import CalendarNotFound, JobNotFound
from gnomon.operations.audit import change_dict
from gnomon.scheduler import Scheduler

#: Ids are signed 64-bit numbers in both databases.
ChangeId = Annotated[int, Path(ge=1, le=2**63 - 1)]
_MISSING: dict[int | str, dict[str, Any]] = {404: {"description": "there is no such change"}}


def router(scheduler: Scheduler) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/scheduler/changes", tags=["changes"])

    @routes.get("", dependencies=[needs(Role.VIEWER)], responses={200: {"model": schemas.ChangesPage}})
    def list_changes(
        job: Annotated[str | None, Query(max_length=191, description="of one job")] = None,
        actor: Annotated[str | None, Query(max_length=191, description="by one actor")] = None,
        since: Annotated[AwareDatetime | None, Query(description="from this time on")] = None,
        until: Annotated[AwareDatetime | None, Query(description="up to this time")] = None,
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        cursor: Annotated[str | None, Query(max_length=2000)] = None,
    ) -> Response:
        """Lines of the audit log, newest first."""
        position = position_of(cursor, int)
        before = None if position is None else position[0]
        found = scheduler.changes(job, actor=actor, since=since, until=until, before=before, limit=limit)
        following = (found[-1].id,) if len(found) == limit else None
        return answer({"changes": [change_dict(change) for change in found], "next": cursor_of(following)})

    @routes.get(
        "/{change_id}", dependencies=[needs(Role.VIEWER)], responses={200: {"model": schemas.Change}, **_MISSING}
    )
    def show_change(change_id: ChangeId) -> Response:
        """One line of the audit log."""
        return answer(change_dict(scheduler.change(change_id)))

    @routes.post("/{change_id}/undo", responses={200: {"model": schemas.Job | schemas.Calendar}, **_MISSING, **ANSWERS})
    def undo_change(
        change_id: ChangeId,
        who: Annotated[Principal, needs(Role.OPERATOR)],
        body: bodies.Because | None = None,
        if_match: IfMatch = None,
    ) -> Response:
        """Undo a change by a new one. Refused where a later change stands in the way. The answer is the job, or the
        calendar, whose change it was; one that was added is removed, and the answer says how it stood."""
        token = _token(scheduler, scheduler.change(change_id), if_match)
        author = who.author(Origin.API, body.reason if body is not None else None)
        return tagged_answer(scheduler.undo_change(change_id, if_token=token, author=author))

    return routes


def _token(scheduler: Scheduler, change: Change, if_match: str | None) -> str | None:
    """Where undoing brings back what was removed, there is nothing that it could match."""
    try:
        if change.job_id.startswith(LOGGED_AS):
            return expected_calendar(scheduler, change.job_id.removeprefix(LOGGED_AS), if_match)
        return expected_token(scheduler, change.job_id, if_match)
    except (JobNotFound, CalendarNotFound):
        return None
