"""The ledger: what ran, what did not and why, the newest first, narrowed down and a page at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from gnomon.api.cursors import cursor_of, position_of
from gnomon.api.needs import needs
from gnomon.domain.principal import Role
from gnomon.domain.run import ACTIVE, FAILURES, Cause, Run, RunState
from gnomon.domain.run_query import RunPosition, RunQuery
from gnomon.domain.times import from_micros, to_micros
from gnomon.errors import InvalidInput
from gnomon.scheduler import Scheduler
from gnomon.web import ledger
from gnomon.web.narrowing import SPANS, Span, known
from gnomon.web.paging import Cursor, Pager
from gnomon.web.rendering import Pages
from gnomon.web.standing import Look

PAGE = 50

#: What people ask for, by name: the look of it, and the states that it stands for.
GROUPS: dict[str, tuple[Look, frozenset[RunState]]] = {
    "active": (Look("play", "going on", "busy"), ACTIVE),
    "failed": (Look("cross", "failed or missed", "bad"), FAILURES),
    "succeeded": (Look("check", "succeeded", "good"), frozenset({RunState.SUCCEEDED})),
    "cancelled": (Look("minus", "cancelled", "warn"), frozenset({RunState.CANCELLED})),
    "passed": (Look("skip", "skipped or coalesced", "calm"), frozenset({RunState.SKIPPED, RunState.COALESCED})),
}
CAUSES = {
    Cause.SCHEDULE.value: Look("clock", "by schedule", "calm"),
    Cause.MANUAL.value: Look("enter", "by hand", "note"),
    Cause.EXCEPTION.value: Look("pencil", "skipped or moved by hand", "note"),
}
_STATES = [state.value for state in RunState]
_ANY_TIME = Span()


@dataclass(frozen=True, slots=True)
class Filters:
    """What the reader asked for. ``states`` are names of groups, or of single states as links give them."""

    search: str = ""
    job: str = ""
    states: tuple[str, ...] = ()
    causes: tuple[str, ...] = ()
    node: str = ""
    span: Span = _ANY_TIME

    @property
    def are_set(self) -> bool:
        """Whether they leave anything out."""
        return bool(self.search or self.states or self.causes or self.are_further)

    @property
    def are_further(self) -> bool:
        """Whether one of those is set that are folded away."""
        return bool(self.job or self.node or self.span)

    @property
    def query(self) -> dict[str, Any]:
        """As the address has them."""
        return {
            "search": self.search,
            "job": self.job,
            "state": self.states,
            "cause": self.causes,
            "node": self.node,
            "span": self.span.name,
            "since": self.span.since,
            "until": self.span.until,
        }

    def wanted_states(self) -> frozenset[RunState]:
        """All states that they stand for."""
        found: frozenset[RunState] = frozenset()
        for name in self.states:
            found |= GROUPS[name][1] if name in GROUPS else {RunState(name)}
        return found


def router(pages: Pages) -> APIRouter:
    """The route."""
    routes = APIRouter(include_in_schema=False)
    scheduler = pages.scheduler

    @routes.get("/runs", dependencies=[needs(Role.VIEWER)])
    def runs(
        request: Request,
        search: Annotated[str, Query(max_length=200)] = "",
        job: Annotated[str, Query(max_length=191)] = "",
        state: Annotated[list[str] | None, Query(max_length=20)] = None,
        cause: Annotated[list[str] | None, Query(max_length=5)] = None,
        node: Annotated[str, Query(max_length=64)] = "",
        span: str = "",
        since: Annotated[str, Query(max_length=40)] = "",
        until: Annotated[str, Query(max_length=40)] = "",
        cursor: Cursor = None,
        before: Cursor = None,
    ) -> Response:
        """A page of the ledger."""
        filters = Filters(
            search=search.replace("\0", "").strip(),
            job=job.strip(),
            states=known(state, [*GROUPS, *(name for name in _STATES if name not in GROUPS)]),
            causes=known(cause, CAUSES),
            node=node.strip(),
            span=Span.of(span, since, until),
        )
        now = scheduler.store.database.now()
        zone = pages.reader_zone(request)
        query = RunQuery(
            job_id=filters.job or None,
            states=filters.wanted_states(),
            causes=frozenset(Cause(name) for name in filters.causes),
            scheduled_from=filters.span.start(now, zone),
            scheduled_to=filters.span.end(zone),
            node=filters.node or None,
            search=filters.search or None,
        )
        found, pager = _page(scheduler, query, _position(cursor), _position(before))
        return pages.answer(
            request,
            "runs.html",
            now=now,
            filters=filters,
            runs=found,
            pager=pager,
            groups=GROUPS,
            causes=CAUSES,
            spans=SPANS,
            nodes=ledger.nodes(scheduler),
            keep_days=scheduler.settings.keep_days,
        )

    return routes


def _page(
    scheduler: Scheduler, query: RunQuery, after: RunPosition | None, before: RunPosition | None
) -> tuple[list[Run], Pager]:
    page = scheduler.find_runs(query, limit=PAGE, after=after, before=before)
    if before is not None and page.preceding is None:
        return _page(scheduler, query, None, None)
    is_first = after is None and before is None
    return page.runs, Pager(_cursor(page.preceding), _cursor(page.following), is_first)


def _cursor(position: RunPosition | None) -> str | None:
    return None if position is None else cursor_of((to_micros(position.scheduled_at), position.id))


def _position(cursor: str | None) -> RunPosition | None:
    found = position_of(cursor or None, int, int)
    if found is None:
        return None
    try:
        return RunPosition(from_micros(found[0]), found[1])
    except OverflowError:
        raise InvalidInput("cursor", cursor, "start with the first page") from None
