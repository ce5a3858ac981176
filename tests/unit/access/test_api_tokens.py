"""API tokens: made, revoked, and compared with what is shown."""

from __future__ import annotations

import hmac
import logging
from datetime import timedelta
from typing import Any

import pytest

from gnomon.access.access import Access
from gnomon.access.api_tokens import digest_of
from gnomon.domain.principal import Role
from gnomon.errors import InvalidInput, NotAuthenticated, TokenNotFound
from gnomon.testing import ManualClock


def test_a_token_has_256_random_bits_and_an_id_that_may_be_shown(access: Access) -> None:
    texts = {access.tokens.create(f"n{number}", Role.VIEWER)[0] for number in range(20)}
    assert len({text.split("_", 2)[2] for text in texts}) == 20
    assert {len(text.split("_", 2)[2]) for text in texts} == {43}  # 32 bytes in base64
    assert all(text.startswith(f"gnomon_{token.id}_") for text in texts for token in [access.tokens.verify(text)])


def test_the_secret_is_neither_kept_nor_logged(
    access: Access, caplog: pytest.LogCaptureFixture, clock: ManualClock
) -> None:
    with caplog.at_level(logging.DEBUG):
        text, _ = access.tokens.create("mia", Role.VIEWER, expires_at=clock() + timedelta(days=1))
        access.tokens.verify(text)
        access.tokens.revoke("mia")
        with pytest.raises(NotAuthenticated):
            access.tokens.verify(text)
    secret = text.split("_", 2)[2]
    assert secret not in caplog.text + repr(access.tokens.list())
    assert caplog.text.count("'mia'") == 3
    assert access.tokens.list()[0].digest == digest_of(text)


def test_a_token_that_was_revoked_opens_nothing(access: Access, text: str) -> None:
    assert access.tokens.verify(text).name == "mia"
    access.tokens.revoke("mia", revoked_by="root")
    with pytest.raises(NotAuthenticated):
        access.tokens.verify(text)
    with pytest.raises(TokenNotFound):
        access.tokens.revoke("mia")


def test_a_token_expires(access: Access, clock: ManualClock) -> None:
    text, _ = access.tokens.create("mia", Role.VIEWER, expires_at=clock() + timedelta(hours=1))
    clock.advance(minutes=59, seconds=59)
    access.tokens.verify(text)
    assert access.tokens.stands()
    clock.advance(seconds=1)
    with pytest.raises(NotAuthenticated):
        access.tokens.verify(text)
    assert not access.tokens.stands()


def test_a_token_that_has_expired_is_not_made(access: Access, clock: ManualClock) -> None:
    with pytest.raises(InvalidInput, match="still to come"):
        access.tokens.create("mia", Role.VIEWER, expires_at=clock())


def test_a_wrong_secret_is_compared_in_constant_time(
    access: Access, text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Digests of one length, by ``compare_digest``, also where there is no such id: ``==`` tells by the clock how far
    it came."""
    compared: list[tuple[Any, Any]] = []
    compare = hmac.compare_digest

    def watched(a: Any, b: Any) -> bool:
        compared.append((a, b))
        return compare(a, b)

    monkeypatch.setattr("gnomon.access.api_tokens.hmac.compare_digest", watched)
    wrong = [text[:-1] + ("A" if text[-1] != "A" else "B"), f"gnomon_0000000000_{'x' * 43}", "gnomon_", ""]
    for shown in wrong:
        with pytest.raises(NotAuthenticated) as refused:
            access.tokens.verify(shown)
        assert refused.value.is_invalid
    assert len(compared) == len(wrong)
    assert all(len(a) == len(b) == 64 for a, b in compared)


@pytest.mark.parametrize("shown", ["\x00", "gnomon_ü", "\ud800", "x" * 100_000, "' OR 1=1 --", "gnomon_é_" + "x" * 43])
def test_what_is_no_token_is_refused_and_not_quoted(
    access: Access, caplog: pytest.LogCaptureFixture, shown: str
) -> None:
    with pytest.raises(NotAuthenticated):
        access.tokens.verify(shown)
    assert shown not in caplog.text


def test_the_same_is_said_of_every_token_that_is_not_valid(access: Access, text: str, clock: ManualClock) -> None:
    expiring, _ = access.tokens.create("bob", Role.VIEWER, expires_at=clock() + timedelta(seconds=1))
    access.tokens.revoke("mia")
    clock.advance(seconds=1)
    said = set()
    for shown in (text, expiring, f"gnomon_0000000000_{'x' * 43}", "nonsense"):
        with pytest.raises(NotAuthenticated) as refused:
            access.tokens.verify(shown)
        said.add(str(refused.value))
    assert len(said) == 1
