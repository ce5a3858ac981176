"""What browsers are told about every answer."""

from __future__ import annotations

import pytest

from gnomon.access.asgi import Receive, Scope, Send, refuse
from gnomon.access.security_headers import SecurityHeaders
from tests.unit.access.conftest import Answer, ask, scope


def answered(*, secure: bool = False, **headers: str) -> Answer:
    """An answer with these headers of its own."""
    own = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": own})
        await send({"type": "http.response.body", "body": b""})

    return ask(SecurityHeaders(app, lambda _incoming: secure), scope())


def test_nothing_is_loaded_by_what_is_no_page() -> None:
    headers = answered(content_type="application/json").headers
    policy = headers["content-security-policy"]
    assert policy.startswith("default-src 'none'")
    assert "frame-ancestors 'none'" in policy
    assert "script-src" not in policy
    assert headers["cache-control"] == "no-store"


def test_a_page_runs_only_what_stands_in_files_of_ours() -> None:
    policy = answered(content_type="text/html; charset=utf-8").headers["content-security-policy"]
    assert "script-src 'self'" in policy
    assert all(part in policy for part in ("object-src 'none'", "base-uri 'none'", "frame-ancestors 'none'"))
    assert "unsafe" not in policy
    assert "http" not in policy
    assert "*" not in policy


@pytest.mark.parametrize("kind", ["application/json", "text/html", "text/event-stream", "text/css"])
def test_all_answers_have_these(kind: str) -> None:
    headers = answered(content_type=kind).headers
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["cross-origin-resource-policy"] == "same-origin"
    assert not any(name.startswith("access-control-") for name in headers)


def test_only_over_tls_browsers_are_told_to_stay_there() -> None:
    assert answered(secure=True).headers["strict-transport-security"].startswith("max-age=31536000")
    assert "strict-transport-security" not in answered().headers


def test_what_a_route_says_itself_stays() -> None:
    assert answered(cache_control="public, max-age=3600").headers["cache-control"] == "public, max-age=3600"


def test_a_refusal_has_them_too() -> None:
    async def refusing(_scope: Scope, _receive: Receive, send: Send) -> None:
        await refuse(send, 403, "foreign-origin", "no", "no")

    assert ask(SecurityHeaders(refusing, lambda _: False), scope()).headers["x-frame-options"] == "DENY"
