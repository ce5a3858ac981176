"""API tokens and sessions as they are kept, on each database."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from gnomon.domain.credential import ApiToken, Session
from gnomon.domain.principal import Role
from gnomon.store import Store
from tests.store.conftest import NOON

MINUTE = timedelta(minutes=1)


@pytest.fixture
def token(store: Store) -> ApiToken:
    """One that is stored."""
    token = ApiToken(id="a1", name="mia", role=Role.OPERATOR, digest="d" * 64, created_at=NOON, created_by="root@here")
    assert store.credentials.add_token(token)
    return token


@pytest.fixture
def session(store: Store, token: ApiToken) -> Session:
    """One that is stored."""
    session = Session(digest="s" * 64, token=token, created_at=NOON, seen_at=NOON)
    store.credentials.add_session(session)
    return session


def test_a_token_is_read_as_it_was_stored(store: Store, token: ApiToken) -> None:
    assert store.credentials.token("a1") == token
    assert store.credentials.tokens() == [token]
    assert store.credentials.token("b2") is None


def test_a_name_is_taken_until_its_token_is_revoked(store: Store, token: ApiToken) -> None:
    second = replace(token, id="b2", role=Role.VIEWER, expires_at=NOON + MINUTE)
    assert not store.credentials.add_token(second)
    assert store.credentials.revoke_token("a1", at=NOON)
    assert store.credentials.add_token(second)
    assert store.credentials.token("b2") == second


def test_of_two_that_ask_for_a_name_at_once_one_gets_it(store: Store, token: ApiToken) -> None:
    names = [replace(token, id=f"c{number}", name="bob") for number in range(8)]
    taken: list[bool] = []
    threads = [threading.Thread(target=lambda t=one: taken.append(store.credentials.add_token(t))) for one in names]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(taken) == [False] * 7 + [True]


def test_revoking_is_done_once_and_signs_everybody_out(store: Store, session: Session) -> None:
    assert store.credentials.revoke_token("a1", at=NOON + MINUTE)
    assert not store.credentials.revoke_token("a1", at=NOON + 2 * MINUTE)
    assert store.credentials.session(session.digest) is None
    revoked = store.credentials.token("a1")
    assert revoked is not None
    assert revoked.revoked_at == NOON + MINUTE


def test_use_is_written_only_when_it_is_news(store: Store, session: Session) -> None:
    for after in (MINUTE, MINUTE + timedelta(seconds=30), 2 * MINUTE):
        at = NOON + after
        store.credentials.token_used("a1", at=at, unless_since=at - MINUTE)
        store.credentials.session_seen(session.digest, at=at, unless_since=at - MINUTE)
        found = store.credentials.session(session.digest)
        assert found is not None
        expected = NOON + (MINUTE if after < 2 * MINUTE else after)
        assert (found.seen_at, found.token.used_at) == (expected, expected)


def test_a_session_is_read_with_its_token(store: Store, session: Session) -> None:
    assert store.credentials.session(session.digest) == session
    assert store.credentials.session_counts() == {"a1": 1}


def test_who_signed_out_is_out(store: Store, session: Session) -> None:
    store.credentials.end_session(session.digest)
    assert store.credentials.session(session.digest) is None
    assert store.credentials.session_counts() == {}


def test_all_sessions_of_a_token_end_at_once(store: Store, session: Session) -> None:
    store.credentials.end_sessions("another")
    assert store.credentials.session(session.digest) is not None
    store.credentials.end_sessions(session.token.id)
    assert store.credentials.session(session.digest) is None


def test_sessions_that_are_old_or_unused_are_dropped(store: Store, session: Session) -> None:
    store.credentials.add_session(replace(session, digest="t" * 64, created_at=NOON + MINUTE, seen_at=NOON + MINUTE))
    store.credentials.forget_sessions(created_before=NOON, seen_before=NOON - MINUTE)
    assert store.credentials.session(session.digest) is None
    assert store.credentials.session("t" * 64) is not None
    store.credentials.forget_sessions(created_before=NOON, seen_before=NOON + MINUTE)
    assert store.credentials.session_counts() == {}


def test_a_token_keeps_its_newest_sessions(store: Store, session: Session) -> None:
    for minute in range(1, 5):
        store.credentials.add_session(replace(session, digest=f"{minute}", created_at=NOON + minute * MINUTE))
    store.credentials.keep_newest_sessions("a1", 2)
    assert store.credentials.session_counts() == {"a1": 2}
    assert store.credentials.session("4") is not None
    assert store.credentials.session(session.digest) is None
