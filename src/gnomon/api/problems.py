"""Errors on the wire: problem details (RFC 9457), one stable ``type`` for each error of ours."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from gnomon.errors import (
    ChangeRefused,
    GnomonError,
    InvalidInput,
    InvalidTrigger,
    JobNotFound,
    RunNotFound,
    StoreError,
    shown,
)

logger = logging.getLogger("gnomon.api")

_KINDS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (JobNotFound, 404, "job-not-found", "There is no such job"),
    (RunNotFound, 404, "run-not-found", "There is no such run"),
    (InvalidTrigger, 422, "invalid-trigger", "The trigger is not valid"),
    (InvalidInput, 422, "invalid-input", "A value is not allowed"),
    (ChangeRefused, 409, "change-refused", "The job cannot be changed so"),
    (StoreError, 503, "store-unavailable", "The store does not answer"),
)

#: Types of what the web framework refuses. Not from the phrases of the statuses, which differ between Pythons.
_HTTP_KINDS = {404: "not-found", 405: "method-not-allowed", 413: "body-too-large", 415: "not-json"}


def install(app: FastAPI) -> None:
    """Answer every error with a problem."""
    app.add_exception_handler(GnomonError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


def problem(status: int, kind: str, title: str, detail: str, **more: Any) -> Response:
    """A problem as a response. ``more`` are its extension members."""
    content = {"type": f"/problems/{kind}", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(content, status, media_type="application/problem+json")


def _ours(_request: Request, error: Exception) -> Response:
    for kind, status, name, title in _KINDS:
        if isinstance(error, kind):
            more: dict[str, Any] = {}
            if isinstance(error, InvalidInput):
                more = {"field": error.field, "value": shown(error.value), "allowed": error.allowed}
            if status >= 500:
                logger.warning("%s", error)
            return problem(status, name, title, str(error), **more)
    logger.error("an error without a problem type", exc_info=error)
    return problem(500, "internal", "Something went wrong in Gnomon", "the log of the server says more")


def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    if first["loc"] == ("body",) and isinstance(first.get("input"), bytes):
        # The framework leaves a body as it came unless its type says JSON.
        return problem(415, "not-json", "The body is not JSON", "send Content-Type: application/json")
    field = ".".join(str(part) for part in first["loc"][1:]) or "body"
    value = shown(first.get("input"))
    allowed = first["msg"]
    if first["type"] == "json_invalid":  # its place in the text stands where the name of a field would
        field, value, allowed = "body", f"character {first['loc'][-1]}", f"give valid JSON ({first['ctx']['error']})"
    return problem(
        422, "invalid-input", "A value is not allowed", f"{field}: {allowed}", field=field, value=value, allowed=allowed
    )


def _http(_request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    kind = _HTTP_KINDS.get(error.status_code, f"http-{error.status_code}")
    return problem(error.status_code, kind, str(error.detail), str(error.detail))
