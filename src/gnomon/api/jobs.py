"""Jobs over REST: the same dicts that Python, command line and page show."""

from __future__ import annotations

from typing import Annotated, Any

import orjson
from fastapi import APIRouter, Header
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from gnomon.api.needs import needs
from gnomon.api.problems import problem
from gnomon.domain.change import Origin
from gnomon.domain.principal import Principal, Role
from gnomon.scheduler import Scheduler

_EXAMPLE: dict[str, Any] = {
    "trigger": "cron",
    "trigger_args": {"hour": 4, "timezone": "Europe/Berlin"},
    "reason": "the export is late",
}


class JobPatch(BaseModel):
    """What to change of a job. What is absent stays; unknown fields are refused."""

    model_config = ConfigDict(extra="forbid", strict=True, json_schema_extra={"examples": [_EXAMPLE]})

    trigger: str = Field(default="", max_length=32, description="cron, interval, date, calendarinterval or crontab")
    trigger_args: dict[str, Any] = Field(default_factory=dict, description="arguments of the trigger")
    enabled: bool = Field(default=True, description="whether the job fires")
    misfire_grace_time: int | None = Field(default=3600, description="seconds that a run may be late; null: no limit")
    coalesce: bool = Field(default=True, description="of several overdue times only the last runs")
    max_instances: int = Field(default=1, description="how many runs may be active at once")
    reason: str | None = Field(default=None, max_length=1000, description="why; kept in the log of changes")


def router(scheduler: Scheduler) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/scheduler", tags=["jobs"])

    @routes.get("/jobs", dependencies=[needs(Role.VIEWER)])
    def list_jobs() -> Response:
        """All jobs, by next run time, those without one last."""
        return _json({"jobs": scheduler.get_all_jobs()})

    @routes.get("/jobs/{job_id}", dependencies=[needs(Role.VIEWER)])
    def show_job(job_id: str) -> Response:
        """One job as it stands."""
        return _json(scheduler.get_job(job_id))

    @routes.patch("/jobs/{job_id}")
    def change_job(
        job_id: str,
        patch: JobPatch,
        who: Annotated[Principal, needs(Role.OPERATOR)],
        content_type: str = Header(default="", include_in_schema=False),
    ) -> Response:
        """Change fields of a job in one transaction; the answer is the job as it then stands."""
        if content_type.partition(";")[0].strip().lower() != "application/json":
            return problem(415, "not-json", "The body is not JSON", "send Content-Type: application/json")
        fields = {name: getattr(patch, name) for name in patch.model_fields_set}
        author = who.author(Origin.API, fields.pop("reason", None))
        return _json(scheduler.change_job(job_id, author=author, **fields))

    return routes


def _json(content: Any) -> Response:
    return Response(orjson.dumps(content), media_type="application/json")
