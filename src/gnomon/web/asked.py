"""What comes with a request: a form, where one was, and what the reader likes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import tzinfo
from typing import Annotated
from urllib.parse import parse_qs, unquote

from fastapi import Depends, Request

from gnomon.access.hosts import READING
from gnomon.access.incoming import Incoming
from gnomon.domain.triggers import zone
from gnomon.errors import InvalidTrigger

FORM_TYPE = "application/x-www-form-urlencoded"
ZONE_COOKIE, THEME_COOKIE = "gnomon_zone", "gnomon_theme"
_THEMES = frozenset({"light", "dark"})
_MOST_FIELDS = 1000


@dataclass(frozen=True, slots=True)
class Form:
    """The fields of a form that was sent; none where something else was."""

    fields: Mapping[str, list[str]]

    def one(self, name: str) -> str:
        """The value of a field; empty if it was not sent, or several times."""
        values = self.fields.get(name, [])
        return values[0] if len(values) == 1 else ""

    def all(self, name: str) -> list[str]:
        """All values of a field."""
        return self.fields.get(name, [])


def form_of(content_type: str, body: bytes) -> Form:
    """The form in a body."""
    if content_type.partition(";")[0].strip().lower() != FORM_TYPE:
        return Form({})
    try:
        return Form(parse_qs(body.decode("utf-8"), keep_blank_values=True, max_num_fields=_MOST_FIELDS))
    except ValueError:
        return Form({})


async def _sent(request: Request) -> Form:
    return form_of(request.headers.get("content-type", ""), await request.body())


#: The form that came with a request, as a parameter of a route.
Sent = Annotated[Form, Depends(_sent)]


def is_in_place(request: Request) -> bool:
    """Whether the script of the page asks, and puts the answer where it belongs."""
    return request.headers.get("hx-request") == "true"


def here(request: Request) -> str:
    """Where one is: path and query, whole, also below a path where this is mounted. What answers a form that was sent
    is no place to come back to."""
    if request.method not in READING:
        root: str = request.scope.get("root_path", "")
        return f"{root.rstrip('/')}/"
    query = request.url.query
    return request.url.path + (f"?{query}" if query else "")


def on_this_server(address: str, root: str) -> str:
    """An address that came with a request, if it leads to a page of ours; otherwise our first page."""
    fits = (
        address.startswith(f"{root}/")
        and not address.startswith(("//", "/\\"))
        and address.isprintable()
        and "\\" not in address
        and len(address) <= 4000
    )
    return address if fits else f"{root}/"


def zone_of(request: Request) -> tzinfo | None:
    """The time zone that the browser has told, if it is one."""
    told = Incoming.of(request.scope).cookie(ZONE_COOKIE)
    try:
        return zone(unquote(told)) if told else None
    except InvalidTrigger:
        return None


def theme_of(request: Request) -> str | None:
    """``light`` or ``dark`` if the reader chose one; otherwise what his system has."""
    told = Incoming.of(request.scope).cookie(THEME_COOKIE)
    return told if told in _THEMES else None
