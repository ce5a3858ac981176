"""What operators do to one job: pause, resume, run now, revert, keep, adopt; and undoing what was done."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gnomon.api.needs import needs
from gnomon.domain.change import Author, Origin
from gnomon.domain.principal import Principal, Role
from gnomon.scheduler import Scheduler
from gnomon.web.asked import Form, Sent
from gnomon.web.notices import Notice
from gnomon.web.rendering import Pages

Operator = Annotated[Principal, needs(Role.OPERATOR)]


def router(pages: Pages) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    scheduler = pages.scheduler

    @routes.post("/jobs/{job_id}/pause")
    def pause(request: Request, job_id: str, sent: Sent, who: Operator) -> Response:
        """Do not fire it until it is resumed."""
        return pages.done(request, sent, switch(scheduler, job_id, False, sent, author_of(who, sent)))

    @routes.post("/jobs/{job_id}/resume")
    def resume(request: Request, job_id: str, sent: Sent, who: Operator) -> Response:
        """Fire it again, counted from now."""
        return pages.done(request, sent, switch(scheduler, job_id, True, sent, author_of(who, sent)))

    @routes.post("/jobs/{job_id}/revert")
    def revert(request: Request, job_id: str, sent: Sent, who: Operator) -> Response:
        """Return all that was overridden to what the code says."""
        before = newest_change(scheduler, job_id)
        scheduler.revert_job(job_id, if_token=sent.one("token") or None, author=author_of(who, sent))
        return pages.done(request, sent, _told("reverted", scheduler, job_id, before))

    @routes.post("/jobs/{job_id}/revert/{field}")
    def revert_field(request: Request, job_id: str, field: str, sent: Sent, who: Operator) -> Response:
        """Return one field to what the code says."""
        before = newest_change(scheduler, job_id)
        scheduler.revert_job(job_id, fields=[field], if_token=sent.one("token") or None, author=author_of(who, sent))
        return pages.done(request, sent, _told("reverted", scheduler, job_id, before))

    @routes.post("/jobs/{job_id}/keep")
    def keep(request: Request, job_id: str, sent: Sent, who: Operator) -> Response:
        """Where the code has changed its mind since: what was overridden stays."""
        before = newest_change(scheduler, job_id)
        scheduler.keep_override(job_id, if_token=sent.one("token") or None, author=author_of(who, sent))
        return pages.done(request, sent, _told("kept", scheduler, job_id, before))

    @routes.post("/jobs/{job_id}/adopt")
    def adopt(request: Request, job_id: str, sent: Sent, who: Operator) -> Response:
        """Where the code has changed its mind since: follow it."""
        before = newest_change(scheduler, job_id)
        scheduler.adopt_default(job_id, if_token=sent.one("token") or None, author=author_of(who, sent))
        return pages.done(request, sent, _told("reverted", scheduler, job_id, before))

    @routes.post("/jobs/{job_id}/run")
    def run(request: Request, job_id: str, sent: Sent, who: Operator) -> Response:
        """Run it once, now."""
        return pages.done(request, sent, started(scheduler, job_id, sent, author_of(who, sent)))

    @routes.post("/changes/{change_id}/undo")
    def undo(request: Request, change_id: int, sent: Sent, who: Operator) -> Response:
        """Undo one line of the log."""
        stands = scheduler.undo_change(change_id, author=author_of(who, sent))
        is_job = "id" in stands
        return pages.done(request, sent, Notice("undone", stands["id" if is_job else "name"], is_job=is_job))

    return routes


def author_of(who: Principal, sent: Form) -> Author:
    """Who does something at the page, and why."""
    return who.author(Origin.PAGE, sent.one("reason").strip() or None)


def switch(scheduler: Scheduler, job_id: str, enabled: bool, sent: Form, author: Author) -> Notice:
    """Pause or resume a job."""
    before = newest_change(scheduler, job_id)
    scheduler.change_job(job_id, enabled=enabled, if_token=sent.one("token") or None, author=author)
    return _told("resumed" if enabled else "paused", scheduler, job_id, before)


def started(scheduler: Scheduler, job_id: str, sent: Form, author: Author) -> Notice:
    """Run a job once, now. What is sent again with the ``key`` that its form was made with starts nothing more."""
    before = newest_change(scheduler, job_id)
    run_id = scheduler.run_job(job_id, key=sent.one("key") or None, author=author)
    is_new = newest_change(scheduler, job_id) != before
    return Notice("started" if is_new else "started-already", job_id, run=run_id)


def newest_change(scheduler: Scheduler, job_id: str) -> int | None:
    """The last line of the log about a job."""
    return next((change.id for change in scheduler.changes(job_id, limit=1)), None)


def _told(what: str, scheduler: Scheduler, job_id: str, before: int | None) -> Notice:
    after = newest_change(scheduler, job_id)
    return Notice("unchanged", job_id) if after == before else Notice(what, job_id, change=after)
