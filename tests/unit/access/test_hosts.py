"""Requests that are addressed to us, from pages of ours."""

from __future__ import annotations

from typing import Any

import pytest

from gnomon.access.hosts import LOOPBACK, KnownHostsOnly, checked_host
from gnomon.errors import InvalidInput
from tests.unit.access.conftest import Answer, ask, echo, scope


def asked(hosts: tuple[str, ...] = LOOPBACK, **parts: Any) -> Answer:
    return ask(KnownHostsOnly(echo, hosts), scope(**parts))


@pytest.mark.parametrize("host", ["localhost", "localhost:8765", "LOCALHOST", "127.0.0.1:1", "[::1]:8765", "[::1]"])
def test_the_names_of_loopback_are_known(host: str) -> None:
    assert asked(host=host).status == 200


@pytest.mark.parametrize(
    "host",
    [
        *(
            "evil.example",
            "evil.example:8765",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "",
            "localhost@evil",
        ),
        *("192.0.2.1", "127.0.0.2", "[::2]", "0x7f000001", "2130706433", "localhost evil", "evil\x1b[31m"),
    ],
)
def test_a_name_that_somebody_let_point_here_is_not(host: str) -> None:
    answer = asked(host=host)
    assert (answer.status, answer.kind) == (400, "unknown-host")
    assert b"\x1b" not in answer.body


def test_two_hosts_are_none() -> None:
    twice = scope(host="localhost")
    twice["headers"].append((b"host", b"localhost"))
    assert ask(KnownHostsOnly(echo), twice).status == 400


def test_the_address_that_a_connection_came_in_on_is_known_and_no_other() -> None:
    assert asked(host="192.0.2.7:8765", here="192.0.2.7").status == 200
    assert asked(host="192.0.2.8:8765", here="192.0.2.7").status == 400


def test_further_names_can_be_allowed() -> None:
    assert asked(("gnomon.example.org",), host="Gnomon.Example.org:443").status == 200
    assert asked(("gnomon.example.org",), host="localhost").status == 400


@pytest.mark.parametrize("method", ["POST", "PATCH", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://[localhost:8765"},
        {"origin": "http://localhost:1"},
        {"origin": "http://localhost:8765.evil.example"},
        {"origin": "http://localhost:8765@evil.example"},
        {"referer": "http://evil.example/localhost:8765"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
    ],
)
def test_a_page_of_somebody_else_changes_nothing(method: str, headers: dict[str, str]) -> None:
    answer = asked(method=method, **headers)
    assert (answer.status, answer.kind) == (403, "foreign-origin")


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"origin": "http://localhost:8765"},
        {"origin": "https://localhost:8765"},
        {"origin": "http://LOCALHOST:8765", "sec-fetch-site": "same-origin"},
        {"referer": "http://localhost:8765/jobs/a"},
        {"sec-fetch-site": "none"},
    ],
)
def test_pages_of_ours_and_programs_do(headers: dict[str, str]) -> None:
    assert asked(method="POST", **headers).status == 200


def test_the_default_port_may_be_left_out() -> None:
    for host, origin in (("localhost", "https://localhost:443"), ("localhost:443", "https://localhost")):
        assert asked(method="POST", host=host, origin=origin, scheme="https").status == 200


def test_a_page_without_tls_does_not_speak_for_one_with() -> None:
    assert asked(method="POST", origin="http://localhost:8765", scheme="https").status == 403


def test_two_origins_are_foreign() -> None:
    twice = scope("POST", origin="http://localhost:8765")
    twice["headers"].append((b"origin", b"http://localhost:8765"))
    assert ask(KnownHostsOnly(echo), twice).status == 403


def test_whoever_only_looks_may_come_from_a_link() -> None:
    assert asked(referer="http://chat.example", **{"sec-fetch-site": "cross-site"}).status == 200


@pytest.mark.parametrize(
    ("given", "host"),
    [("Gnomon.example.org", "gnomon.example.org"), ("10.0.0.7", "10.0.0.7"), ("::1", "[::1]"), ("[::1]", "[::1]")],
)
def test_a_name_is_taken_as_it_arrives(given: str, host: str) -> None:
    assert checked_host(given) == host


@pytest.mark.parametrize("name", ["", "*", "*.example.org", "https://a.example", "a.example:80", "a..b", "ä.example"])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(InvalidInput):
        checked_host(name)
