"""Signing in and out."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from gnomon import Scheduler
from gnomon.domain.principal import Role
from tests.unit.api.conftest import Client, bearer

PATH = "/api/scheduler/session"
JOB = "/api/scheduler/jobs/job"


def test_a_token_is_exchanged_for_a_cookie_that_no_script_can_read(client: Client, tokens: dict[Role, str]) -> None:
    browser = client()
    answer = browser.post(PATH, json={"token": tokens[Role.OPERATOR]})
    assert answer.status_code == 201
    assert answer.json() | {"csrf_token": "", "expires_at": ""} == {
        "name": "operator",
        "role": "operator",
        "how": "session",
        "csrf_token": "",
        "expires_at": "",
    }
    cookie = answer.headers["set-cookie"]
    assert "HttpOnly" in cookie
    assert "SameSite=Lax" in cookie
    assert "Secure" not in cookie
    assert tokens[Role.OPERATOR] not in cookie
    assert browser.get(PATH).json()["name"] == "operator"
    assert answer.headers["cache-control"] == "no-store"


def test_what_a_session_changes_needs_its_forgery_token(
    scheduler: Scheduler, client: Client, tokens: dict[Role, str]
) -> None:
    browser = client()
    forgery = browser.post(PATH, json={"token": tokens[Role.OPERATOR]}).json()["csrf_token"]
    assert browser.get(PATH).json()["csrf_token"] == forgery
    refused = browser.patch(JOB, json={"enabled": False})
    assert (refused.status_code, refused.json()["type"]) == (403, "/problems/forgery-token-missing")
    assert scheduler.get_job("job")["enabled"]
    headers = {"X-CSRF-Token": forgery, "If-Match": "*"}
    assert browser.patch(JOB, json={"enabled": False}, headers=headers).status_code == 200
    assert scheduler.changes()[0].author.actor == "operator"


def test_signing_out_ends_it_here_and_there(client: Client, tokens: dict[Role, str]) -> None:
    browser = client()
    forgery = browser.post(PATH, json={"token": tokens[Role.VIEWER]}).json()["csrf_token"]
    cookie = dict(browser.cookies)
    answer = browser.delete(PATH, headers={"X-CSRF-Token": forgery})
    assert answer.status_code == 204
    assert "Max-Age=0" in answer.headers["set-cookie"]
    thief = client()
    thief.cookies.update(cookie)
    assert thief.get(PATH).status_code == 401


def test_revoking_the_token_signs_out(scheduler: Scheduler, client: Client, tokens: dict[Role, str]) -> None:
    browser = client()
    browser.post(PATH, json={"token": tokens[Role.VIEWER]})
    assert browser.get(JOB).status_code == 200
    scheduler.access.tokens.revoke("viewer")
    assert browser.get(JOB).status_code == 401


@pytest.mark.parametrize("token", ["", "gnomon_wrong", "x" * 200])
def test_a_wrong_token_signs_nobody_in(client: Client, token: str) -> None:
    answer = client().post(PATH, json={"token": token})
    assert (answer.status_code, answer.json()["type"]) == (401, "/problems/not-authenticated")
    assert "set-cookie" not in answer.headers


def test_guessing_is_slowed_down(client: Client, tokens: dict[Role, str]) -> None:
    browser = client()
    for _ in range(10):
        assert browser.post(PATH, json={"token": "gnomon_wrong"}).status_code == 401
    answer = browser.post(PATH, json={"token": tokens[Role.ADMIN]})
    assert (answer.status_code, answer.json()["type"]) == (429, "/problems/too-many-attempts")
    assert int(answer.headers["retry-after"]) > 0
    # A token that is shown with each request is not concerned.
    assert browser.get(JOB, headers=bearer(tokens[Role.ADMIN])).status_code == 200


@pytest.mark.parametrize("body", [{}, {"token": 1}, {"token": "x" * 201}, {"token": "x", "role": "admin"}, []])
def test_what_is_no_sign_in_is_422(client: Client, body: object) -> None:
    assert client().post(PATH, json=body).status_code == 422


def test_a_form_of_somebody_else_signs_nobody_in(client: Client, tokens: dict[Role, str]) -> None:
    body = {"token": tokens[Role.VIEWER]}
    assert client().post(PATH, json=body, headers={"Origin": "http://evil.example"}).status_code == 403
    assert client().post(PATH, content=str(body), headers={"Content-Type": "text/plain"}).status_code == 415


def test_over_tls_the_cookie_is_bound_to_this_host(client: Client, tokens: dict[Role, str]) -> None:
    answer = client(url="https://localhost").post(PATH, json={"token": tokens[Role.VIEWER]})
    assert answer.headers["set-cookie"].startswith("__Host-gnomon_session=")
    assert answer.headers["set-cookie"].endswith("; Secure")
    assert "strict-transport-security" in answer.headers


def test_also_where_a_proxy_that_is_named_ends_tls(making: Callable[..., Scheduler], client: Client) -> None:
    scheduler = making(proxies="10.0.0.1", allowed_hosts="gnomon.example.org")
    text, _ = scheduler.access.tokens.create("mia", Role.VIEWER)
    browser = client("10.0.0.1", url="http://gnomon.example.org", app=scheduler.asgi())
    headers = {"X-Forwarded-Proto": "https", "Origin": "https://gnomon.example.org"}
    answer = browser.post(PATH, json={"token": text}, headers=headers)
    assert answer.headers["set-cookie"].startswith("__Host-")
    stranger = client("10.0.0.2", url="http://gnomon.example.org", app=scheduler.asgi())
    answer = stranger.post(PATH, json={"token": text}, headers=headers)
    assert not answer.headers["set-cookie"].startswith("__Host-")


def test_whom_a_proxy_names_is_told_so(making: Callable[..., Scheduler], client: Client) -> None:
    scheduler = making(proxies="10.0.0.1", proxy_role_header="X-Groups", proxy_roles={"ops": "operator"})
    browser = client("10.0.0.1", app=scheduler.asgi())
    told = browser.get(PATH, headers={"X-Forwarded-User": "mia", "X-Groups": "staff,ops"}).json()
    assert told == {"name": "mia", "role": "operator", "how": "proxy", "csrf_token": None}
    assert client("10.0.0.2", app=scheduler.asgi()).get(PATH, headers={"X-Forwarded-User": "mia"}).status_code == 401
