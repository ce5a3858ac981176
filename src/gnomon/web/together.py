"""The same for many jobs at once: first what will happen to each, then, confirmed, it happens."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gnomon.api.needs import needs
from gnomon.domain.change import Author
from gnomon.domain.principal import Principal, Role
from gnomon.domain.triggers import words_for
from gnomon.errors import GnomonError, InvalidInput, JobNotFound
from gnomon.scheduler import Scheduler
from gnomon.web.asked import Form, Sent, on_this_server
from gnomon.web.notices import Notice
from gnomon.web.rendering import Pages, root_of
from gnomon.web.steering import author_of

PATH = "/jobs/together"

#: A page of jobs, and some.
_MOST = 200
_ACTIONS = {
    "pause": ("Pause", "pause"),
    "resume": ("Resume", "resume"),
    "run": ("Run once, now", "run"),
    "revert": ("Return to the code", "revert"),
}
Operator = Annotated[Principal, needs(Role.OPERATOR)]


@dataclass(frozen=True, slots=True)
class Outlook:
    """What will happen to a job. Where nothing will, ``why_not`` says why."""

    job_id: str
    name: str
    token: str
    before: str
    after: str
    why_not: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """What did not work, and why."""

    job_id: str
    why: str


def router(pages: Pages) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    scheduler = pages.scheduler

    @routes.post(PATH)
    def preview(request: Request, sent: Sent, _who: Operator) -> Response:
        """What would happen. Changes nothing."""
        action = _action(sent)
        outlooks = [_outlook(scheduler, action, job_id) for job_id in _chosen(sent)]
        return pages.answer(
            request,
            "together.html",
            action=action,
            title=_ACTIONS[action][0],
            outlooks=[each for each in outlooks if each.why_not is None],
            unaffected=[each for each in outlooks if each.why_not is not None],
            back=_back(request, sent),
        )

    @routes.post(PATH + "/do")
    def do(request: Request, sent: Sent, who: Operator) -> Response:
        """Do it: each job by itself, so that one that cannot does not keep the others from it."""
        action, author = _action(sent), author_of(who, sent)
        chosen, tokens = _chosen(sent), sent.all("token")
        if len(tokens) != len(chosen):
            raise InvalidInput("token", len(tokens), "send one for each job")
        failures = []
        for job_id, token in zip(chosen, tokens, strict=True):
            try:
                _carry_out(scheduler, action, job_id, token, sent.one("key"), author)
            except GnomonError as error:
                failures.append(Failure(job_id, str(error)))
        done = len(chosen) - len(failures)
        if not failures:
            counted = f"{done:,} job{'' if done == 1 else 's'}"
            return pages.led_back(request, _back(request, sent), Notice("together", counted, is_job=False))
        return pages.answer(
            request,
            "together_done.html",
            title=_ACTIONS[action][0],
            done=done,
            failures=failures,
            back=_back(request, sent),
        )

    return routes


def _back(request: Request, sent: Form) -> str:
    root = root_of(request)
    return on_this_server(sent.one("back") or f"{root}/jobs", root)


def _action(sent: Form) -> str:
    action = sent.one("action")
    if action not in _ACTIONS:
        raise InvalidInput("action", action, f"choose one of {', '.join(_ACTIONS)}")
    return action


def _chosen(sent: Form) -> list[str]:
    chosen = list(dict.fromkeys(sent.all("job")))
    if not 0 < len(chosen) <= _MOST:
        raise InvalidInput("job", len(chosen), f"choose from 1 to {_MOST} jobs, by the boxes at the left of their rows")
    return chosen


def _outlook(scheduler: Scheduler, action: str, job_id: str) -> Outlook:
    try:
        job = scheduler.get_job(job_id)
    except JobNotFound:
        return Outlook(job_id, job_id, "", "", "", "it is gone")
    before, after, why_not = _becomes(action, job)
    return Outlook(job_id, job["name"], job["token"] or "", before, after, why_not)


def _becomes(action: str, job: Mapping[str, Any]) -> tuple[str, str, str | None]:
    """What a job is, what it will be, and why nothing will happen to it."""
    if job["state"] == "quarantined":
        return "", "", "it is quarantined: its row cannot be read"
    if action == "run":
        if job["problem"] is not None:
            return "", "", str(job["problem"])
        return "", "one run, now, beside its schedule", None
    if action == "revert":
        default = job["default"]
        if not job["overrides"] or default is None:
            return "", "", "it is as the code says"
        said = words_for(default["trigger"], default["trigger_args"])
        return job["schedule"], said if default["enabled"] else f"{said}, paused", None
    if action == "pause":
        return ("fires " + job["schedule"], "paused", None) if job["enabled"] else ("", "", "it is paused already")
    return ("", "", "it is not paused") if job["enabled"] else ("paused", "fires " + job["schedule"], None)


def _carry_out(scheduler: Scheduler, action: str, job_id: str, token: str, key: str, author: Author) -> None:
    if action == "run":
        # A key is one job's; ids have at most 191 characters.
        scheduler.run_job(job_id, key=f"{key[:60]} {job_id}" if key else None, author=author)
    elif action == "revert":
        scheduler.revert_job(job_id, if_token=token or None, author=author)
    else:
        scheduler.change_job(job_id, enabled=action == "resume", if_token=token or None, author=author)
