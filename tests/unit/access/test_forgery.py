"""What a session changes comes from a page of ours."""

from __future__ import annotations

from typing import Any

import pytest

from gnomon.access.access import Access
from gnomon.access.authentication import Authenticated
from gnomon.access.forgery import Unforged, forgery_token_of
from gnomon.access.limits import LimitedBody
from gnomon.access.sessions import forgery_token
from tests.unit.access.conftest import Answer, ask, echo, incoming, scope

FORM = "application/x-www-form-urlencoded"


@pytest.fixture
def secret(access: Access, text: str) -> str:
    """The cookie of a session."""
    return access.sign_in(text, incoming()).secret


def asked(access: Access, *pieces: bytes, **parts: Any) -> Answer:
    app = Authenticated(LimitedBody(Unforged(echo, access)), access)
    return ask(app, scope(**{"method": "POST", **parts}), *pieces)


def test_the_cookie_alone_changes_nothing(access: Access, secret: str) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE"):
        answer = asked(access, method=method, cookie=f"gnomon_session={secret}")
        assert (answer.status, answer.kind) == (403, "forgery-token-missing")


def test_with_the_token_in_a_header_it_does(access: Access, secret: str) -> None:
    answer = asked(access, b"x", cookie=f"gnomon_session={secret}", X_CSRF_Token=forgery_token(secret))
    assert (answer.status, answer.body) == (200, b"x")


def test_and_as_a_field_of_a_form_which_the_route_still_gets(access: Access, secret: str) -> None:
    body = f"name=a%20b&csrf_token={forgery_token(secret)}".encode()
    answer = asked(access, body, cookie=f"gnomon_session={secret}", content_type=f"{FORM}; charset=utf-8")
    assert (answer.status, answer.body) == (200, body)


@pytest.mark.parametrize(
    "body", [b"", b"csrf_token=", b"csrf_token=wrong", b"csrf_token=a&csrf_token=b", b"\xff", b"&" * 2000 + b"a=b" * 99]
)
def test_a_form_without_it_does_not(access: Access, secret: str, body: bytes) -> None:
    assert asked(access, body, cookie=f"gnomon_session={secret}", content_type=FORM).status == 403


@pytest.mark.parametrize("kind", ["text/plain", "multipart/form-data; boundary=x", "application/json"])
def test_it_is_looked_for_in_forms_only(access: Access, secret: str, kind: str) -> None:
    body = f"csrf_token={forgery_token(secret)}".encode()
    assert asked(access, body, cookie=f"gnomon_session={secret}", content_type=kind).status == 403


def test_the_token_of_another_session_is_none(access: Access, secret: str, text: str) -> None:
    other = access.sign_in(text, incoming()).secret
    answer = asked(access, cookie=f"gnomon_session={secret}", X_CSRF_Token=forgery_token(other))
    assert answer.status == 403


def test_looking_needs_none(access: Access, secret: str) -> None:
    assert asked(access, method="GET", cookie=f"gnomon_session={secret}").status == 200


def test_neither_do_tokens_and_this_machine(access: Access, text: str) -> None:
    assert asked(access, authorization=f"Bearer {text}").status == 200
    assert asked(access).status == 200


def test_a_page_is_told_what_its_forms_have_to_send(access: Access, secret: str) -> None:
    seen: list[str] = []

    async def page(request: Any, receive: Any, send: Any) -> None:
        seen.append(forgery_token_of(access, request))
        await echo(request, receive, send)

    ask(Authenticated(page, access), scope(cookie=f"gnomon_session={secret}"))
    ask(Authenticated(page, access), scope())
    assert seen == [forgery_token(secret), ""]
