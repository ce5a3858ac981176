"""What stands before the routes, put together: attacks on systems like this that are known."""

from __future__ import annotations

import pytest

from gnomon import Scheduler
from gnomon.domain.principal import Role
from tests.unit.api.conftest import Client, bearer

JOBS = "/api/scheduler/jobs"


def test_a_name_that_was_let_point_here_reaches_nothing(client: Client) -> None:
    """DNS rebinding: the browser believes it talks to evil.example, and sends that."""
    for path in (JOBS, "/health", "/api/scheduler/session"):
        answer = client("127.0.0.1").get(path, headers={"Host": "evil.example:8765"})
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/unknown-host")


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example", "Content-Type": "application/x-www-form-urlencoded"},
        {"Origin": "null", "Content-Type": "text/plain"},
        {"Referer": "https://evil.example/", "Content-Type": "text/plain"},
        {"Sec-Fetch-Site": "cross-site", "Content-Type": "application/json"},
        {"Content-Type": "text/plain"},
        {"Content-Type": "application/x-www-form-urlencoded"},
    ],
)
def test_a_form_on_another_page_changes_nothing(scheduler: Scheduler, client: Client, headers: dict[str, str]) -> None:
    answer = client("127.0.0.1").patch(f"{JOBS}/job", content=b'{"enabled": false}', headers=headers)
    assert answer.status_code in {403, 415, 422}
    assert scheduler.get_job("job")["enabled"]


def test_no_page_of_another_origin_may_read_an_answer(client: Client) -> None:
    browser = client("127.0.0.1")
    for method in ("GET", "OPTIONS"):
        answer = browser.request(
            method, JOBS, headers={"Origin": "https://evil.example", "Access-Control-Request-Method": "PATCH"}
        )
        assert not [name for name in answer.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "path",
    [
        *("/../etc/passwd", "/..%2f..%2fetc%2fpasswd", "/%2e%2e/%2e%2e/etc/passwd", "/%252e%252e%252fetc%252fpasswd"),
        *("/health/..%2f..%2fapi/scheduler/jobs", "/health%2f../api/scheduler/jobs", "//api/scheduler/jobs"),
        *("/api/scheduler/jobs%00", "/health%00", "/.git/config", "/health/%2e%2e/api/scheduler/jobs"),
    ],
)
def test_a_path_that_climbs_leads_nowhere(client: Client, path: str, tokens: dict[Role, str]) -> None:
    assert client().get(path).status_code in {400, 401, 404}
    assert client().get(path, headers=bearer(tokens[Role.ADMIN])).status_code in {400, 404}


@pytest.mark.parametrize("header", ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "X-Forwarded-Host"])
def test_a_proxy_on_this_machine_does_not_make_everybody_local(client: Client, header: str) -> None:
    assert client("127.0.0.1").get(JOBS).status_code == 200
    assert client("127.0.0.1").get(JOBS, headers={header: "127.0.0.1"}).status_code == 401


def test_a_server_that_others_reach_knows_nobody_by_his_address(client: Client) -> None:
    assert client("127.0.0.1", loopback=False).get(JOBS).status_code == 401


def test_whoever_asks_twice_who_he_is_is_not_believed(client: Client, tokens: dict[Role, str]) -> None:
    twice = [("Authorization", f"Bearer {tokens[Role.ADMIN]}"), ("Authorization", "Bearer x")]
    assert client().get(JOBS, headers=twice).status_code == 401  # type: ignore[arg-type]


@pytest.mark.parametrize("method", ["TRACE", "CONNECT", "PROPFIND", "HEAD"])
def test_other_methods_are_not_known(client: Client, method: str) -> None:
    assert client("127.0.0.1").request(method, JOBS).status_code == 405


def test_too_much_is_refused_before_anybody_works_on_it(client: Client, tokens: dict[Role, str]) -> None:
    known, large = bearer(tokens[Role.OPERATOR]), b"x" * 10_000_000
    stranger = client()
    assert stranger.patch(f"{JOBS}/job", content=large).status_code == 401
    assert stranger.patch(f"{JOBS}/job", content=large, headers=known).json()["type"] == "/problems/body-too-large"
    assert stranger.get(f"{JOBS}/{'x' * 9000}").json()["type"] == "/problems/url-too-long"
    assert stranger.get(JOBS, headers={"X": "y" * 20_000}).json()["type"] == "/problems/headers-too-large"


def test_every_answer_has_the_headers_that_browsers_should_see(client: Client, tokens: dict[Role, str]) -> None:
    browser = client()
    answers = [
        browser.get("/health"),
        browser.get(JOBS),
        browser.get(JOBS, headers=bearer(tokens[Role.VIEWER])),
        browser.get("/nowhere", headers=bearer(tokens[Role.VIEWER])),
        browser.get(JOBS, headers={"Host": "evil.example"}),
        browser.patch(f"{JOBS}/job", content=b"x" * 100_000, headers=bearer(tokens[Role.OPERATOR])),
    ]
    assert [answer.status_code for answer in answers] == [200, 401, 200, 404, 400, 413]
    for answer in answers:
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["cache-control"] == "no-store"
        assert "default-src 'none'" in answer.headers["content-security-policy"]
        assert "server" not in answer.headers


def test_an_error_that_nobody_foresaw_tells_nothing_and_has_them_too(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    from fastapi.testclient import TestClient

    def broken(*_: object) -> None:
        raise ZeroDivisionError("the secret is swordfish")

    monkeypatch.setattr(scheduler, "list_jobs", broken)
    app = scheduler.asgi()
    with TestClient(
        app, base_url="http://localhost", client=("127.0.0.1", 1), raise_server_exceptions=False
    ) as browser:
        answer = browser.get(JOBS)
    assert (answer.status_code, answer.json()["type"]) == (500, "/problems/internal")
    assert "swordfish" not in answer.text
    assert answer.headers["x-content-type-options"] == "nosniff"
