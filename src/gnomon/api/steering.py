"""What operators do to a job, each by a word of its own: pause, resume, revert, keep, adopt; skip, move, clear."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter
from fastapi.responses import Response

from gnomon.api import bodies, schemas
from gnomon.api.answers import tagged_answer
from gnomon.api.conditional import ANSWERS, IfMatch, expected_token
from gnomon.api.needs import needs
from gnomon.domain.change import Author, Origin
from gnomon.domain.principal import Principal, Role
from gnomon.scheduler import Scheduler

Operator = Annotated[Principal, needs(Role.OPERATOR)]

_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: {"model": schemas.Job},
    404: {"description": "there is no such job"},
    **ANSWERS,
}


def router(scheduler: Scheduler) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/scheduler/jobs/{job_id}", tags=["jobs"])

    @routes.post("/pause", responses=_RESPONSES)
    def pause(
        job_id: str, who: Operator, body: bodies.BecauseUntil | None = None, if_match: IfMatch = None
    ) -> Response:
        """Do not fire the job until it is resumed, or until `expires_at`."""
        token = expected_token(scheduler, job_id, if_match)
        until = body.expires_at if body is not None else None
        return tagged_answer(
            scheduler.change_job(job_id, enabled=False, expires_at=until, if_token=token, author=_author(who, body))
        )

    @routes.post("/resume", responses=_RESPONSES)
    def resume(
        job_id: str, who: Operator, body: bodies.BecauseUntil | None = None, if_match: IfMatch = None
    ) -> Response:
        """Fire the job again. The next run is counted from now."""
        token = expected_token(scheduler, job_id, if_match)
        until = body.expires_at if body is not None else None
        return tagged_answer(
            scheduler.change_job(job_id, enabled=True, expires_at=until, if_token=token, author=_author(who, body))
        )

    @routes.post("/revert", responses=_RESPONSES)
    def revert(job_id: str, who: Operator, body: bodies.Reverting | None = None, if_match: IfMatch = None) -> Response:
        """Return what was overridden to what the code says."""
        token = expected_token(scheduler, job_id, if_match)
        fields = body.fields if body is not None else None
        return tagged_answer(scheduler.revert_job(job_id, fields=fields, if_token=token, author=_author(who, body)))

    @routes.post("/keep", responses=_RESPONSES)
    def keep(job_id: str, who: Operator, body: bodies.Because | None = None, if_match: IfMatch = None) -> Response:
        """Where the code has changed its mind since: keep what was overridden as it is."""
        token = expected_token(scheduler, job_id, if_match)
        return tagged_answer(scheduler.keep_override(job_id, if_token=token, author=_author(who, body)))

    @routes.post("/adopt", responses=_RESPONSES)
    def adopt(job_id: str, who: Operator, body: bodies.Because | None = None, if_match: IfMatch = None) -> Response:
        """Where the code has changed its mind since: follow the code."""
        token = expected_token(scheduler, job_id, if_match)
        return tagged_answer(scheduler.adopt_default(job_id, if_token=token, author=_author(who, body)))

    @routes.post("/skip", responses=_RESPONSES)
    def skip(job_id: str, who: Operator, body: bodies.Skipping | None = None, if_match: IfMatch = None) -> Response:
        """Skip one run: that of the due time `at`, or the one that would start next. The schedule and the token stay
        as they are."""
        token = expected_token(scheduler, job_id, if_match)
        at = body.at if body is not None else None
        return tagged_answer(scheduler.skip_next(job_id, at=at, if_token=token, author=_author(who, body)))

    @routes.post("/move", responses=_RESPONSES)
    def move(job_id: str, who: Operator, body: bodies.Moving, if_match: IfMatch = None) -> Response:
        """Let one run start at another time: that of the due time `at`, or the one that would start next."""
        token = expected_token(scheduler, job_id, if_match)
        return tagged_answer(
            scheduler.move_next(job_id, body.to, at=body.at, if_token=token, author=_author(who, body))
        )

    @routes.post("/clear", responses=_RESPONSES)
    def clear(job_id: str, who: Operator, body: bodies.Clearing, if_match: IfMatch = None) -> Response:
        """Take back that one run was skipped or moved, as long as that has not happened."""
        token = expected_token(scheduler, job_id, if_match)
        return tagged_answer(scheduler.clear_exception(job_id, body.at, if_token=token, author=_author(who, body)))

    return routes


def _author(who: Principal, body: bodies.Because | None) -> Author:
    return who.author(Origin.API, body.reason if body is not None else None)
