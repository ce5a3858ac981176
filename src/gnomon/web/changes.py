"""The log of changes as a story by days: who did what to which job, from where, and why; and undoing it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from gnomon.api.cursors import cursor_of, position_of
from gnomon.api.needs import needs
from gnomon.domain.change import Origin
from gnomon.domain.principal import Role
from gnomon.web.narrowing import SPANS, Span, known
from gnomon.web.rendering import Pages
from gnomon.web.story import ORIGINS, days, told

PAGE = 50
_ANY_TIME = Span()

#: Ids are signed 64-bit numbers in both databases.
ChangeId = Annotated[int, Path(ge=1, le=2**63 - 1)]


@dataclass(frozen=True, slots=True)
class Filters:
    """What the reader asked for."""

    job: str = ""
    actor: str = ""
    origins: tuple[str, ...] = ()
    span: Span = _ANY_TIME

    @property
    def are_set(self) -> bool:
        """Whether they leave anything out."""
        return bool(self.job or self.actor or self.origins or self.span)

    @property
    def query(self) -> dict[str, Any]:
        """As the address has them."""
        return {
            "job": self.job,
            "actor": self.actor,
            "origin": self.origins,
            "span": self.span.name,
            "since": self.span.since,
            "until": self.span.until,
        }


def router(pages: Pages) -> APIRouter:
    """The routes."""
    routes = APIRouter(include_in_schema=False)
    scheduler = pages.scheduler

    @routes.get("/changes", dependencies=[needs(Role.VIEWER)])
    def changes(
        request: Request,
        job: Annotated[str, Query(max_length=191)] = "",
        actor: Annotated[str, Query(max_length=191)] = "",
        origin: Annotated[list[str] | None, Query(max_length=10)] = None,
        span: str = "",
        since: Annotated[str, Query(max_length=40)] = "",
        until: Annotated[str, Query(max_length=40)] = "",
        cursor: Annotated[str | None, Query(max_length=2000)] = None,
    ) -> Response:
        """A page of the log."""
        filters = Filters(job.strip(), actor.strip(), known(origin, ORIGINS), Span.of(span, since, until))
        position = position_of(cursor or None, int)
        now, zone = scheduler.store.database.now(), pages.reader_zone(request)
        found = scheduler.changes(
            filters.job or None,
            actor=filters.actor or None,
            origins=[Origin(name) for name in filters.origins],
            since=filters.span.start(now, zone),
            until=filters.span.end(zone),
            before=None if position is None else position[0],
            limit=PAGE + 1,
        )
        shown = found[:PAGE]
        return pages.answer(
            request,
            "changes.html",
            now=now,
            filters=filters,
            days=days(shown, zone),
            count=len(shown),
            undone={each.after["undone"]: each.id for each in shown if isinstance(each.after.get("undone"), int)},
            following=cursor_of((shown[-1].id,)) if len(found) > PAGE else None,
            is_first=position is None,
            origins=ORIGINS,
            spans=SPANS,
        )

    @routes.get("/changes/{change_id}", dependencies=[needs(Role.VIEWER)])
    def change(request: Request, change_id: ChangeId) -> Response:
        """One line of it."""
        now, found = scheduler.store.database.now(), scheduler.change(change_id)
        later = scheduler.changes(found.job_id, limit=PAGE)
        return pages.answer(
            request,
            "change.html",
            now=now,
            entry=told(found),
            origins=ORIGINS,
            undone_by=next((each.id for each in later if each.after.get("undone") == found.id), None),
        )

    return routes
