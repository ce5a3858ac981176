"""One run: what went wrong first, how it went, what it wrote while it writes; trying it again, and ending it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import HTMLResponse, Response

from gnomon.api.needs import needs
from gnomon.domain.principal import Principal, Role
from gnomon.domain.run import Run
from gnomon.domain.steering import Cancellation, cancellation_of, check_may_be_tried_again
from gnomon.errors import ChangeRefused, JobNotFound
from gnomon.scheduler import Scheduler
from gnomon.web import transcript
from gnomon.web.ansi import last_line, written
from gnomon.web.asked import Sent, is_in_place
from gnomon.web.notices import Notice
from gnomon.web.rendering import Pages, root_of
from gnomon.web.stages import bar, stages
from gnomon.web.steering import author_of
from gnomon.web.words import run_path

#: Ids are signed 64-bit numbers in both databases.
RunId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Operator = Annotated[Principal, needs(Role.OPERATOR)]

#: What ending a run will lead to, before it is asked for.
OUTLOOKS = {
    Cancellation.CANCELLED: "It has not started yet, and will not.",
    Cancellation.ENDING: "Its node ends it as soon as it has heard of this: what it was doing stops in the middle.",
    Cancellation.ASKED: (
        "It runs in a thread, which nobody can end from outside: it is asked to end, and does so only if its code "
        "looks at current_run().cancelled. Until then it goes on."
    ),
}
_AGAIN = (
    "It becomes the next attempt of this same run, on any living node, at once. What the earlier attempts did is not "
    "undone."
)


@dataclass(frozen=True, slots=True)
class Steering:
    """What can be done to a run. ``cancelling`` is what ending it will lead to."""

    cancelling: Cancellation | None
    may_retry: bool
    may_run_job: bool


def router(pages: Pages) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    scheduler = pages.scheduler

    @routes.get("/runs/{run_id}", dependencies=[needs(Role.VIEWER)])
    def show(request: Request, run_id: RunId) -> Response:
        """One run."""
        now = scheduler.store.database.now()
        run = scheduler.get_run(run_id)
        error = run["error"] if run["state"] not in {"queued", "running"} else None
        earlier = [each for each in run["attempts"] if each["error"]]
        return pages.answer(
            request,
            "run.html",
            now=now,
            run=run,
            started_by=next((each for each in run["changes"] if each["action"] == "run"), None),
            error=None if error is None else _error(error),
            last_failure=_error(earlier[-1]["error"]) if error is None and earlier else None,
            stages=stages(run, now),
            bar=bar(run, now),
            steering=_steering(scheduler, scheduler.run(run_id)),
            outlooks=OUTLOOKS,
            again=_AGAIN,
            output=transcript.newest(scheduler, run_id),
        )

    @routes.get("/runs/{run_id}/output", dependencies=[needs(Role.VIEWER)])
    def output(
        request: Request,
        run_id: RunId,
        before: Annotated[int | None, Query(ge=0, le=2**31 - 1)] = None,
        after: Annotated[str, Query(max_length=2000)] = "",
    ) -> Response:
        """A part of what it wrote: before a piece, or what followed; by default the end of it."""
        run = scheduler.run(run_id)
        if after:
            found = transcript.following(scheduler, run_id, after)
        else:
            found = transcript.newest(scheduler, run_id, before=before)
        values: dict[str, Any] = {"run": run, "output": found}
        if is_in_place(request):
            return HTMLResponse(pages.render(request, "output_part.html", **values))
        return pages.answer(request, "output.html", **values)

    @routes.get("/runs/{run_id}/cancel")
    def ask_to_cancel(request: Request, run_id: RunId, _who: Operator) -> Response:
        """What ending it will lead to."""
        run = scheduler.run(run_id)
        outlook = OUTLOOKS[cancellation_of(run, _executor(scheduler, run.job_id))]
        return pages.answer(request, "run_action.html", run=run, action="cancel", outlook=outlook)

    @routes.post("/runs/{run_id}/cancel")
    def cancel(request: Request, run_id: RunId, sent: Sent, who: Operator) -> Response:
        """End it early, wherever it runs."""
        outcome = scheduler.cancel_run(run_id, author=author_of(who, sent))
        return pages.led_back(request, _here(request, run_id), Notice(f"run-{outcome.value}", str(run_id)))

    @routes.get("/runs/{run_id}/retry")
    def ask_to_retry(request: Request, run_id: RunId, _who: Operator) -> Response:
        """What a further attempt is."""
        run = scheduler.run(run_id)
        check_may_be_tried_again(run)
        return pages.answer(request, "run_action.html", run=run, action="retry", outlook=_AGAIN)

    @routes.post("/runs/{run_id}/retry")
    def retry(request: Request, run_id: RunId, sent: Sent, who: Operator) -> Response:
        """Try it once more."""
        run = scheduler.retry_run(run_id, author=author_of(who, sent))
        return pages.led_back(request, _here(request, run_id), Notice("run-retried", str(run.id)))

    return routes


def _here(request: Request, run_id: int) -> str:
    return root_of(request) + run_path(run_id)


def _error(error: str) -> Mapping[str, Any]:
    """The line that says what happened, and all of it."""
    line = last_line(error)
    return {"line": line, "whole": written(error.strip()).markup, "is_more": error.strip() != line}


def _steering(scheduler: Scheduler, run: Run) -> Steering:
    executor = _executor(scheduler, run.job_id)
    cancelling = None
    if run.state.is_active and run.cancel_requested_at is None:
        cancelling = cancellation_of(run, executor)
    try:
        check_may_be_tried_again(run)
    except ChangeRefused:
        may_retry = False
    else:
        may_retry = executor is not None
    return Steering(cancelling, may_retry, executor is not None and not run.state.is_active)


def _executor(scheduler: Scheduler, job_id: str) -> str | None:
    """In what its job runs; ``None`` where the job is gone."""
    try:
        return str(scheduler.get_job(job_id)["executor"])
    except JobNotFound:
        return None
