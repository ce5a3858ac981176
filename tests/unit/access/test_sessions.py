"""Sessions: signed in, signed out, and for how long."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gnomon.access.access import Access
from gnomon.access.api_tokens import digest_of
from gnomon.access.sessions import MOST_SESSIONS, cookie, cookie_name, forgery_token, is_forgery_token
from gnomon.domain.principal import How, Role
from gnomon.errors import NotAuthenticated, TooManyAttempts
from gnomon.testing import ManualClock
from tests.unit.access.conftest import incoming


def begin(access: Access, text: str, **parts: str) -> str:
    """Sign in; the value of the cookie."""
    return access.sign_in(text, incoming(**parts)).secret


def test_who_shows_a_token_is_signed_in_under_its_name(access: Access, text: str) -> None:
    session = access.sessions.find(begin(access, text))
    assert session is not None
    principal = session.principal
    assert (principal.name, principal.role, principal.how) == ("mia", Role.OPERATOR, How.SESSION)
    assert principal.token_id == text.split("_")[1]


def test_only_the_digest_of_the_cookie_is_kept(access: Access, text: str) -> None:
    secret = begin(access, text)
    session = access.sessions.find(secret)
    assert session is not None
    assert session.digest == digest_of(secret)
    assert access.sessions.find(session.digest) is None


def test_every_sign_in_has_a_new_secret_and_ends_the_session_before(access: Access, text: str) -> None:
    first = begin(access, text)
    second = begin(access, text, cookie=f"gnomon_session={first}")
    assert first != second
    assert access.sessions.find(first) is None
    assert access.sessions.find(second) is not None


def test_who_does_nothing_is_signed_out(access: Access, text: str, clock: ManualClock) -> None:
    secret = begin(access, text)
    clock.advance(minutes=59)
    access.sessions.note_use(digest_of(secret))
    clock.advance(minutes=59)
    assert access.sessions.find(secret) is not None
    clock.advance(minutes=1)
    assert access.sessions.find(secret) is None


def test_nobody_stays_signed_in_for_ever(access: Access, text: str, clock: ManualClock) -> None:
    secret = begin(access, text)
    for _ in range(12 * 60 // 30):
        assert access.sessions.find(secret) is not None
        clock.advance(minutes=30)
        access.sessions.note_use(digest_of(secret))
    assert access.sessions.find(secret) is None


def test_a_session_ends_with_its_token(access: Access, text: str, clock: ManualClock) -> None:
    expiring, _ = access.tokens.create("bob", Role.VIEWER, expires_at=clock() + timedelta(minutes=5))
    mia, bob = begin(access, text), begin(access, expiring)
    access.tokens.revoke("mia")
    assert access.sessions.find(mia) is None
    clock.advance(minutes=5)
    assert access.sessions.find(bob) is None


def test_signing_out_ends_it_on_the_server(access: Access, text: str) -> None:
    secret = begin(access, text)
    session = access.sessions.find(secret)
    assert session is not None
    access.sign_out(session.principal)
    assert access.sessions.find(secret) is None
    access.tokens.verify(text)


def test_of_many_sessions_of_one_token_the_oldest_end(access: Access, text: str, clock: ManualClock) -> None:
    secrets = []
    for number in range(MOST_SESSIONS + 2):
        secrets.append(begin(access, text, peer=f"198.51.100.{number}"))
        clock.advance(seconds=1)
    assert [access.sessions.find(secret) is not None for secret in secrets] == [False] * 2 + [True] * MOST_SESSIONS


def test_guessing_is_slowed_down_from_one_place(access: Access, text: str) -> None:
    for _ in range(10):
        with pytest.raises(NotAuthenticated):
            begin(access, "gnomon_wrong", peer="198.51.100.7")
    with pytest.raises(TooManyAttempts):
        begin(access, text, peer="198.51.100.7")
    begin(access, text, peer="198.51.100.8")


def test_over_tls_the_cookie_is_for_this_host_only() -> None:
    secure = cookie("x", secure=True, lifetime=timedelta(hours=1))
    assert secure == "__Host-gnomon_session=x; Path=/; HttpOnly; SameSite=Lax; Max-Age=3600; Secure"
    assert cookie("x", secure=False, lifetime=timedelta(0)).startswith("gnomon_session=x; Path=/; HttpOnly; SameSite")
    assert "Secure" not in cookie("x", secure=False, lifetime=timedelta(0))


def test_over_tls_a_cookie_that_a_neighbour_planted_is_not_looked_at(access: Access, text: str) -> None:
    secret = begin(access, text)
    planted = {"cookie": f"gnomon_session={secret}"}
    assert access.session_secret(incoming(scheme="https", **planted)) is None
    assert access.session_secret(incoming(**planted)) == secret
    own = incoming(scheme="https", cookie=f"{cookie_name(secure=True)}={secret}")
    assert access.session_secret(own) == secret


def test_a_forgery_token_is_of_one_session() -> None:
    assert is_forgery_token("a", forgery_token("a"))
    assert not is_forgery_token("b", forgery_token("a"))
    assert not is_forgery_token("a", "")
    assert not is_forgery_token("a", "ü\ud800")
    assert "a" * 40 not in forgery_token("a" * 40)
