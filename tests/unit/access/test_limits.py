"""How much a request may bring, and how long it may take about it."""

from __future__ import annotations

import asyncio

import pytest

from gnomon.access.asgi import Message, Receive, Scope, Send
from gnomon.access.limits import LARGEST_BODY, LARGEST_HEADERS, LONGEST_URL, MOST_HEADERS, LimitedBody, LimitedHead
from tests.unit.access.conftest import Answer, ask, echo, scope


def test_a_body_arrives_whole() -> None:
    assert ask(LimitedBody(echo), scope("POST"), b"one ", b"two ", b"three").body == b"one two three"
    assert ask(LimitedBody(echo), scope("POST"), b"x" * LARGEST_BODY).body == b"x" * LARGEST_BODY
    assert ask(LimitedBody(echo), scope("POST")).body == b""


def test_one_that_says_it_is_too_large_is_refused_unread() -> None:
    app = LimitedBody(echo)
    for length in (LARGEST_BODY + 1, 10**30):
        answer = ask(app, scope("POST", content_length=str(length)))
        assert (answer.status, answer.kind) == (413, "body-too-large")
        assert answer.headers["connection"] == "close"


def test_one_that_does_not_say_it_is_read_no_further_than_the_limit() -> None:
    taken = 0

    async def receive() -> Message:
        nonlocal taken
        taken += 1024
        return {"type": "http.request", "body": b"x" * 1024, "more_body": True}

    answer = Answer()
    asyncio.run(_call(LimitedBody(echo), scope("POST"), receive, answer.send))
    assert answer.status == 413
    assert taken == LARGEST_BODY + 1024


def test_one_that_does_not_come_is_not_waited_for() -> None:
    pieces = [{"type": "http.request", "body": b"slow", "more_body": True}]

    async def receive() -> Message:
        return pieces.pop() if pieces else await asyncio.Future()

    answer = Answer()
    asyncio.run(_call(LimitedBody(echo, seconds=0.01), scope("POST"), receive, answer.send))
    assert (answer.status, answer.kind) == (408, "body-too-slow")


def test_whoever_has_gone_is_not_answered() -> None:
    async def receive() -> Message:
        return {"type": "http.disconnect"}

    answer = Answer()
    asyncio.run(_call(LimitedBody(echo), scope("POST"), receive, answer.send))
    assert answer.messages == []


def test_after_the_body_a_route_still_hears_that_somebody_has_gone() -> None:
    heard: list[str] = []

    async def waiting(_scope: Scope, receive: Receive, _send: Send) -> None:
        heard.extend([(await receive())["type"], (await receive())["type"]])

    pieces = [{"type": "http.disconnect"}, {"type": "http.request", "body": b"x", "more_body": False}]

    async def receive() -> Message:
        return pieces.pop()

    asyncio.run(_call(LimitedBody(waiting), scope("POST"), receive, Answer().send))
    assert heard == ["http.request", "http.disconnect"]


def test_an_address_has_a_length() -> None:
    long = ask(LimitedHead(echo), scope(path="/" + "x" * LONGEST_URL))
    assert (long.status, long.kind) == (414, "url-too-long")
    query = scope()
    query["query_string"] = b"q=" + b"x" * LONGEST_URL
    assert ask(LimitedHead(echo), query).status == 414
    assert ask(LimitedHead(echo), scope(path="/" + "x" * 1000)).status == 200


@pytest.mark.parametrize(
    "headers", [{"x": "y" * LARGEST_HEADERS}, {f"x{number}": "y" for number in range(MOST_HEADERS)}]
)
def test_headers_have_a_size_and_a_number(headers: dict[str, str]) -> None:
    answer = ask(LimitedHead(echo), scope(**headers))
    assert (answer.status, answer.kind) == (431, "headers-too-large")


def test_an_address_holds_no_nul() -> None:
    assert ask(LimitedHead(echo), scope(path="/jobs/a\0b")).kind == "invalid-address"
    query = scope()
    query["query_string"] = b"search=%00"
    assert ask(LimitedHead(echo), query).kind == "invalid-address"


async def _call(app: LimitedBody, asked: Scope, receive: Receive, send: Send) -> None:
    await app(asked, receive, send)
