"""Runs over REST: the ledger, one run with its output, and what people do to runs."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Header, Path, Query
from fastapi.responses import Response, StreamingResponse
from pydantic import AwareDatetime

from gnomon.api import bodies, schemas
from gnomon.api.answers import answer
from gnomon.api.cursors import cursor_of, position_of
from gnomon.api.needs import needs
from gnomon.domain.change import Author, Origin
from gnomon.domain.ledger import OutputPage
from gnomon.domain.principal import Principal, Role
from gnomon.domain.run import Cause, RunState
from gnomon.domain.run_query import LARGEST_PAGE, RunPosition, RunQuery
from gnomon.domain.times import from_micros, to_micros
from gnomon.errors import InvalidInput
from gnomon.operations.run_dicts import run_dict
from gnomon.scheduler import Scheduler

#: Ids are signed 64-bit numbers in both databases.
RunId = Annotated[int, Path(ge=1, le=2**63 - 1)]
Operator = Annotated[Principal, needs(Role.OPERATOR)]
_VIEWER = [needs(Role.VIEWER)]
_NO_RUN: dict[int | str, dict[str, Any]] = {404: {"description": "there is no such run"}}
_REFUSED: dict[int | str, dict[str, Any]] = {
    404: {"description": "there is no such job or run"},
    409: {"description": "it makes no sense for the job or run as it stands"},
}


def router(scheduler: Scheduler) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/api/scheduler", tags=["runs"])

    @routes.get("/runs", dependencies=_VIEWER, responses={200: {"model": schemas.RunsPage}})
    def list_runs(
        job: Annotated[str | None, Query(max_length=191, description="of one job")] = None,
        state: Annotated[list[RunState] | None, Query(max_length=10)] = None,
        cause: Annotated[list[Cause] | None, Query(max_length=5)] = None,
        since: Annotated[AwareDatetime | None, Query(description="due at this time or later")] = None,
        until: Annotated[AwareDatetime | None, Query(description="due before this time")] = None,
        node: Annotated[str | None, Query(max_length=64)] = None,
        search: Annotated[str | None, Query(min_length=1, max_length=200, description="in the error")] = None,
        limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 100,
        cursor: Annotated[str | None, Query(max_length=2000, description="`next` of the page before")] = None,
    ) -> Response:
        """Lines of the ledger, by scheduled time, the newest first."""
        query = RunQuery(
            job_id=job,
            states=frozenset(state or ()),
            causes=frozenset(cause or ()),
            scheduled_from=since,
            scheduled_to=until,
            node=node,
            search=search,
        )
        page = scheduler.find_runs(query, limit=limit, after=_position(cursor))
        following = None
        if page.following is not None:
            following = (to_micros(page.following.scheduled_at), page.following.id)
        return answer({"runs": [run_dict(run) for run in page.runs], "next": cursor_of(following)})

    @routes.get("/runs/{run_id}", dependencies=_VIEWER, responses={200: {"model": schemas.OneRun}, **_NO_RUN})
    def show_run(run_id: RunId) -> Response:
        """One run with its attempts, and what people did to it."""
        return answer(scheduler.get_run(run_id))

    @routes.get("/runs/{run_id}/output", dependencies=_VIEWER, responses={200: {"model": schemas.Output}, **_NO_RUN})
    def output(
        run_id: RunId,
        after: Annotated[int, Query(ge=-1, le=2**31 - 1, description="go on after this piece")] = -1,
        tail: Annotated[int | None, Query(ge=1, le=LARGEST_PAGE, description="only the last pieces")] = None,
        limit: Annotated[int, Query(ge=1, le=LARGEST_PAGE)] = 100,
    ) -> Response:
        """What a run wrote, also while it runs: ask again with `after` of the answer before."""
        scheduler.run(run_id)
        if tail is not None:
            return answer(_output(scheduler.output_tail(run_id, limit=tail)))
        return answer(_output(scheduler.output_page(run_id, after=after, limit=limit)))

    @routes.get(
        "/runs/{run_id}/output.txt",
        dependencies=_VIEWER,
        response_class=StreamingResponse,
        responses={200: {"description": "all that the run wrote", "content": {"text/plain": {}}}, **_NO_RUN},
    )
    def output_as_text(run_id: RunId) -> StreamingResponse:
        """All that a run wrote, as text, for a download."""
        pieces = scheduler.output_text(run_id)
        headers = {"Content-Disposition": f'attachment; filename="run-{run_id}.txt"'}
        return StreamingResponse(pieces, media_type="text/plain; charset=utf-8", headers=headers)

    @routes.post("/jobs/{job_id}/run", status_code=201, responses={201: {"model": schemas.Run}, **_REFUSED})
    def run_now(
        job_id: str,
        who: Operator,
        body: bodies.Because | None = None,
        key: Annotated[
            str | None,
            Header(
                alias="Idempotency-Key",
                min_length=1,
                max_length=255,
                description="the same key within a day answers with the same run, and starts nothing",
            ),
        ] = None,
    ) -> Response:
        """Run the job once, now, on any living node that has its code. Its schedule does not move."""
        run_id = scheduler.run_job(job_id, key=key, author=_author(who, body))
        return answer(run_dict(scheduler.run(run_id)), 201)

    @routes.post("/runs/{run_id}/cancel", responses={200: {"model": schemas.Cancelling}, **_REFUSED})
    def cancel_run(run_id: RunId, who: Operator, body: bodies.Because | None = None) -> Response:
        """End a run early, wherever it runs. `outcome` says what that led to."""
        outcome = scheduler.cancel_run(run_id, author=_author(who, body))
        return answer({"outcome": outcome.value, "run": run_dict(scheduler.run(run_id))})

    @routes.post("/runs/{run_id}/retry", responses={200: {"model": schemas.Run}, **_REFUSED})
    def retry_run(run_id: RunId, who: Operator, body: bodies.Because | None = None) -> Response:
        """Try a run that ended badly, or never started, once more: as its next attempt."""
        return answer(run_dict(scheduler.retry_run(run_id, author=_author(who, body))))

    return routes


def _author(who: Principal, body: bodies.Because | None) -> Author:
    return who.author(Origin.API, body.reason if body is not None else None)


def _position(cursor: str | None) -> RunPosition | None:
    found = position_of(cursor, int, int)
    if found is None:
        return None
    try:
        return RunPosition(from_micros(found[0]), found[1])
    except OverflowError:
        raise InvalidInput("cursor", cursor, "give the `next` of the page before, or leave it out") from None


def _output(page: OutputPage) -> dict[str, Any]:
    pieces = [
        {"seq": piece.seq, "at": _iso(piece.at), "stream": piece.stream, "text": piece.text} for piece in page.pieces
    ]
    return {"pieces": pieces, "after": page.after, "is_last": page.is_last}


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat()
