"""The jobs: searched, filtered, sorted, a page at a time; each with what it did lately and what can be done to it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Query, Request
from fastapi.responses import Response

from gnomon.api.cursors import cursor_of, position_of
from gnomon.api.needs import needs
from gnomon.domain.principal import Role
from gnomon.operations.list_jobs import SOURCES, STATES, JobQuery, Position, Sort
from gnomon.web import ledger
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
        cursor: Annotated[str | None, Query(max_length=2000)] = None,
    ) -> Response:
        """A page of jobs."""
        filters = Filters(
            search.strip(), _known(state, STATES), _known(source, SOURCES), sort if sort in set(Sort) else Sort.NEXT_RUN
        )
        position = position_of(cursor or None, (float, int, type(None)), str)
        now = scheduler.store.database.now()
        page = scheduler.list_jobs(
            JobQuery(
                search=filters.search,
                states=frozenset(filters.states),
                sources=frozenset(filters.sources),
                sort=Sort(filters.sort),
                limit=PAGE,
                after=None if position is None else Position(*position),
            )
        )
        return pages.answer(
            request,
            "jobs.html",
            now=now,
            filters=filters,
            jobs=page.jobs,
            following=cursor_of(page.next),
            is_first=position is None,
            strips=ledger.strips(scheduler, [job["id"] for job in page.jobs]),
            states=STATES,
            source_names=SOURCES,
            has_tasks=bool(scheduler.tasks()),
        )

    return routes


def _known(given: Collection[str] | None, known: Collection[str]) -> tuple[str, ...]:
    return tuple(value for value in known if value in (given or ()))
