"""API tokens: made, looked at, revoked, and compared with what a request shows.

A token is ``gnomon_<id>_<secret>``: the id may be shown and names the row, the secret has 256 random bits. So much
chance needs no slow hash: SHA-256 of the whole is kept, and nobody finds its input by trying.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import logging
import re
import secrets
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from typing import Protocol

from gnomon.domain.credential import ApiToken
from gnomon.domain.principal import LONGEST_NAME, Role, is_name
from gnomon.errors import InvalidInput, NotAuthenticated, TokenNotFound

logger = logging.getLogger("gnomon.access")

PREFIX = "gnomon_"
#: How exactly it is known when a token or a session was last used.
NOTED_EVERY = timedelta(minutes=1)

_ID_BYTES, _SECRET_BYTES = 5, 32
_FORM = re.compile(r"gnomon_([0-9a-f]{10})_[A-Za-z0-9_-]{43}", re.ASCII)
#: Compared with where there is no token of that id, so that this takes as long.
_NO_DIGEST = "0" * 64


class TokenStore(Protocol):
    """Where API tokens are kept."""

    def add_token(self, token: ApiToken) -> bool: ...
    def token(self, token_id: str) -> ApiToken | None: ...
    def tokens(self) -> list[ApiToken]: ...
    def revoke_token(self, token_id: str, *, at: datetime) -> bool: ...
    def token_used(self, token_id: str, *, at: datetime, unless_since: datetime) -> None: ...
    def session_counts(self) -> dict[str, int]: ...


class ApiTokens:
    """The API tokens of a store. ``kept`` gives the store, opened; ``now`` says what time it is."""

    def __init__(
        self,
        kept: Callable[[], TokenStore],
        now: Callable[[], datetime],
        *,
        random: Callable[[int], bytes] = secrets.token_bytes,
    ) -> None:
        self._kept = kept
        self._now = now
        self._random = random

    def create(
        self, name: str, role: Role, *, expires_at: datetime | None = None, created_by: str = "python"
    ) -> tuple[str, ApiToken]:
        """Make a token; return it as it has to be shown, which is possible only now, and as it is kept.

        Raises ``InvalidInput`` if a standing token has that name, or it would have expired already.
        """
        if not is_name(name):
            raise InvalidInput("name", name, f"give 1 to {LONGEST_NAME} characters that can be printed")
        now = self._now()
        if expires_at is not None and expires_at <= now:
            raise InvalidInput("expires_at", expires_at.isoformat(), "give a time that is still to come")
        token_id = self._random(_ID_BYTES).hex()
        text = f"{PREFIX}{token_id}_{_base64(self._random(_SECRET_BYTES))}"
        token = ApiToken(
            id=token_id,
            name=name,
            role=role,
            digest=digest_of(text),
            created_at=now,
            created_by=created_by[:LONGEST_NAME],
            expires_at=expires_at,
        )
        if not self._kept().add_token(token):
            raise InvalidInput(
                "name", name, "a token of this name stands already: take another, or revoke that one first"
            )
        logger.info("API token %s of %r was made by %r, as %s", token_id, name, created_by, role)
        return text, token

    def list(self) -> list[ApiToken]:
        """All that were ever made, oldest first, also those that were revoked or have expired."""
        return self._kept().tokens()

    def session_counts(self) -> Mapping[str, int]:
        """How many have signed in with each token, by its id."""
        return self._kept().session_counts()

    def stands(self) -> bool:
        """Whether there is one that opens something."""
        now = self._now()
        return any(token.is_valid(now) for token in self.list())

    def revoke(self, which: str, *, revoked_by: str = "python") -> ApiToken:
        """Let the token of an id or a name open nothing from here on; whoever signed in with it is signed out.

        Raises ``TokenNotFound``.
        """
        for token in self.list():
            if which in {token.id, token.name} and token.revoked_at is None:
                if not self._kept().revoke_token(token.id, at=self._now()):
                    break  # Somebody else was faster.
                logger.info("API token %s of %r was revoked by %r", token.id, token.name, revoked_by)
                return token
        raise TokenNotFound(which)

    def verify(self, text: str) -> ApiToken:
        """The token that this is. Raises ``NotAuthenticated``, and does not say why: it is for the log alone."""
        form = _FORM.fullmatch(text)
        found = self._kept().token(form[1]) if form is not None else None
        # Always a comparison, of digests of one length: neither the length nor the id can be felt out by the clock.
        is_right = hmac.compare_digest(found.digest if found is not None else _NO_DIGEST, digest_of(text))
        if found is None or not is_right:
            logger.warning("an API token that does not exist was shown%s", "" if form is None else f", id {form[1]}")
        elif not found.is_valid(self._now()):
            logger.warning("API token %s of %r was shown, and is revoked or has expired", found.id, found.name)
        else:
            return found
        raise NotAuthenticated("the API token is not valid; make one with `gnomon token create`", is_invalid=True)

    def still_stands(self, token_id: str) -> bool:
        """Whether a token that was valid once is so still."""
        found = self._kept().token(token_id)
        return found is not None and found.is_valid(self._now())

    def note_use(self, token_id: str) -> None:
        """Remember that it was used just now, unless that is known of the last minute."""
        now = self._now()
        self._kept().token_used(token_id, at=now, unless_since=now - NOTED_EVERY)


def digest_of(secret: str) -> str:
    """What is kept of a secret. Any text has one, so that a comparison always takes place."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()


def _base64(random: bytes) -> str:
    return base64.urlsafe_b64encode(random).rstrip(b"=").decode()
