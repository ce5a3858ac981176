"""Previews over REST: when a trigger would fire, before anything is changed. And the kinds of trigger there are."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response

from gnomon.api import schemas
from gnomon.api.answers import answer
from gnomon.api.needs import needs
from gnomon.domain.principal import Role
from gnomon.domain.triggers import KINDS
from gnomon.operations.preview import Preview
from gnomon.scheduler import Scheduler


def router(scheduler: Scheduler) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/scheduler", tags=["triggers"])

    @routes.get("/triggers", dependencies=[needs(Role.VIEWER)])
    def list_kinds() -> Response:
        """The kinds of trigger that can be sent, each with its arguments, their types and limits."""
        return answer({"triggers": [_kind(name) for name in KINDS]})

    @routes.post("/preview", dependencies=[needs(Role.VIEWER)], responses={200: {"model": schemas.TriggerWords}})
    def preview(body: schemas.TriggerToPreview) -> Response:
        """The next fire times that a trigger would have, calculated by the code that fires."""
        return answer(_preview(scheduler.preview(body.trigger, count=body.count, **body.trigger_args)))

    @routes.post(
        "/jobs/{job_id}/preview",
        dependencies=[needs(Role.VIEWER)],
        responses={200: {"model": schemas.ChangePreview}, 404: {"description": "there is no such job"}},
    )
    def preview_change(job_id: str, body: schemas.TriggerToPreview) -> Response:
        """The next fire times of a job as it stands, and as it would be with another trigger."""
        found = scheduler.preview_change(job_id, body.trigger, count=body.count, **body.trigger_args)
        return answer({"job": found.job, "before": _preview(found.before), "after": _preview(found.after)})

    return routes


def _preview(preview: Preview) -> dict[str, Any]:
    trigger = preview.trigger
    return {
        "trigger": trigger.kind,
        "trigger_args": trigger.args,
        "timezone": trigger.timezone,
        "schedule": trigger.words,
        "fire_times": [time.isoformat() for time in preview.fire_times],
    }


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
