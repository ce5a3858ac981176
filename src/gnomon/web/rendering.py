"""A template and its values become an answer. What every page knows is put together here."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from functools import cache, partial
from importlib.metadata import version
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, PackageLoader, StrictUndefined

from gnomon.access.asking import principal_of
from gnomon.access.forgery import forgery_token_of
from gnomon.access.hosts import READING
from gnomon.access.incoming import Incoming
from gnomon.domain.principal import Role
from gnomon.domain.triggers import zone, zone_name
from gnomon.scheduler import Scheduler
from gnomon.web import notices, static_files, words
from gnomon.web.ansi import last_line
from gnomon.web.asked import Form, here, is_in_place, on_this_server, theme_of, zone_of
from gnomon.web.clock import Clock
from gnomon.web.navigation import PLACES
from gnomon.web.notices import Notice

#: The script reads these elements of a page anew when something was done on it.
_READ_ANEW = {"HX-Trigger": "gnomon:done"}


class Pages:
    """Makes the pages of a scheduler."""

    def __init__(self, scheduler: Scheduler) -> None:
        self.scheduler = scheduler

    def answer(
        self, request: Request, template: str, status: int = 200, *, now: datetime | None = None, **values: Any
    ) -> Response:
        """A page. ``now`` is the moment that its values are of, by the store's clock."""
        told = Incoming.of(request.scope).cookie(notices.COOKIE)
        content = self.render(request, template, now=now, notice=notices.notice_in(told), **values)
        page = HTMLResponse(content, status)
        if told is not None:
            page.headers.append("Set-Cookie", notices.cookie_of(None))
        return page

    def render(self, request: Request, template: str, *, now: datetime | None = None, **values: Any) -> str:
        """A template as text."""
        return _templates().get_template(template).render(self._known_to_all(request, now) | values)

    def done(self, request: Request, sent: Form, notice: Notice) -> Response:
        """The answer to an action that was carried out."""
        if is_in_place(request):
            return HTMLResponse(self.render(request, "notice.html", notice=notice), headers=_READ_ANEW)
        return self.led_back(request, sent.one("back"), notice)

    def led_back(self, request: Request, to: str, notice: Notice | None = None) -> Response:
        """To a page of ours, which then says the notice."""
        page = RedirectResponse(on_this_server(to, root_of(request)), 303)
        if notice is not None:
            page.headers.append("Set-Cookie", notices.cookie_of(notice))
        return page

    def reader_zone(self, request: Request) -> tzinfo:
        """The zone in which the reader's times are told: what his browser says, otherwise the scheduler's."""
        told = zone_of(request)
        return told if told is not None else zone(self.scheduler.timezone)

    def _known_to_all(self, request: Request, now: datetime | None) -> dict[str, Any]:
        root, who = root_of(request), principal_of(request.scope)
        reader = self.reader_zone(request)

        return {
            "url": partial(address, root),
            "asset": lambda name: root + static_files.address_of(name),
            "here": here(request),
            "is_read": request.method in READING,
            "path": request.url.path.removeprefix(root) or "/",
            "places": [place for place in PLACES if who is not None and who.may(place.role)],
            "who": who,
            "may_change": who is not None and who.may(Role.OPERATOR),
            "csrf_token": forgery_token_of(self.scheduler.access, request.scope),
            "clock": Clock(now or datetime.now(UTC), reader),
            "reader_zone": zone_name(reader),
            "theme": theme_of(request),
            "notice": None,
            "version": version("gnomon"),
        }


def address(root: str, path: str, **query: Any) -> str:
    """The address of a page, below the path where this application is mounted. ``path`` is quoted where it has to be;
    what is empty in ``query`` is left out."""
    given = [(name, value) for name, value in query.items() if value not in (None, "", (), [])]
    return root + quote(path, safe="/%") + (f"?{urlencode(given, doseq=True)}" if given else "")


def root_of(request: Request) -> str:
    """The path below which this application is mounted; empty where it stands alone."""
    root: str = request.scope.get("root_path", "")
    return root.rstrip("/")


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("gnomon.web"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
        finalize=words.finalize,
    )
    made.filters.update(words.FILTERS)
    made.filters["last_line"] = last_line
    made.globals.update(words.GLOBALS)
    return made
