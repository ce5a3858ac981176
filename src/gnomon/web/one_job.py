"""One job: what is stored, what the code says and what was overridden; when it fires, what it did, what was changed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gnomon.api.needs import needs
from gnomon.domain.change import Author, Change
from gnomon.domain.principal import Principal, Role
from gnomon.errors import ChangeRefused, InvalidInput, JobNotFound, StaleToken
from gnomon.operations.audit import change_in_words
from gnomon.scheduler import Scheduler
from gnomon.web import until
from gnomon.web.asked import Form, Sent, is_in_place
from gnomon.web.explanation import ORIGINS, accounts, may_be_undone, remarks
from gnomon.web.history import MOST, history
from gnomon.web.notices import Notice
from gnomon.web.rendering import Pages, address, root_of
from gnomon.web.steering import author_of, newest_change, started
from gnomon.web.words import job_path

FIRES = 10

_LISTED = 10
_ACTIONS = frozenset({"pause", "run", "revert", "remove"})


@dataclass(frozen=True, slots=True)
class Failed:
    """What somebody wanted to do and could not: the page says why, where he did it, and keeps what he wrote."""

    action: str
    field: str
    words: str
    sent: Form


@dataclass(frozen=True, slots=True)
class Line:
    """A line of the log of changes, in words."""

    change: Change
    words: str
    whence: str
    may_be_undone: bool


def router(pages: Pages) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)

    @routes.get("/jobs/{job_id}", dependencies=[needs(Role.VIEWER)])
    def one_job(request: Request, job_id: str) -> Response:
        """The page of one job."""
        return show(pages, request, job_id)

    @routes.post("/jobs/{job_id}")
    def act(request: Request, job_id: str, sent: Sent, who: Annotated[Principal, needs(Role.OPERATOR)]) -> Response:
        """Pause, run, revert or remove it, with a reason: from its page, which says so where it cannot be done."""
        return carry_out(pages, request, job_id, sent, who)

    return routes


def show(pages: Pages, request: Request, job_id: str, *, failed: Failed | None = None, status: int = 200) -> Response:
    """The page of a job, or that it is gone."""
    scheduler = pages.scheduler
    now = scheduler.store.database.now()
    try:
        found = scheduler.closeup(job_id, count=FIRES)
    except JobNotFound:
        return _gone(pages, request, job_id, now)
    job = found.job
    return pages.answer(
        request,
        "one_job.html",
        status,
        now=now,
        job=job,
        declared=found.declared,
        accounts=accounts(job, found.declared),
        remarks=remarks(job),
        moved=[name for name, override in job["overrides"].items() if override["moved"]],
        fire_times=found.fire_times,
        coming=found.coming,
        history=history(scheduler.last_runs([job_id], each=MOST).get(job_id, []), now),
        runs=scheduler.runs(job_id, limit=_LISTED),
        lines=lines_of(scheduler, job_id, job),
        origins=ORIGINS,
        may_be_removed=job["task"] is not None or job["default"] is None or job["state"] in {"orphaned", "quarantined"},
        failed=failed,
        until_hint=until.HINT,
    )


def lines_of(scheduler: Scheduler, job_id: str, job: Mapping[str, Any] | None, *, limit: int = _LISTED) -> list[Line]:
    """The last changes of a job. Those are offered for undoing that can be undone now."""
    return [
        Line(
            change,
            change_in_words(change),
            ORIGINS[change.author.origin.value],
            job is not None and may_be_undone(change, job),
        )
        for change in scheduler.changes(job_id, limit=limit)
    ]


def carry_out(pages: Pages, request: Request, job_id: str, sent: Form, who: Principal) -> Response:
    """Do what a form of the page asks for; where that cannot be done, the page comes back and says why."""
    action = sent.one("do")
    if action not in _ACTIONS:
        raise InvalidInput("do", action, f"give one of {', '.join(sorted(_ACTIONS))}")
    try:
        notice = _do(pages, request, job_id, action, sent, author_of(who, sent))
    except InvalidInput as error:
        field = {"expires_at": until.FIELD}.get(error.field, error.field)
        failed = Failed(action, field if field in {until.FIELD, "reason"} else "", _said(error), sent)
        return show(pages, request, job_id, failed=failed, status=422)
    except ChangeRefused as error:
        status = 412 if isinstance(error, StaleToken) else 409
        return show(pages, request, job_id, failed=Failed(action, "", str(error), sent), status=status)
    to = address(root_of(request), "/jobs" if action == "remove" else job_path(job_id))
    return pages.led_back(request, to, notice)


def _said(error: InvalidInput) -> str:
    return f"{error.allowed[:1].upper()}{error.allowed[1:]}."


def _do(pages: Pages, request: Request, job_id: str, action: str, sent: Form, author: Author) -> Notice:
    scheduler, token = pages.scheduler, sent.one("token") or None
    if action == "run":
        return started(scheduler, job_id, sent, author)
    before = newest_change(scheduler, job_id)
    if action == "pause":
        ends = until.moment_in(sent.one(until.FIELD), scheduler.store.database.now(), pages.reader_zone(request))
        scheduler.change_job(job_id, enabled=False, expires_at=ends, if_token=token, author=author)
        said = "paused-until" if ends is not None else "paused"
    elif action == "revert":
        scheduler.revert_job(job_id, if_token=token, author=author)
        said = "reverted"
    else:
        scheduler.remove_job(job_id, if_token=token, author=author)
        said = "removed"
    after = newest_change(scheduler, job_id)
    return Notice("unchanged", job_id) if after == before else Notice(said, job_id, change=after)


def _gone(pages: Pages, request: Request, job_id: str, now: datetime) -> Response:
    scheduler = pages.scheduler
    lines = lines_of(scheduler, job_id, None)
    is_removed = bool(lines) and lines[0].change.action == "remove"
    return pages.answer(
        request,
        "job_gone.html",
        # What an open page reads anew is an answer to it: there it says so in place.
        200 if is_in_place(request) else 404,
        now=now,
        job_id=job_id,
        lines=lines,
        runs=scheduler.runs(job_id, limit=_LISTED),
        removal=lines[0].change if is_removed else None,
    )
