"""One due time of a job: skip its run, move it, or take that back. What would happen is said before it is done."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta, tzinfo
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import HTMLResponse, Response

from gnomon.api.needs import needs
from gnomon.domain.coming import Coming, Outlook
from gnomon.domain.principal import Principal, Role
from gnomon.domain.triggers import zone, zone_name
from gnomon.errors import ChangeRefused, GnomonError, InvalidInput, JobNotFound, StaleToken
from gnomon.operations.due_times import DueTime
from gnomon.scheduler import Scheduler
from gnomon.web.asked import Form, Sent, is_in_place
from gnomon.web.job_form import said
from gnomon.web.notices import Notice
from gnomon.web.one_job import show
from gnomon.web.rendering import Pages, address, root_of
from gnomon.web.steering import author_of, newest_change
from gnomon.web.words import job_path

SKIP, MOVE = "skip", "move"
Operator = Annotated[Principal, needs(Role.OPERATOR)]
At = Annotated[str, Query(max_length=64)]


@dataclass(slots=True)
class Draft:
    """What somebody has written, not yet done. ``stood`` is what became of the due time when he began."""

    action: str = SKIP
    to: str = ""
    reason: str = ""
    token: str = ""
    stood: str = ""
    errors: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What doing it would lead to. ``to`` is when the run would start (``None``: it would not, or that is not known
    yet); ``problem`` is why it cannot be done."""

    action: str
    found: DueTime
    to: datetime | None = None
    problem: str = ""

    @property
    def shift(self) -> timedelta | None:
        """How much later than it is due; negative for earlier."""
        return None if self.to is None else self.to - self.found.due.scheduled_at


def router(pages: Pages) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    scheduler = pages.scheduler

    @routes.get("/jobs/{job_id}/once")
    def ask(request: Request, job_id: str, _who: Operator, at: At = "") -> Response:
        """The form for one due time: that of the next run where none is named."""
        try:
            found = scheduler.look_at_due_time(job_id, at=_moment(at))
        except JobNotFound:
            return show(pages, request, job_id)
        except (InvalidInput, ChangeRefused) as error:
            return _none(pages, request, job_id, error)
        return _shown(pages, request, found, _began(pages, request, found))

    @routes.post("/jobs/{job_id}/once")
    def do(request: Request, job_id: str, sent: Sent, who: Operator, at: At = "") -> Response:
        """Do it, or say what that would do; ``do`` is save or preview."""
        try:
            found = scheduler.look_at_due_time(job_id, at=_moment(at))
        except JobNotFound:
            return show(pages, request, job_id)
        except (InvalidInput, ChangeRefused) as error:
            return _none(pages, request, job_id, error)
        return _answered(pages, request, found, sent, who)

    @routes.post("/jobs/{job_id}/clear")
    def clear(request: Request, job_id: str, sent: Sent, who: Operator, at: At) -> Response:
        """Take back what was made of one due time."""
        moment = _moment(at)
        if moment is None:
            raise InvalidInput("at", at, "give the due time")
        scheduler.clear_exception(job_id, moment, if_token=sent.one("token") or None, author=author_of(who, sent))
        return pages.done(request, sent, Notice("taken-back", job_id, change=newest_change(scheduler, job_id)))

    return routes


def moment_there(text: str, there: tzinfo) -> datetime:
    """The moment that a field says by the clock of a zone. Raises ``InvalidInput``."""
    name = zone_name(there)
    try:
        given = datetime.fromisoformat(text.strip()[:64])
        moment = given.replace(tzinfo=there) if given.tzinfo is None else given
        utc = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise InvalidInput("to", text, f"give a date and a time in {name}, such as 2026-12-01 09:00") from None
    if given.tzinfo is None and utc.astimezone(there).replace(tzinfo=None) != given:
        raise InvalidInput("to", text, f"the clocks in {name} skip that time: they are put forward then")
    return utc


def text_there(moment: datetime, there: tzinfo) -> str:
    """A moment as a field for date and time holds it."""
    local = moment.astimezone(there).replace(tzinfo=None)
    return local.isoformat(timespec="seconds" if local.second else "minutes")


def stood(due: Coming) -> str:
    """What becomes of a due time, as a form carries it along: somebody else may make something of it meanwhile."""
    return f"{due.outlook.value} {'' if due.starts_at is None else due.starts_at.astimezone(UTC).isoformat()}"


def _began(pages: Pages, request: Request, found: DueTime) -> Draft:
    due = found.due
    action = MOVE if due.outlook in {Outlook.SKIPPED, Outlook.EXCLUDED} else SKIP
    there = _there(pages, request, found)
    return Draft(action, text_there(due.starts_at or due.scheduled_at, there), "", found.job["token"] or "", stood(due))


def _answered(pages: Pages, request: Request, found: DueTime, sent: Form, who: Principal) -> Response:
    scheduler = pages.scheduler
    job_id = found.job["id"]
    action = MOVE if sent.one("action") == MOVE else SKIP
    draft = Draft(action, sent.one("to"), sent.one("reason"), sent.one("token"), sent.one("stood"))
    if is_in_place(request):
        foreseen = _foresee(pages, request, found, draft)
        return HTMLResponse(pages.render(request, "once_foreseen.html", foreseen=foreseen, job=found.job))
    if sent.one("do") != "save":
        return _shown(pages, request, found, draft)
    if draft.stood != stood(found.due):
        draft.errors[""] = (
            f"Meanwhile, something was made of it: {found.due.note or 'that was taken back'}. Nothing of yours was "
            "done, and what you wrote is kept: decide on what stands now."
        )
        draft.token, draft.stood = found.job["token"] or "", stood(found.due)
        return _shown(pages, request, found, draft, 412)
    try:
        notice = _do(scheduler, found, draft, who, sent, _there(pages, request, found))
    except StaleToken as error:
        draft.errors[""], draft.token = str(error), error.job["token"] or ""
        return _shown(pages, request, found, draft, 412)
    except InvalidInput as error:
        draft.errors[error.field if error.field in {"to", "reason"} else ""] = said(error)
        return _shown(pages, request, found, draft, 422)
    except ChangeRefused as error:
        draft.errors[""] = str(error)
        return _shown(pages, request, found, draft, 409)
    return pages.led_back(request, address(root_of(request), job_path(job_id)), notice)


def _do(scheduler: Scheduler, found: DueTime, draft: Draft, who: Principal, sent: Form, there: tzinfo) -> Notice:
    job_id, at = found.job["id"], found.due.scheduled_at
    token, author, before = draft.token or None, author_of(who, sent), newest_change(scheduler, found.job["id"])
    if draft.action == MOVE:
        scheduler.move_next(job_id, moment_there(draft.to, there), at=at, if_token=token, author=author)
    else:
        scheduler.skip_next(job_id, at=at, if_token=token, author=author)
    after = newest_change(scheduler, job_id)
    what = "moved" if draft.action == MOVE else "skipped"
    return Notice("unchanged", job_id) if after == before else Notice(what, job_id, change=after)


def _foresee(pages: Pages, request: Request, found: DueTime, draft: Draft) -> Foreseen:
    scheduler, at = pages.scheduler, found.due.scheduled_at
    try:
        if draft.action == SKIP:
            scheduler.look_at_due_time(found.job["id"], at=at, is_skipped=True)
            return Foreseen(SKIP, found)
        to = moment_there(draft.to, _there(pages, request, found))
        scheduler.look_at_due_time(found.job["id"], at=at, to=to)
        return Foreseen(MOVE, found, to)
    except InvalidInput as error:
        return Foreseen(draft.action, found, problem=said(error))
    except GnomonError as error:
        return Foreseen(draft.action, found, problem=str(error))


def _shown(pages: Pages, request: Request, found: DueTime, draft: Draft, status: int = 200) -> Response:
    values: dict[str, Any] = {
        "job": found.job,
        "found": found,
        "draft": draft,
        "foreseen": _foresee(pages, request, found, draft),
        "zone": zone_name(_there(pages, request, found)),
    }
    return pages.answer(request, "once.html", status, now=pages.scheduler.store.database.now(), **values)


def _none(pages: Pages, request: Request, job_id: str, error: GnomonError) -> Response:
    job = pages.scheduler.get_job(job_id)
    why = said(error) if isinstance(error, InvalidInput) else str(error)
    status = 200 if is_in_place(request) else 409 if isinstance(error, ChangeRefused) else 404
    return pages.answer(request, "once_none.html", status, now=pages.scheduler.store.database.now(), job=job, why=why)


def _there(pages: Pages, request: Request, found: DueTime) -> tzinfo:
    name = found.job["timezone"]
    return pages.reader_zone(request) if name is None else zone(name)


def _moment(text: str) -> datetime | None:
    if not text:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise InvalidInput("at", text, "give a time with its offset from UTC, as the links on the page of the job do")
    return moment
