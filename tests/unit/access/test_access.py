"""Who is asking."""

from __future__ import annotations

import pytest

from gnomon.access.access import Access
from gnomon.domain.principal import LOCAL, How, Role
from gnomon.errors import NotAuthenticated, StoreUnavailable
from gnomon.testing import ManualClock
from tests.unit.access.conftest import Making, incoming

PROXY = {"proxies": "10.1.0.0/16, 127.0.0.1"}


def test_who_asks_from_this_machine_needs_nothing(access: Access) -> None:
    assert access.identify(incoming()) is LOCAL
    assert LOCAL.role is Role.ADMIN


def test_also_when_tokens_stand(access: Access, text: str) -> None:
    assert access.identify(incoming()) is LOCAL


def test_unless_that_is_closed(making: Making) -> None:
    assert making(loopback_open=False).access.identify(incoming()) is None


def test_nor_where_the_server_listens_elsewhere_too(access: Access) -> None:
    assert access.identify(incoming(), loopback=False) is None


def test_nor_through_a_proxy(access: Access, making: Making) -> None:
    assert access.identify(incoming(X_Forwarded_For="127.0.0.1")) is None
    # One that is named and names nobody: an error of its configuration must not open everything.
    assert making(**PROXY).access.identify(incoming()) is None


def test_a_stranger_is_nobody(access: Access) -> None:
    assert access.identify(incoming(peer="192.0.2.1")) is None


def test_a_token_counts_from_anywhere_and_before_all_else(access: Access, text: str) -> None:
    for peer in ("192.0.2.1", "127.0.0.1"):
        principal = access.identify(incoming(peer=peer, authorization=f"Bearer {text}"))
        assert principal is not None
        assert (principal.name, principal.role, principal.how) == ("mia", Role.OPERATOR, How.TOKEN)


@pytest.mark.parametrize("bearer", ["gnomon_0123456789_x", "something else", ""])
def test_a_token_that_is_not_valid_is_refused_also_on_this_machine(access: Access, bearer: str) -> None:
    with pytest.raises(NotAuthenticated):
        access.identify(incoming(authorization=f"Bearer {bearer}"))


def test_a_proxy_may_pass_on_credentials_of_its_own(making: Making) -> None:
    access = making(**PROXY).access
    for authorization in ("Bearer eyJhbGciOi", "Basic bWlhOnNlY3JldA=="):
        principal = access.identify(incoming(peer="10.1.2.3", X_Forwarded_User="mia", authorization=authorization))
        assert principal is not None
        assert (principal.name, principal.how) == ("mia", How.PROXY)


def test_nobody_else_may_name_himself(access: Access, making: Making) -> None:
    for peer in ("192.0.2.1", "127.0.0.1"):
        assert access.identify(incoming(peer=peer, X_Forwarded_User="root")) is None
    assert making(**PROXY).access.identify(incoming(peer="10.2.0.1", X_Forwarded_User="root")) is None


def test_the_word_of_a_proxy_counts_before_a_session_that_somebody_left(making: Making) -> None:
    access = making(**PROXY).access
    text, _ = access.tokens.create("bob", Role.ADMIN)
    secret = access.sign_in(text, incoming(peer="10.1.2.3")).secret
    cookie = f"gnomon_session={secret}"
    named = access.identify(incoming(peer="10.1.2.3", X_Forwarded_User="mia", cookie=cookie))
    unnamed = access.identify(incoming(peer="10.1.2.3", cookie=cookie))
    assert named is not None
    assert unnamed is not None
    assert (named.name, unnamed.name) == ("mia", "bob")


def test_what_was_revoked_is_no_longer_valid(access: Access, text: str) -> None:
    token = access.identify(incoming(authorization=f"Bearer {text}"))
    secret = access.sign_in(text, incoming()).secret
    session = access.identify(incoming(cookie=f"gnomon_session={secret}"))
    assert token is not None
    assert session is not None
    assert access.still_valid(token)
    assert access.still_valid(session)
    access.sign_out(session)
    assert access.still_valid(token)
    assert not access.still_valid(session)
    access.tokens.revoke("mia")
    assert not access.still_valid(token)
    assert access.still_valid(LOCAL)


def test_use_is_written_at_most_once_a_minute(access: Access, text: str, clock: ManualClock) -> None:
    principal = access.identify(incoming(authorization=f"Bearer {text}"))
    assert principal is not None

    def used() -> object:
        if access.is_news(principal):
            access.note_use(principal)
        return access.tokens.list()[0].used_at

    first = used()
    assert first == clock()
    clock.advance(seconds=59)
    assert used() == first
    clock.advance(seconds=1)
    assert used() == clock()
    assert not access.is_news(LOCAL)


def test_a_store_that_cannot_be_written_stops_nobody(
    access: Access, text: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    principal = access.identify(incoming(authorization=f"Bearer {text}"))
    assert principal is not None

    def full(*_: object) -> None:
        raise StoreUnavailable("the disk is full")

    monkeypatch.setattr(access.tokens, "note_use", full)
    access.note_use(principal)
    assert "the disk is full" in caplog.text


def test_somebody_from_elsewhere_could_say_who_he_is(making: Making, access: Access) -> None:
    assert not access.is_configured
    access.tokens.create("mia", Role.VIEWER)
    assert access.is_configured
    access.tokens.revoke("mia")
    assert not access.is_configured
    assert making(**PROXY).access.is_configured
