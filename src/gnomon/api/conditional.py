"""Conditional requests (RFC 9110, RFC 6585): a change says which state of a job or calendar it was decided on.

The entity tag of each is its token. Without ``If-Match`` a change is refused (428), with an old one, too (412, with
what stands there); ``*`` means whatever stands there. A calendar is made by ``PUT`` to its own address:
``If-None-Match: *`` makes a new one and overwrites nobody's, and ``If-Match: *`` does not make one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, NamedTuple

from fastapi import Header
from starlette.exceptions import HTTPException

from gnomon.scheduler import Scheduler

_TAG = re.compile(r'\s*"([^"\s]{1,64})"\s*')

IfMatch = Annotated[
    str | None,
    Header(
        alias="If-Match",
        max_length=200,
        description="the `ETag` of what the change was decided on; `*`: whatever stands there",
    ),
]
IfNoneMatch = Annotated[
    str | None, Header(alias="If-None-Match", max_length=200, description="`*`: only if there is none of this name")
]

#: For the description of the API, of every route that changes a job or a calendar.
ANSWERS: dict[int | str, dict[str, Any]] = {
    409: {"description": "the change makes no sense for what stands there"},
    412: {"description": "somebody else has changed it: `job` or `calendar` as it stands, and the fields that differ"},
    428: {"description": "no `If-Match` was sent"},
}


def expected_token(scheduler: Scheduler, job_id: str, if_match: str | None) -> str | None:
    """The token that ``If-Match`` names; ``None`` for ``*``. Raises an ``HTTPException`` of 428 or 400, and
    ``JobNotFound`` rather than to ask for the tag of a job that there is not."""
    if if_match is None:
        scheduler.get_job(job_id)
    return _token_in(if_match, "job")


def expected_calendar(scheduler: Scheduler, name: str, if_match: str | None) -> str | None:
    """The same of a calendar that is to be removed; raises ``CalendarNotFound``."""
    if if_match is None:
        scheduler.get_calendar(name)
    return _token_in(if_match, "calendar")


class Precondition(NamedTuple):
    """What has to stand under the name of a calendar for it to be set, as ``Scheduler.set_calendar`` takes it."""

    if_token: str | None = None
    if_exists: bool | None = None


def precondition(if_match: str | None, if_none_match: str | None) -> Precondition:
    """What a request to set a calendar expects. Raises an ``HTTPException`` of 428 or 400."""
    if if_none_match is None:
        token = _token_in(if_match, "calendar", ", or If-None-Match: * to make a new one")
        return Precondition(token, True)
    if if_match is not None or if_none_match.strip() != "*":
        raise HTTPException(400, "send If-None-Match: * to make a new calendar, or If-Match to set one that you saw")
    return Precondition(if_exists=False)


def _token_in(if_match: str | None, what: str, further: str = "") -> str | None:
    if if_match is None:
        detail = f"send If-Match with the ETag of the {what} that you saw, or * to change it whatever it is{further}"
        raise HTTPException(428, detail)
    if if_match.strip() == "*":
        return None
    tag = _TAG.fullmatch(if_match)
    if tag is None:
        raise HTTPException(400, 'If-Match holds one entity tag in double quotes, such as "3f2a0c", or *')
    return tag[1]


def etag(stored: Mapping[str, Any]) -> dict[str, str]:
    """The header that tells the token of a job or a calendar."""
    return {"ETag": f'"{stored["token"]}"'} if stored["token"] is not None else {}
