"""The route of the static files."""

from __future__ import annotations

from fastapi import APIRouter, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from gnomon.api.needs import anybody
from gnomon.web.rendering import Pages
from gnomon.web.static_files import PREFIX, file_at

_FOR_EVER = "public, max-age=31536000, immutable"


def router(_pages: Pages) -> APIRouter:
    """Everybody may have them: they are the same for all, and the page at which one signs in needs them."""
    routes = APIRouter(include_in_schema=False)

    @routes.get(PREFIX + "{name}", dependencies=[anybody()])
    def static_file(request: Request, name: str) -> Response:
        """A file by the name that a page gave it."""
        file = file_at(name)
        if file is None:
            raise HTTPException(404, "there is no such file; load the page again")
        headers = {"Cache-Control": _FOR_EVER, "Vary": "Accept-Encoding"}
        if "gzip" in request.headers.get("accept-encoding", ""):
            return Response(file.packed, headers=headers | {"Content-Encoding": "gzip"}, media_type=file.media_type)
        return Response(file.content, headers=headers, media_type=file.media_type)

    return routes
