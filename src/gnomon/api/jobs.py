"""Jobs over REST: the same dicts that Python, command line and page show."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import APIRouter, Query
from fastapi.responses import Response

from gnomon.api import bodies, schemas
from gnomon.api.answers import answer, tagged_answer
from gnomon.api.conditional import ANSWERS, IfMatch, expected_token
from gnomon.api.cursors import cursor_of, position_of
from gnomon.api.needs import needs
from gnomon.domain.change import Origin
from gnomon.domain.override import DEFAULT
from gnomon.domain.principal import Principal, Role
from gnomon.operations.list_jobs import MOST, JobQuery, Position, Sort
from gnomon.scheduler import Scheduler

Operator = Annotated[Principal, needs(Role.OPERATOR)]

_TAKEN = "there is a job of this id, or no node has told of such a task"
_JOB: dict[int | str, dict[str, Any]] = {200: {"model": schemas.Job}, 404: {"description": "there is no such job"}}


def router(scheduler: Scheduler) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/scheduler", tags=["jobs"])

    @routes.get("/jobs", dependencies=[needs(Role.VIEWER)], responses={200: {"model": schemas.JobsPage}})
    def list_jobs(
        search: Annotated[str, Query(max_length=200, description="in id, name, description or words")] = "",
        state: Annotated[list[schemas.State] | None, Query(max_length=5)] = None,
        source: Annotated[list[schemas.Source] | None, Query(max_length=3)] = None,
        sort: Annotated[Sort, Query()] = Sort.NEXT_RUN,
        limit: Annotated[int, Query(ge=1, le=MOST)] = MOST,
        cursor: Annotated[str | None, Query(max_length=2000, description="`next` of the page before")] = None,
    ) -> Response:
        """Jobs, by next run time, those without one last."""
        position = position_of(cursor, (float, int, type(None)), str)
        page = scheduler.list_jobs(
            JobQuery(
                search=search,
                states=frozenset(state or ()),
                sources=frozenset(source or ()),
                sort=sort,
                limit=limit,
                after=None if position is None else Position(*position),
            )
        )
        return answer({"jobs": page.jobs, "next": cursor_of(page.next)})

    @routes.post("/jobs", status_code=201, responses={201: {"model": schemas.Job}, 409: {"description": _TAKEN}})
    def add_job(body: bodies.NewJob, who: Operator) -> Response:
        """Add a job for a task that code declares. Its arguments are checked against the task's signature."""
        job = scheduler.add_job(
            body.id,
            body.task,
            scheduler.build_trigger(body.trigger, body.trigger_args),
            kwargs=body.kwargs,
            name=body.name,
            description=body.description,
            enabled=body.enabled,
            calendar=body.calendar,
            author=who.author(Origin.API, body.reason),
        )
        return tagged_answer(job, 201)

    @routes.get("/tasks", dependencies=[needs(Role.VIEWER)], responses={200: {"model": schemas.Tasks}})
    def list_tasks() -> Response:
        """The tasks that jobs can be added for, each with the JSON Schema of its arguments."""
        return answer({"tasks": scheduler.tasks()})

    @routes.get("/jobs/{job_id}", dependencies=[needs(Role.VIEWER)], responses=_JOB)
    def show_job(job_id: str) -> Response:
        """One job as it stands. Its token is the `ETag`."""
        return tagged_answer(scheduler.get_job(job_id))

    @routes.patch("/jobs/{job_id}", responses={**_JOB, **ANSWERS})
    def change_job(job_id: str, patch: bodies.JobPatch, who: Operator, if_match: IfMatch = None) -> Response:
        """Change fields of a job in one transaction; the answer is the job as it then stands.

        What is absent stays, `null` returns a field to what the code says. The next run is counted from now; a paused
        job stays paused.
        """
        token = expected_token(scheduler, job_id, if_match)
        sent = {name: getattr(patch, name) for name in patch.model_fields_set}
        author = who.author(Origin.API, sent.pop("reason", None))
        expires_at, args = sent.pop("expires_at", None), sent.pop("trigger_args", None)
        fields = {name: DEFAULT if value is None else value for name, value in sent.items()}
        if fields.get("misfire_grace_time") == "unlimited":
            fields["misfire_grace_time"] = None
        if fields.get("calendar") == "none":
            fields["calendar"] = None
        changed = scheduler.change_job(
            job_id, trigger_args=args, expires_at=expires_at, if_token=token, author=author, **cast("Any", fields)
        )
        return tagged_answer(changed)

    @routes.delete("/jobs/{job_id}", responses={**_JOB, **ANSWERS})
    def remove_job(job_id: str, who: Operator, if_match: IfMatch = None) -> Response:
        """Remove a job that no code declares; the answer is the job as it stood. Undoing that change brings it back."""
        token = expected_token(scheduler, job_id, if_match)
        return tagged_answer(scheduler.remove_job(job_id, if_token=token, author=who.author(Origin.API)))

    return routes
