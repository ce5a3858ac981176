"""What a request says of where it comes from."""

from __future__ import annotations

import pytest

from gnomon.access.incoming import Incoming, address_of
from tests.unit.access.conftest import incoming, scope


@pytest.mark.parametrize("peer", ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"])
def test_loopback_is_local(peer: str) -> None:
    assert incoming(peer=peer).is_local


@pytest.mark.parametrize("peer", ["192.0.2.1", "::ffff:192.0.2.1", "2001:db8::1", "0.0.0.0", "testclient", "", None])
def test_everywhere_else_is_not(peer: str | None) -> None:
    assert not incoming(peer=peer).is_local


@pytest.mark.parametrize(
    "header",
    [
        *("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Forwarded-Proto", "X-Forwarded-User"),
        *("x-forwarded-anything", "X-Real-IP", "True-Client-IP", "CF-Connecting-IP", "X-Envoy-External-Address"),
    ],
)
def test_a_proxy_on_this_machine_makes_nobody_local(header: str) -> None:
    assert not incoming(**{header: "127.0.0.1"}).is_local


def test_neither_does_one_that_speaks_http_1_0() -> None:
    assert not incoming(http_version="1.0").is_local


def test_who_sends_a_header_twice_has_not_sent_it() -> None:
    asked = scope(authorization="Bearer a")
    asked["headers"].append((b"Authorization", b"Bearer b"))
    assert Incoming.of(asked).bearer is None


@pytest.mark.parametrize(("header", "bearer"), [("Bearer abc", "abc"), ("bearer  abc ", "abc"), ("Basic abc", None)])
def test_the_bearer_token(header: str, bearer: str | None) -> None:
    assert incoming(authorization=header).bearer == bearer


def test_a_cookie_among_others() -> None:
    assert incoming(cookie="a=1; gnomon_session=x-y_z; b=2").cookie("gnomon_session") == "x-y_z"
    assert incoming(cookie="a=1").cookie("gnomon_session") is None
    assert incoming(cookie="\x00=;;;==").cookie("gnomon_session") is None
    assert incoming(cookie='theirs={"a": [1, 2]}; gnomon_session=x').cookie("gnomon_session") == "x"


def test_a_cookie_that_comes_twice_has_not_come() -> None:
    assert incoming(cookie="gnomon_session=x; gnomon_session=y").cookie("gnomon_session") is None


@pytest.mark.parametrize("text", ["localhost", "1.2.3", "::g", "", "127.0.0.1:80", "unknown"])
def test_what_is_no_address_is_none(text: str) -> None:
    assert address_of(text) is None
