"""Errors on the wire: problem details (RFC 9457), one stable ``type`` for each error of ours."""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from gnomon.access.asking import challenge, principal_of
from gnomon.access.security_headers import with_security
from gnomon.api.schemas import Problem
from gnomon.errors import (
    CalendarNotFound,
    ChangeNotFound,
    ChangeRefused,
    GnomonError,
    InvalidInput,
    InvalidTrigger,
    JobExists,
    JobNotFound,
    NotAllowed,
    NotAuthenticated,
    RunNotFound,
    StaleCalendar,
    StaleToken,
    StoreError,
    TaskNotFound,
    TooManyAttempts,
    shown,
)
from gnomon.operations.audit import change_dict

logger = logging.getLogger("gnomon.api")

_KINDS: tuple[tuple[type[Exception], int, str, str], ...] = (
    (JobNotFound, 404, "job-not-found", "There is no such job"),
    (RunNotFound, 404, "run-not-found", "There is no such run"),
    (CalendarNotFound, 404, "calendar-not-found", "There is no such calendar"),
    (ChangeNotFound, 404, "change-not-found", "There is no such change"),
    (NotAuthenticated, 401, "not-authenticated", "It is not known who is asking"),
    (NotAllowed, 403, "not-allowed", "Who is asking may not do this"),
    (TooManyAttempts, 429, "too-many-attempts", "Too many attempts"),
    (TaskNotFound, 422, "task-not-found", "There is no such task"),
    (InvalidTrigger, 422, "invalid-trigger", "The trigger is not valid"),
    (InvalidInput, 422, "invalid-input", "A value is not allowed"),
    (StaleToken, 412, "stale-token", "Somebody else has changed the job"),
    (StaleCalendar, 412, "stale-token", "Somebody else has changed the calendar"),
    (JobExists, 409, "job-exists", "There is a job of this id already"),
    (ChangeRefused, 409, "change-refused", "The job cannot be changed so"),
    (StoreError, 503, "store-unavailable", "The store does not answer"),
)

#: Types of what the web framework refuses. Not from the phrases of the statuses, which differ between Pythons.
_HTTP_KINDS = {
    400: "bad-request",
    403: "not-allowed",
    404: "not-found",
    405: "method-not-allowed",
    415: "not-json",
    428: "precondition-required",
}

#: What any route may answer, for the description of the API: said by what stands before the routes.
OF_EVERY_ROUTE: dict[int | str, dict[str, Any]] = {
    status: {"description": words}
    for status, words in {
        400: "unknown host, or an address that is not valid",
        401: "nobody knows who is asking",
        403: "who is asking may not do this",
        408: "the body came too slowly",
        413: "the body is too large",
        414: "the address is too long",
        422: "a value is not allowed",
        431: "the headers are too large",
        503: "the store does not answer",
    }.items()
}


def install(app: FastAPI) -> None:
    """Answer every error with a problem."""
    app.add_exception_handler(GnomonError, _ours)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(Exception, unforeseen)


def describe(api: dict[str, Any]) -> None:
    """Say in a description of the API that each refusal is a problem, beside what its route says it may be."""
    components = api["components"]["schemas"]
    schema = Problem.model_json_schema(ref_template="#/components/schemas/{model}")
    for name, part in schema.pop("$defs").items():
        components.setdefault(name, part)
    components["Problem"] = schema
    content = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
    for operations in api["paths"].values():
        for operation in operations.values():
            for status, response in operation["responses"].items():
                if int(status) >= 400:
                    response["content"] = {**response.get("content", {}), **content}


def problem(status: int, kind: str, title: str, detail: str, **more: Any) -> Response:
    """A problem as a response. ``more`` are its extension members."""
    content = {"type": f"/problems/{kind}", "title": title, "status": status, "detail": detail, **more}
    return JSONResponse(content, status, media_type="application/problem+json")


def _ours(request: Request, error: Exception) -> Response:
    for kind, status, name, title in _KINDS:
        if isinstance(error, kind):
            more: dict[str, Any] = {}
            if isinstance(error, InvalidInput):
                more = {"field": error.field, "value": shown(error.value), "allowed": error.allowed}
            elif isinstance(error, StaleToken | StaleCalendar):
                more = _what_is_different(error)
                who = principal_of(request.scope)
                logger.info("%s was refused: %s", shown(who.name if who is not None else None), error)
            if status >= 500:
                logger.warning("%s", error)
            answer = problem(status, name, title, str(error), **more)
            if isinstance(error, NotAuthenticated):
                answer.headers.append(*challenge(is_invalid=error.is_invalid))
            if isinstance(error, TooManyAttempts):
                answer.headers["Retry-After"] = str(error.retry_after)
            return answer
    logger.error("an error without a problem type", exc_info=error)
    return problem(500, "internal", "Something went wrong in Gnomon", "the log of the server says more")


def _what_is_different(error: StaleToken | StaleCalendar) -> dict[str, Any]:
    """What stands there, and what was changed since the token that was sent (null: nobody knows that one)."""
    stands = {"job": error.job} if isinstance(error, StaleToken) else {"calendar": error.calendar}
    changes = None if error.changes is None else [change_dict(change) for change in error.changes]
    return {**stands, "differing": error.differing, "changes": changes}


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


def unforeseen(_request: Request, _error: Exception) -> Response:
    """The last resort, which stands outside of all else; whoever serves this logs the traceback."""
    answer = problem(500, "internal", "Something went wrong in Gnomon", "the log of the server says more")
    answer.raw_headers = with_security(answer.raw_headers, is_secure=False)
    return answer
