"""Nobody passes unknown, and who no longer may look is cut off in the middle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable
from typing import Any

import pytest

from gnomon.access.access import Access
from gnomon.access.asgi import Message, Receive, Scope, Send
from gnomon.access.asking import principal_of, require
from gnomon.access.authentication import Authenticated
from gnomon.domain.principal import LOCAL, Principal, Role
from gnomon.errors import NotAllowed, NotAuthenticated, StoreUnavailable
from tests.unit.access.conftest import Answer, ask, incoming, scope

ELSEWHERE = "192.0.2.1"


async def who(asked: Scope, _receive: Receive, send: Send) -> None:
    """Answers with the name of who is asking."""
    principal = principal_of(asked)
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": ("nobody" if principal is None else principal.name).encode()})


def asked(access: Access, *, app: Any = who, options: dict[str, Any] | None = None, **parts: Any) -> Answer:
    return ask(Authenticated(app, access, **(options or {})), scope(**parts))


def test_a_route_finds_who_is_asking(access: Access, text: str) -> None:
    assert asked(access).body == b"local"
    assert asked(access, peer=ELSEWHERE, authorization=f"Bearer {text}").body == b"mia"


def test_a_stranger_is_told_how_to_say_who_he_is(access: Access) -> None:
    answer = asked(access, peer=ELSEWHERE)
    assert (answer.status, answer.kind) == (401, "not-authenticated")
    assert answer.headers["www-authenticate"] == 'Bearer realm="gnomon"'
    assert b"gnomon token create" in answer.body


def test_a_token_that_is_not_valid_is_told_so(access: Access) -> None:
    answer = asked(access, authorization="Bearer gnomon_wrong")
    assert answer.status == 401
    assert 'error="invalid_token"' in answer.headers["www-authenticate"]


@pytest.mark.parametrize(
    ("path", "root", "status"),
    [
        ("/health", "", 200),
        ("/static/a.css", "", 200),
        ("/jobs/health", "/jobs", 200),
        ("/jobs/static/a.css", "/jobs", 200),
        ("/healthy", "", 401),
        ("/health/", "", 401),
        ("/static", "", 401),
        ("/jobs/health", "", 401),
        ("//health", "", 401),
        ("/HEALTH", "", 401),
        ("/jobsx/health", "/jobs", 401),
    ],
)
def test_only_addresses_that_are_named_answer_strangers(access: Access, path: str, root: str, status: int) -> None:
    options = {"public": ["/health", "/static/"]}
    request = scope(path=path, peer=ELSEWHERE) | {"root_path": root}
    assert ask(Authenticated(who, access, **options), request).status == status  # type: ignore[arg-type]


def test_there_are_no_web_sockets(access: Access) -> None:
    answer = ask(Authenticated(who, access), scope() | {"type": "websocket"})
    assert answer.messages == [{"type": "websocket.close", "code": 1008}]


def test_the_application_around_it_may_say_who_is_asking(access: Access) -> None:
    mia = Principal("mia", Role.VIEWER)
    options = {"identify": lambda request: mia if request["path"] == "/known" else None}
    assert asked(access, options=options, path="/known", peer=ELSEWHERE).body == b"mia"
    assert asked(access, options=options, path="/other", peer=ELSEWHERE).status == 401
    assert asked(access, options=options, path="/other").body == b"local"


def test_without_the_store_nobody_is_let_in(
    access: Access, text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def gone(*_: object) -> None:
        raise StoreUnavailable("the database said: connection refused")

    monkeypatch.setattr(access.tokens, "verify", gone)
    answer = asked(access, authorization=f"Bearer {text}")
    assert (answer.status, answer.kind) == (503, "store-unavailable")
    assert b"refused" not in answer.body
    assert "connection refused" in caplog.text


def test_a_role_is_demanded(access: Access, caplog: pytest.LogCaptureFixture) -> None:
    viewer = scope(path="/a\r\nforged") | {"gnomon.principal": Principal("mia", Role.VIEWER)}
    assert require(viewer, Role.VIEWER).name == "mia"
    with pytest.raises(NotAllowed, match="needs operator"):
        require(viewer, Role.OPERATOR)
    assert "'mia'" in caplog.text
    assert "\\r\\nforged" in caplog.text
    with pytest.raises(NotAuthenticated):
        require(scope(), Role.VIEWER)
    with pytest.raises(NotAuthenticated):
        require(scope() | {"gnomon.principal": "admin"}, Role.VIEWER)
    assert require(scope() | {"gnomon.principal": LOCAL}, Role.ADMIN) is LOCAL


def test_strangers_are_logged_without_what_they_wrote_driving_the_log(
    access: Access, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.INFO):
        asked(access, peer=ELSEWHERE, path="/a\r\n2026-01-01 INFO forged\x1b[31m")
    assert "\\r\\n2026-01-01 INFO forged\\x1b[31m" in caplog.text


class Stream:
    """An answer that goes on until it is ended: says each second ``tick``, but here whenever it is asked to."""

    def __init__(self) -> None:
        self.was_ended = False

    async def __call__(self, _scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"tick", "more_body": True})
        try:
            await asyncio.Future()
        except asyncio.CancelledError:
            self.was_ended = True
            raise


def streamed(access: Access, request: Scope, revoke: Callable[[], object]) -> tuple[Stream, Answer]:
    """A stream that has begun when its principal is revoked."""
    stream, answer = Stream(), Answer()

    async def send(message: Message) -> None:
        await answer.send(message)
        if message.get("body") == b"tick":
            await asyncio.to_thread(revoke)

    async def ended() -> None:
        async with asyncio.timeout(30):
            await Authenticated(stream, access, every=0.01)(request, _nothing, send)

    asyncio.run(ended())
    return stream, answer


async def _nothing() -> Message:
    return await asyncio.Future()


def test_a_stream_ends_when_its_token_is_revoked(access: Access, text: str) -> None:
    request = scope(authorization=f"Bearer {text}")
    stream, answer = streamed(access, request, lambda: access.tokens.revoke("mia"))
    assert stream.was_ended
    assert answer.messages[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


def test_and_when_its_session_ends(access: Access, text: str) -> None:
    secret = access.sign_in(text, incoming()).secret
    cookie = f"gnomon_session={secret}"
    principal = access.identify(incoming(cookie=cookie))
    assert principal is not None
    stream, _ = streamed(access, scope(cookie=cookie), lambda: access.sign_out(principal))
    assert stream.was_ended


def test_and_when_nobody_can_say_whether_it_still_may(
    access: Access, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(_: object) -> bool:
        raise StoreUnavailable("gone")

    stream, _ = streamed(
        access, scope(authorization=f"Bearer {text}"), lambda: monkeypatch.setattr(access, "still_valid", gone)
    )
    assert stream.was_ended


def test_what_others_said_is_asked_again(access: Access, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gnomon.access.authentication.LONGEST_ON_THE_WORD_OF_OTHERS", 0.0)
    stream, answer = Stream(), Answer()
    app = Authenticated(stream, access, identify=lambda _: Principal("mia", Role.VIEWER), every=0.01)

    async def ended() -> None:
        async with asyncio.timeout(30):
            await app(scope(), _nothing, answer.send)

    asyncio.run(ended())
    assert stream.was_ended


def test_a_change_that_has_begun_is_let_finish(access: Access, text: str) -> None:
    """A revocation in the middle of it must not leave somebody without an answer that is true."""

    async def changing(_scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.to_thread(access.tokens.revoke, "mia")
        for _ in range(100):
            await asyncio.sleep(0)  # others have their turn, and look
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"done"})

    assert asked(access, app=changing, options={"every": 0.0}, authorization=f"Bearer {text}").body == b"done"


def test_an_error_of_a_route_stays_its_own(access: Access, text: str) -> None:
    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        asked(access, app=broken, authorization=f"Bearer {text}")
