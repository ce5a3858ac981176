"""Changing a job: the form, what it would do before it is saved, and what happens if somebody else was faster."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from functools import cache
from typing import Annotated, Any
from zoneinfo import available_timezones

from fastapi import APIRouter, Request
from fastapi.responses import HTMLResponse, Response

from gnomon.api.needs import needs
from gnomon.domain.change import Change
from gnomon.domain.coming import Coming, Outlook
from gnomon.domain.principal import Principal, Role
from gnomon.domain.triggers import KINDS
from gnomon.errors import CalendarNotFound, ChangeRefused, InvalidInput, InvalidTrigger, JobNotFound, StaleToken
from gnomon.operations.audit import change_in_words
from gnomon.scheduler import Scheduler
from gnomon.web import argument_form, conflict, trigger_form
from gnomon.web.asked import Form, Sent, is_in_place
from gnomon.web.explanation import ORIGINS
from gnomon.web.forecast import Forecast, Side, runs_within, warnings
from gnomon.web.job_form import (
    CALENDAR,
    REASON,
    Draft,
    as_stored,
    built,
    draft_in,
    draft_of,
    fields_of,
    merged,
    place_of,
    said,
    schema_of,
    wanted,
)
from gnomon.web.notices import Notice
from gnomon.web.one_job import FIRES, show
from gnomon.web.rendering import Pages, address, root_of
from gnomon.web.steering import author_of, newest_change
from gnomon.web.until import HINT
from gnomon.web.words import job_path

Operator = Annotated[Principal, needs(Role.OPERATOR)]


def router(pages: Pages) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    scheduler = pages.scheduler

    @routes.get("/jobs/{job_id}/edit")
    def edit(request: Request, job_id: str, _who: Operator) -> Response:
        """The form, with the job as it stands."""
        try:
            job = scheduler.get_job(job_id)
        except JobNotFound:
            return show(pages, request, job_id)
        if job["state"] == "quarantined":
            return pages.led_back(request, address(root_of(request), job_path(job_id)))
        draft = draft_of(job, schema_of(scheduler, job["task"]), pages.reader_zone(request))
        return shown(pages, request, job, draft)

    @routes.post("/jobs/{job_id}/edit")
    def save(request: Request, job_id: str, sent: Sent, who: Operator) -> Response:
        """Save, or say what saving would do; ``do`` is save, preview, or further (after a conflict)."""
        try:
            return _edit(pages, request, job_id, sent, who)
        except JobNotFound:
            return show(pages, request, job_id)

    return routes


def _edit(pages: Pages, request: Request, job_id: str, sent: Form, who: Principal) -> Response:
    scheduler, place = pages.scheduler, pages.reader_zone(request)
    job = scheduler.get_job(job_id)
    schema = schema_of(scheduler, job["task"])
    draft = draft_in(sent, job, schema, place)
    if is_in_place(request):
        forecast = foresee(pages, job, draft)
        return HTMLResponse(pages.render(request, "forecast.html", forecast=forecast, job=job))
    action = sent.one("do")
    if action == "further":
        return shown(pages, request, job, merged(draft, draft_of(job, schema, place)))
    now = scheduler.store.database.now()
    wish = wanted(draft, job, schema, now, place)
    if action != "save" or draft.errors:
        return shown(pages, request, job, draft, status=422 if draft.errors else 200)
    before = newest_change(scheduler, job_id)
    fields = dict(wish.fields)
    kind, args = fields.pop("trigger", (None, None))
    try:
        scheduler.change_job(
            job_id,
            trigger=kind,
            trigger_args=args,
            expires_at=wish.expires_at,
            if_token=draft.token or None,
            author=author_of(who, sent),
            **fields,
        )
    except StaleToken as error:
        return _clash(pages, request, error, draft, wish.fields)
    except InvalidInput as error:
        draft.errors[place_of(error, draft.texts.get(trigger_form.KIND, ""))] = said(error)
        return shown(pages, request, job, draft, status=422)
    except ChangeRefused as error:
        draft.errors[""] = str(error)
        return shown(pages, request, job, draft, status=409)
    after = newest_change(scheduler, job_id)
    notice = Notice("unchanged", job_id) if after == before else Notice("changed", job_id, change=after)
    return pages.led_back(request, address(root_of(request), job_path(job_id)), notice)


def shown(pages: Pages, request: Request, job: Mapping[str, Any], draft: Draft, *, status: int = 200) -> Response:
    """The form."""
    scheduler = pages.scheduler
    schema = schema_of(scheduler, job["task"])
    return pages.answer(
        request,
        "edit_job.html",
        status,
        now=scheduler.store.database.now(),
        job=job,
        forecast=foresee(pages, job, draft),
        newest=_newest(pages, job),
        arguments=argument_form.inputs(schema, draft.texts, draft.errors) if schema is not None else [],
        is_sendable=job["trigger"] in KINDS,
        calendars=sorted({*scheduler.store.calendars.names(), draft.texts[CALENDAR]} - {""}),
        **parts(draft),
    )


def parts(draft: Draft) -> dict[str, Any]:
    """What templates with a form of a trigger need of a draft."""
    return {
        "draft": draft,
        "choices": trigger_form.choices(draft.texts, draft.errors),
        "shared": trigger_form.shared_inputs(draft.texts, draft.errors),
        "until_hint": HINT,
        "zones": _zones(),
    }


def foresee(pages: Pages, job: Mapping[str, Any] | None, draft: Draft) -> Forecast:
    """What the trigger of a form would do, beside what the job does today."""
    scheduler = pages.scheduler
    now = scheduler.store.database.now()
    today = None if job is None else _today(scheduler, job, now)
    calendar = draft.texts.get(CALENDAR, "").strip() or None
    try:
        if job is not None and today is not None and not draft.is_trigger_touched:
            if calendar == job["calendar"]:
                return Forecast(today, today, is_same=True)
            preview = scheduler.preview_change(job["id"], count=FIRES, calendar=calendar).after
            return Forecast(today, Side(job["schedule"], _starts(preview.coming), None, job["timezone"]))
        kind, args = trigger_form.trigger_in(draft.texts)
        trigger = built(scheduler, kind, args, None if job is None else job["timezone"])
        preview = scheduler.preview(trigger, count=FIRES, calendar=calendar)
    except InvalidTrigger as error:
        return Forecast(today, None, problem=said(error))
    except CalendarNotFound as error:
        return Forecast(today, None, problem=str(error))
    told, times = preview.trigger, _starts(preview.coming)
    beside = scheduler.due_beside(times[0], job_id="" if job is None else job["id"]) if times else 0
    is_paused = job is not None and not job["enabled"]
    return Forecast(
        today,
        Side(told.words, times, runs_within(trigger, times[0] if times else None, now), told.timezone),
        tuple(warnings(times, now, timezone=told.timezone, beside=beside, is_paused=is_paused)),
    )


def _today(scheduler: Scheduler, job: Mapping[str, Any], now: datetime) -> Side:
    found = scheduler.closeup(job["id"], count=FIRES)
    times = _starts(found.coming) if found.coming else found.fire_times
    count = None
    if job["trigger"] in KINDS:
        trigger = built(scheduler, job["trigger"], job["trigger_args"], None)
        count = runs_within(trigger, times[0] if times else None, now)
    return Side(job["schedule"], times, count, job["timezone"])


def _starts(coming: Iterable[Coming]) -> tuple[datetime, ...]:
    """What starts of some due times, and when: those that a calendar leaves out do not. Without jitter."""
    return tuple(
        each.starts_at if each.outlook is Outlook.MOVED else each.scheduled_at
        for each in coming
        if each.starts_at is not None
    )


def _clash(pages: Pages, request: Request, error: StaleToken, draft: Draft, mine: Mapping[str, Any]) -> Response:
    job = error.job
    try:
        stored = as_stored(pages.scheduler, mine, job["timezone"])
    except InvalidTrigger as wrong:
        draft.errors[place_of(wrong, draft.texts.get(trigger_form.KIND, ""))] = said(wrong)
        return shown(pages, request, job, draft, status=422)
    theirs = {name: value for name, value in fields_of(job).items() if name != "kwargs" or job["task"] is not None}
    return pages.answer(
        request,
        "conflict.html",
        412,
        job=job,
        draft=draft,
        rows=conflict.rows(draft.began, theirs, stored, error.changes),
        lines=[
            (change, change_in_words(change), ORIGINS[change.author.origin.value]) for change in error.changes or ()
        ],
        origins=ORIGINS,
        reason=draft.texts[REASON],
    )


def _newest(pages: Pages, job: Mapping[str, Any]) -> tuple[Change, str, str] | None:
    return next((_told(change) for change in pages.scheduler.changes(job["id"], limit=1)), None)


def _told(change: Change) -> tuple[Change, str, str]:
    """A line of the log, in words, and from where it was made."""
    return change, change_in_words(change), ORIGINS[change.author.origin.value]


@cache
def _zones() -> tuple[str, ...]:
    return ("UTC", *sorted(name for name in available_timezones() if "/" in name and not name.startswith("Etc/")))
