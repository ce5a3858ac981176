"""Conditional requests (RFC 9110, RFC 6585): a change says which state of the job it was decided on.

The entity tag of a job is its token. Without ``If-Match`` a change is refused (428), with an old one, too (412, with
the job as it stands); ``*`` means whatever stands there.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import Header
from starlette.exceptions import HTTPException

from gnomon.scheduler import Scheduler

_TAG = re.compile(r'\s*"([^"\s]{1,64})"\s*')

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=200,
        description="the `ETag` of the job that the change was decided on; `*`: whatever stands there",
    ),
]

#: For the description of the API, of every route that changes a job.
ANSWERS: dict[int | str, dict[str, Any]] = {
    409: {"description": "the change makes no sense for the job as it stands"},
    412: {"description": "somebody else has changed the job: `job` as it stands, and the fields that differ"},
    428: {"description": "no `If-Match` was sent"},
}


def expected_token(scheduler: Scheduler, job_id: str, if_match: str | None) -> str | None:
    """The token that ``If-Match`` names; ``None`` for ``*``. Raises an ``HTTPException`` of 428 or 400, and
    ``JobNotFound`` rather than to ask for the tag of a job that there is not."""
    if if_match is None:
        scheduler.get_job(job_id)
        raise HTTPException(
            428, "send If-Match with the ETag of the job that you saw, or * to change it whatever it is"
        )
    if if_match.strip() == "*":
        return None
    tag = _TAG.fullmatch(if_match)
    if tag is None:
        raise HTTPException(400, 'If-Match holds one entity tag in double quotes, such as "3f2a0c", or *')
    return tag[1]


def etag(job: Mapping[str, Any]) -> dict[str, str]:
    """The header that tells a job's token."""
    return {"ETag": f'"{job["token"]}"'} if job["token"] is not None else {}
