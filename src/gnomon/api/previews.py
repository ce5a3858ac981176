"""Previews over REST: when a trigger would fire, before anything is changed. And the kinds of trigger there are."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from gnomon.api import bodies, schemas
from gnomon.api.answers import answer
from gnomon.api.needs import needs
from gnomon.domain.principal import Role
from gnomon.domain.triggers import KINDS
from gnomon.errors import InvalidInput
from gnomon.operations.preview import UNCHANGED, Unchanged, change_preview_dict, preview_dict
from gnomon.scheduler import Scheduler


def router(scheduler: Scheduler) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/scheduler", tags=["triggers"])

    @routes.get("/triggers", dependencies=[needs(Role.VIEWER)])
    def list_kinds() -> Response:
        """The kinds of trigger that can be sent, each with its arguments, their types and limits."""
        return answer({"triggers": [_kind(name) for name in KINDS]})

    @routes.post(
        "/preview",
        dependencies=[needs(Role.VIEWER)],
        responses={200: {"model": schemas.TriggerWords}, 404: {"description": "there is no such calendar"}},
    )
    def preview(body: bodies.TriggerToPreview) -> Response:
        """What a trigger would do: its next fire times, calculated by the code that fires, how many runs a month that
        is, and what happens when the clocks change."""
        made = scheduler.build_trigger(body.trigger, body.trigger_args)
        return answer(preview_dict(scheduler.preview(made, count=body.count, calendar=body.calendar)))

    @routes.post(
        "/jobs/{job_id}/preview",
        dependencies=[needs(Role.VIEWER)],
        responses={200: {"model": schemas.ChangePreview}, 404: {"description": "there is no such job, or calendar"}},
    )
    def preview_change(job_id: str, body: bodies.ChangeToPreview) -> Response:
        """What a job will do as it stands, and what it would do with another trigger, another calendar, or both."""
        if body.trigger is None and body.trigger_args:
            raise InvalidInput("trigger", None, "give the kind of trigger that the arguments are for")
        zone, made = scheduler.get_job(job_id)["timezone"], None
        if body.trigger is not None:  # in the zone of the job unless another is named, as changing it does
            args = body.trigger_args if zone is None else {"timezone": zone, **body.trigger_args}
            made = scheduler.build_trigger(body.trigger, args)
        calendar: str | Unchanged | None = UNCHANGED if body.calendar is None else body.calendar
        found = scheduler.preview_change(
            job_id,
            made,
            count=body.count,
            calendar=None if calendar == "none" else calendar,
        )
        return answer(change_preview_dict(found))

    return routes


def _kind(name: str) -> dict[str, Any]:
    kind = KINDS[name]
    fields = [
        {
            "name": field.name,
            "type": field.type.value,
            "help": field.help,
            "required": field.required,
            "minimum": field.minimum,
            "maximum": field.maximum,
        }
        for field in kind.fields
    ]
    return {"trigger": name, "help": kind.help, "arguments": fields}
