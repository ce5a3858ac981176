"""Adding a job for a task: which task, with which arguments, and when."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from gnomon.api.needs import needs
from gnomon.domain.declaration import check_job_id
from gnomon.domain.principal import Principal, Role
from gnomon.domain.triggers import KINDS
from gnomon.errors import ChangeRefused, InvalidInput, JobExists, JobNotFound, TaskNotFound
from gnomon.web import argument_form, trigger_form
from gnomon.web.asked import Form, Sent, is_in_place
from gnomon.web.editor import foresee, parts
from gnomon.web.job_form import Draft, built, place_of, said
from gnomon.web.notices import Notice
from gnomon.web.one_job import carry_out, show
from gnomon.web.rendering import Pages, address, root_of
from gnomon.web.steering import author_of, newest_change
from gnomon.web.words import job_path

ID = "new"
PATH = f"/jobs/{ID}"

_OWN = ("id", "name", "description", "reason")
Viewer = Annotated[Principal, needs(Role.VIEWER)]
Operator = Annotated[Principal, needs(Role.OPERATOR)]
Task = Annotated[str, Query(max_length=191)]


def router(pages: Pages) -> APIRouter:
    """The routes. They stand before those of jobs: what is sent here for a job that is called so, is passed on."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(PATH)
    def choose(
        request: Request,
        _who: Annotated[Principal, needs(Role.VIEWER)],
        task: Annotated[str, Query(max_length=191)] = "",
    ) -> Response:
        """The tasks; of one that is named, the form."""
        if not task and _is_a_job(pages):
            return show(pages, request, ID)
        if not _who.may(Role.OPERATOR):
            raise JobNotFound(ID)
        return _shown(pages, request, task, _empty(pages, task))

    @routes.post(PATH)
    def add(request: Request, sent: Sent, who: Operator, task: Task = "") -> Response:
        """Add it, or say what that would do; ``do`` is add or preview."""
        if not task:
            return carry_out(pages, request, ID, sent, who)
        return _add(pages, request, task, sent, who)

    return routes


def _is_a_job(pages: Pages) -> bool:
    try:
        pages.scheduler.get_job(ID)
    except JobNotFound:
        return False
    return True


def _task(pages: Pages, name: str) -> Mapping[str, Any] | None:
    return next((each for each in reversed(pages.scheduler.tasks()) if each["name"] == name), None)


def _empty(pages: Pages, task: str) -> Draft:
    texts = dict.fromkeys(_OWN, "") | {trigger_form.KIND: "crontab", "timezone": str(pages.scheduler.timezone)}
    found = _task(pages, task)
    return Draft(texts | (argument_form.texts_of(found["schema"], {}) if found else {}), {}, "")


def _add(pages: Pages, request: Request, name: str, sent: Form, who: Principal) -> Response:
    scheduler = pages.scheduler
    draft = _empty(pages, name)
    draft.texts |= trigger_form.texts_in(sent) | {each: sent.one(each) for each in _OWN if sent.all(each)}
    task = _task(pages, name)
    if task is not None:
        draft.texts |= argument_form.texts_in(sent, task["schema"])
    if is_in_place(request):
        return HTMLResponse(pages.render(request, "forecast.html", forecast=foresee(pages, None, draft), job=None))
    if task is None or sent.one("do") != "add":
        return _shown(pages, request, name, draft)
    job_id = draft.texts["id"].strip()
    kind = draft.texts.get(trigger_form.KIND, "")
    with _told_at_its_field(draft, kind):
        check_job_id(job_id)
    kwargs: dict[str, Any] = {}
    with _told_at_its_field(draft, kind):
        kwargs = scheduler.check_arguments(name, argument_form.arguments_in(draft.texts, task["schema"]))
    with _told_at_its_field(draft, kind):
        trigger = built(scheduler, *trigger_form.trigger_in(draft.texts), None)
        if not draft.errors:
            scheduler.add_job(
                job_id,
                name,
                trigger,
                kwargs=kwargs,
                name=draft.texts["name"].strip() or None,
                description=draft.texts["description"].strip() or None,
                author=author_of(who, sent),
            )
    if draft.errors:
        return _shown(pages, request, name, draft, status=422)
    notice = Notice("added", job_id, change=newest_change(scheduler, job_id))
    return pages.led_back(request, address(root_of(request), job_path(job_id)), notice)


@contextmanager
def _told_at_its_field(draft: Draft, kind: str) -> Iterator[None]:
    try:
        yield
    except InvalidInput as error:
        draft.errors[place_of(error, kind)] = said(error)
    except JobExists as error:
        draft.errors["id"] = str(error)
    except (ChangeRefused, TaskNotFound) as error:
        draft.errors[""] = str(error)


def _shown(pages: Pages, request: Request, name: str, draft: Draft, *, status: int = 200) -> Response:
    task = _task(pages, name)
    is_started = any(draft.texts.get(trigger_form.name_of(kind, field.name)) for kind, field in _fields())
    return pages.answer(
        request,
        "new_job.html",
        status,
        now=pages.scheduler.store.database.now(),
        name=name,
        task=task,
        tasks=list({each["name"]: each for each in pages.scheduler.tasks()}.values()),
        forecast=foresee(pages, None, draft) if task is not None and is_started else None,
        arguments=argument_form.inputs(task["schema"], draft.texts, draft.errors) if task is not None else [],
        **parts(draft),
    )


def _fields() -> list[tuple[str, Any]]:
    return [
        (kind.name, field) for kind in KINDS.values() for field in kind.fields if field.name not in trigger_form.SHARED
    ]
