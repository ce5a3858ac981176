"""Calendars: what each leaves out and which jobs name it; making, changing and removing one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gnomon.api.needs import needs
from gnomon.domain.calendar import LOGGED_AS
from gnomon.domain.principal import Principal, Role
from gnomon.errors import CalendarNotFound, ChangeRefused, InvalidInput, StaleCalendar
from gnomon.operations.holidays import is_installed
from gnomon.scheduler import Scheduler
from gnomon.web.asked import Form, Sent, is_in_place
from gnomon.web.calendar_form import Draft, draft_in, draft_of, overtaken, place_of, token_of
from gnomon.web.explanation import ORIGINS
from gnomon.web.job_form import said
from gnomon.web.notices import Notice
from gnomon.web.rendering import Pages, address, root_of
from gnomon.web.steering import author_of, newest_change
from gnomon.web.words import calendar_path

PATH = "/calendars"
#: No calendar is called so: names begin with a letter or a digit.
NEW = f"{PATH}/-new"
MOST_JOBS = 50

Viewer = Annotated[Principal, needs(Role.VIEWER)]
Operator = Annotated[Principal, needs(Role.OPERATOR)]


def router(pages: Pages) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    scheduler = pages.scheduler

    @routes.get(PATH)
    def calendars(request: Request, _who: Viewer) -> Response:
        """All of them."""
        return pages.answer(
            request,
            "calendars.html",
            now=scheduler.store.database.now(),
            calendars=scheduler.get_calendars(),
            most_jobs=3,
        )

    @routes.get(NEW)
    def new(request: Request, _who: Operator) -> Response:
        """A form for another."""
        return _form(pages, request, None, Draft())

    @routes.post(NEW)
    def make(request: Request, sent: Sent, who: Operator) -> Response:
        """Make it, or say what it would leave out; ``do`` is save or preview."""
        return _answered(pages, request, None, sent, who)

    @routes.get(PATH + "/{name}")
    def calendar(request: Request, name: str, who: Viewer) -> Response:
        """One of them, with the form that changes it."""
        found = _found(scheduler, name)
        if found is None:
            return _gone(pages, request, name)
        return _form(pages, request, found, draft_of(found))

    @routes.post(PATH + "/{name}")
    def change(request: Request, name: str, sent: Sent, who: Operator) -> Response:
        """Make it anew."""
        found = _found(scheduler, name)
        if found is None:
            return _gone(pages, request, name)
        return _answered(pages, request, found, sent, who)

    @routes.get(PATH + "/{name}/remove")
    def ask_to_remove(request: Request, name: str, _who: Operator) -> Response:
        """What removing it means, for which jobs."""
        found = _found(scheduler, name)
        return _gone(pages, request, name) if found is None else _removal(pages, request, found)

    @routes.post(PATH + "/{name}/remove")
    def remove(request: Request, name: str, sent: Sent, who: Operator) -> Response:
        """Remove it; where jobs name it, those that were shown."""
        found = _found(scheduler, name)
        if found is None:
            return _gone(pages, request, name)
        author, before = author_of(who, sent), newest_change(scheduler, LOGGED_AS + name)
        try:
            if found["jobs"] and sent.one("jobs") != str(len(found["jobs"])):
                raise ChangeRefused("Meanwhile, other jobs name it than those that you saw.")
            scheduler.remove_calendar(
                name, force=bool(found["jobs"]), if_token=sent.one("token") or None, author=author
            )
        except InvalidInput as error:
            return _removal(pages, request, found, sent.one("reason"), said(error), 422)
        except StaleCalendar as error:
            return _removal(pages, request, error.calendar or found, sent.one("reason"), overtaken(error), 412)
        except ChangeRefused as error:
            return _removal(pages, request, _found(scheduler, name) or found, sent.one("reason"), str(error), 412)
        notice = _told("calendar-removed", scheduler, name, before)
        return pages.led_back(request, address(root_of(request), PATH), notice)

    return routes


def _found(scheduler: Scheduler, name: str) -> dict[str, Any] | None:
    try:
        return scheduler.get_calendar(name)
    except CalendarNotFound:
        return None


def _answered(pages: Pages, request: Request, found: Mapping[str, Any] | None, sent: Form, who: Principal) -> Response:
    scheduler = pages.scheduler
    draft = draft_in(sent)
    if found is not None:
        draft.name = found["name"]
    if is_in_place(request):
        return HTMLResponse(pages.render(request, "calendar_foreseen.html", **_foreseen(scheduler, draft)))
    if sent.one("do") != "save":
        return _form(pages, request, found, draft)
    before = newest_change(scheduler, LOGGED_AS + draft.name)
    try:
        country, subdivision, dates = draft.definition()
        scheduler.set_calendar(
            draft.name,
            country=country,
            subdivision=subdivision,
            dates=dates,
            if_token=draft.token or None,
            if_exists=found is not None,
            author=author_of(who, sent),
        )
    except InvalidInput as error:
        draft.errors[place_of(error)] = said(error)
        return _form(pages, request, found, draft, 422)
    except StaleCalendar as error:
        if found is None:
            draft.errors["name"] = "There is a calendar of that name already."
            return _form(pages, request, None, draft, 409)
        draft.errors[""] = overtaken(error)
        draft.token = token_of(error.calendar)
        return _form(pages, request, error.calendar, draft, 412)
    done = "calendar-made" if found is None else "calendar-changed"
    notice = _told(done, scheduler, draft.name, before)
    return pages.led_back(request, address(root_of(request), calendar_path(draft.name)), notice)


def _told(what: str, scheduler: Scheduler, name: str, before: int | None) -> Notice:
    """What was done, with its undo; ``before`` is the last line of the log about the calendar until then."""
    change = newest_change(scheduler, LOGGED_AS + name)
    if change == before:
        return Notice("unchanged", name, is_job=False)
    return Notice(what, name, change=change, is_job=False)


def _foreseen(scheduler: Scheduler, draft: Draft) -> dict[str, Any]:
    """What a calendar would leave out."""
    try:
        country, subdivision, dates = draft.definition()
        found = scheduler.preview_calendar(draft.name, country=country, subdivision=subdivision, dates=dates)
    except InvalidInput as error:
        return {"foreseen": None, "problem": "" if draft.is_empty else said(error)}
    return {"foreseen": found, "problem": ""}


def _form(pages: Pages, request: Request, found: Mapping[str, Any] | None, draft: Draft, status: int = 200) -> Response:
    scheduler = pages.scheduler
    return pages.answer(
        request,
        "calendar.html",
        status,
        now=scheduler.store.database.now(),
        calendar=found,
        draft=draft,
        has_holidays=is_installed(),
        origins=ORIGINS,
        most_jobs=MOST_JOBS,
        **_foreseen(scheduler, draft),
    )


def _removal(
    pages: Pages, request: Request, found: Mapping[str, Any], reason: str = "", error: str = "", status: int = 200
) -> Response:
    return pages.answer(
        request,
        "calendar_remove.html",
        status,
        now=pages.scheduler.store.database.now(),
        calendar=found,
        token=token_of(found),
        reason=reason,
        error=error,
        most_jobs=MOST_JOBS,
    )


def _gone(pages: Pages, request: Request, name: str) -> Response:
    scheduler = pages.scheduler
    return pages.answer(
        request,
        "calendar_gone.html",
        200 if is_in_place(request) else 404,
        now=scheduler.store.database.now(),
        name=name,
        users=scheduler.store.calendars.users().get(name, []),
        most_jobs=MOST_JOBS,
    )
