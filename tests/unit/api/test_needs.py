"""Each route says which role it needs, and keeps to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute, iter_route_contexts
from starlette.routing import Route

from gnomon import Scheduler
from gnomon.api.needs import needs, roles_of
from gnomon.domain.principal import Principal, Role
from gnomon.web import PUBLIC
from tests.unit.api.conftest import Client, bearer

_BODY: dict[str, Any] = {}


def routes(app: FastAPI) -> Iterator[tuple[str, str, Any]]:
    """Method, path and route of all that an application answers."""
    for context in iter_route_contexts(app.routes):
        for method in sorted(context.methods or {"GET"}):
            yield method, str(context.path), context.original_route


@pytest.fixture
def app(scheduler: Scheduler) -> FastAPI:
    app: FastAPI = scheduler.asgi()
    return app


def test_the_routes_are_found(app: FastAPI) -> None:
    found = {(method, path) for method, path, _ in routes(app)}
    assert {("GET", "/api/scheduler/jobs"), ("PATCH", "/api/scheduler/jobs/{job_id}"), ("GET", "/health")} <= found


def test_each_route_declares_one_role_or_that_everybody_may(app: FastAPI) -> None:
    """A mount or a plain route of Starlette's cannot declare one: wrap it, or say here why it needs none."""
    without = [f"{method} {path}" for method, path, route in routes(app) if len(roles_of(route)) != 1]
    assert without == [], "these routes declare no role: give them needs(Role.…), see gnomon.api.needs"


def test_what_everybody_may_is_public_and_nothing_else_is(app: FastAPI) -> None:
    open_to_all = {path for _, path, route in routes(app) if roles_of(route) == [None]}
    assert {path.partition("{")[0] for path in open_to_all} == PUBLIC


def test_what_changes_something_needs_more_than_a_viewer(app: FastAPI) -> None:
    loose = [
        f"{method} {path}"
        for method, path, route in routes(app)
        if method not in {"GET", "HEAD"}
        and roles_of(route) == [Role.VIEWER]
        and path not in PUBLIC
        and not path.endswith("/preview")  # asks with a body, and changes nothing
        and path not in {"/sign-out", "/sign-out/everywhere"}  # one's own sessions
    ]
    assert loose == []


def test_each_route_lets_in_whom_it_declares_and_nobody_else(
    app: FastAPI,
    scheduler: Scheduler,
    client: Client,
    tokens: dict[Role, str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(scheduler.access, "still_valid", lambda _who: False)  # a stream that was let in ends at once
    asking = client()
    wrong = []
    for method, path, route in routes(app):
        (needed,) = roles_of(route)
        address = re.sub(r"\{[^}]*\}", "job", path)
        for role in (None, *Role):
            headers = {} if role is None else bearer(tokens[role])
            answer = asking.request(method, address, headers=headers, json=_BODY if method != "GET" else None)
            may = needed is None or (role is not None and role.includes(needed))
            expected = "let in" if may else "401" if role is None else "403"
            refused = answer.status_code in {401, 403}
            if (str(answer.status_code) if refused else "let in") != expected:
                wrong.append(f"{method} {path} as {role}: {answer.status_code}, expected {expected}")
    assert wrong == []


def test_refusals_are_problems(client: Client, tokens: dict[Role, str]) -> None:
    asking = client()
    unknown = asking.patch("/api/scheduler/jobs/job", json={"enabled": False})
    assert (unknown.status_code, unknown.json()["type"]) == (401, "/problems/not-authenticated")
    assert unknown.headers["www-authenticate"] == 'Bearer realm="gnomon"'
    viewer = asking.patch("/api/scheduler/jobs/job", json={"enabled": False}, headers=bearer(tokens[Role.VIEWER]))
    assert (viewer.status_code, viewer.json()["type"]) == (403, "/problems/not-allowed")
    assert "needs operator" in viewer.json()["detail"]
    assert viewer.headers["content-type"] == "application/problem+json"


def test_a_route_that_declares_nothing_answers_nobody(app: FastAPI, client: Client, tokens: dict[Role, str]) -> None:
    ran: list[str] = []
    forgetful = APIRouter()

    @forgetful.post("/forgotten")
    def forgotten() -> None:
        ran.append("forgotten")

    @app.get("/late")
    def late() -> None:
        ran.append("late")

    app.include_router(forgetful)
    asking = client(app=app)
    for method, path in (("POST", "/forgotten"), ("GET", "/late")):
        for role in Role:
            answer = asking.request(method, path, headers=bearer(tokens[role]))
            assert answer.status_code == 403
            assert "declares no role" in answer.json()["detail"]
    assert ran == []


def test_the_enumeration_would_find_it(app: FastAPI) -> None:
    assert roles_of(Route("/x", lambda _: None)) == []
    assert roles_of(APIRoute("/x", lambda: None)) == []
    assert roles_of(APIRoute("/x", lambda: None, dependencies=[needs(Role.ADMIN)])) == [Role.ADMIN]


def test_the_audit_log_names_who_asked(scheduler: Scheduler, client: Client, tokens: dict[Role, str]) -> None:
    def change(asking: Any, instances: int, **headers: str) -> str:
        answer = asking.patch(
            "/api/scheduler/jobs/job", json={"max_instances": instances}, headers={"If-Match": "*", **headers}
        )
        assert answer.status_code == 200
        author = scheduler.changes()[0].author
        assert author.origin == "api"
        return author.actor

    assert change(client(), 2, **bearer(tokens[Role.OPERATOR])) == "operator"
    assert change(client("127.0.0.1"), 3) == "local"
    assert change(client(identify=lambda _: Principal("mia", Role.OPERATOR)), 4) == "mia"


def test_the_description_says_how_to_show_who_one_is(client: Client) -> None:
    described = client("127.0.0.1").get("/api/scheduler/openapi.json").json()
    assert described["openapi"].startswith("3.1")
    assert described["components"]["securitySchemes"]["API token"]["scheme"] == "bearer"
    listing = described["paths"]["/api/scheduler/jobs"]["get"]
    assert {"API token": []} in listing["security"]
    assert {"401", "403"} <= set(listing["responses"])
    assert "security" not in described["paths"]["/health"]["get"]


def test_the_description_knows_where_it_is_mounted(scheduler: Scheduler, client: Client) -> None:
    around = FastAPI()
    around.mount("/jobs", scheduler.asgi())
    asking = client("127.0.0.1", app=around)
    assert asking.get("/jobs/api/scheduler/openapi.json").json()["servers"] == [{"url": "/jobs"}]
    assert asking.get("/jobs/health").json()["status"] == "ok"
    stranger = client(app=around)
    assert stranger.get("/jobs/health").json() == {"status": "ok"}
    assert stranger.get("/jobs/api/scheduler/jobs").status_code == 401


def test_strangers_learn_of_the_health_that_there_is_some(client: Client, tokens: dict[Role, str]) -> None:
    assert client().get("/health").json() == {"status": "ok"}
    assert "loop" in client().get("/health", headers=bearer(tokens[Role.VIEWER])).json()
