"""The log of changes as a story by days: who did what to which job, from where, and why; and undoing it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any

from fastapi import APIRouter, Path, Query, Request
from fastapi.responses import Response

from gnomon.api.cursors import cursor_of, position_of
from gnomon.api.needs import needs
from gnomon.domain.change import Change, Origin
from gnomon.domain.principal import Role
from gnomon.web.narrowing import SPANS, Span, known
from gnomon.web.paging import Cursor, Pager
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
        cursor: Cursor = None,
        before: Cursor = None,
    ) -> Response:
        """A page of the log."""
        filters = Filters(job.strip(), actor.strip(), known(origin, ORIGINS), Span.of(span, since, until))
        now, zone = scheduler.store.database.now(), pages.reader_zone(request)
        read = partial(
            scheduler.changes,
            filters.job or None,
            actor=filters.actor or None,
            origins=[Origin(name) for name in filters.origins],
            since=filters.span.start(now, zone),
            until=filters.span.end(zone),
            limit=PAGE + 1,
        )
        shown, pager = _page(read, _position(cursor), _position(before))
        return pages.answer(
            request,
            "changes.html",
            now=now,
            filters=filters,
            days=days(shown, zone),
            count=len(shown),
            undone={each.after["undone"]: each.id for each in shown if isinstance(each.after.get("undone"), int)},
            pager=pager,
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


def _page(
    read: Callable[..., list[Change]], older_than: int | None, newer_than: int | None
) -> tuple[list[Change], Pager]:
    """``read`` is asked for one more than are shown."""
    if newer_than is not None:
        found = read(after=newer_than)
        if len(found) <= PAGE:
            return _page(read, None, None)
        shown = found[-PAGE:]
        return shown, Pager(_cursor(shown[0]), _cursor(shown[-1]), is_first=False)
    found = read(before=older_than)
    shown, is_first = found[:PAGE], older_than is None
    preceding = None if is_first or not shown else _cursor(shown[0])
    return shown, Pager(preceding, _cursor(shown[-1]) if len(found) > PAGE else None, is_first)


def _cursor(change: Change) -> str | None:
    return cursor_of((change.id,))


def _position(cursor: str | None) -> int | None:
    found = position_of(cursor or None, int)
    return None if found is None else int(found[0])
