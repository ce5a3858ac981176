"""The jobs: searched, filtered, sorted, a page at a time; each with what it did lately and what can be done to it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from gnomon.api.cursors import cursor_of, position_of
from gnomon.api.needs import needs
from gnomon.domain.principal import Role
from gnomon.operations.list_jobs import SOURCES, STATES, JobQuery, Position, Sort
from gnomon.scheduler import Scheduler
from gnomon.web import ledger
from gnomon.web.paging import Cursor, Pager
from gnomon.web.rendering import Pages

PAGE = 50


@dataclass(frozen=True, slots=True)
class Filters:
    """What the reader asked for. What is not known is left out: an old link still shows something."""

    search: str = ""
    states: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    sort: str = Sort.NEXT_RUN.value

    @property
    def are_set(self) -> bool:
        """Whether they leave anything out."""
        return bool(self.search or self.states or self.sources)

    @property
    def query(self) -> dict[str, Any]:
        """As the address has them."""
        return {"search": self.search, "state": self.states, "source": self.sources, "sort": self.sort}


def router(pages: Pages) -> APIRouter:
    """The route."""
    routes = APIRouter(include_in_schema=False)
    scheduler = pages.scheduler

    @routes.get("/jobs", dependencies=[needs(Role.VIEWER)])
    def jobs(
        request: Request,
        search: Annotated[str, Query(max_length=200)] = "",
        state: Annotated[list[str] | None, Query(max_length=5)] = None,
        source: Annotated[list[str] | None, Query(max_length=3)] = None,
        sort: str = Sort.NEXT_RUN.value,
        cursor: Cursor = None,
        before: Cursor = None,
    ) -> Response:
        """A page of jobs."""
        filters = Filters(
            search.strip(), _known(state, STATES), _known(source, SOURCES), sort if sort in set(Sort) else Sort.NEXT_RUN
        )
        now = scheduler.store.database.now()
        first = JobQuery(
            search=filters.search,
            states=frozenset(filters.states),
            sources=frozenset(filters.sources),
            sort=Sort(filters.sort),
            limit=PAGE,
        )
        found, pager = _page(scheduler, first, _position(cursor), _position(before))
        return pages.answer(
            request,
            "jobs.html",
            now=now,
            filters=filters,
            jobs=found,
            pager=pager,
            strips=ledger.strips(scheduler, [job["id"] for job in found]),
            states=STATES,
            source_names=SOURCES,
            has_tasks=bool(scheduler.tasks()),
        )

    return routes


def _page(
    scheduler: Scheduler, first: JobQuery, after: Position | None, before: Position | None
) -> tuple[list[dict[str, Any]], Pager]:
    page = scheduler.list_jobs(replace(first, after=after, before=before))
    if before is not None and page.previous is None:
        return _page(scheduler, first, None, None)
    is_first = after is None and before is None
    return page.jobs, Pager(cursor_of(page.previous), cursor_of(page.next), is_first)


def _position(cursor: str | None) -> Position | None:
    found = position_of(cursor or None, (float, int, type(None)), str)
    return None if found is None else Position(*found)


def _known(given: Collection[str] | None, known: Collection[str]) -> tuple[str, ...]:
    return tuple(value for value in known if value in (given or ()))
