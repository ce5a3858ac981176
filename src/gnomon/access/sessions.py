"""Sessions: who signed in at the page. A token is exchanged for a cookie, of which only the digest is kept."""

from __future__ import annotations

import hashlib
import hmac
import logging
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from gnomon.access.api_tokens import NOTED_EVERY, digest_of
from gnomon.domain.credential import ApiToken, Session

logger = logging.getLogger("gnomon.access")

#: Sessions of one token; whoever signs in once more ends the oldest.
MOST_SESSIONS = 20

_COOKIE, _SECURE_COOKIE = "gnomon_session", "__Host-gnomon_session"
_SECRET_BYTES = 32


class SessionStore(Protocol):
    """Where sessions are kept."""

    def add_session(self, session: Session) -> None: ...
    def session(self, digest: str) -> Session | None: ...
    def session_seen(self, digest: str, *, at: datetime, unless_since: datetime) -> None: ...
    def end_session(self, digest: str) -> None: ...
    def end_sessions(self, token_id: str) -> None: ...
    def forget_sessions(self, *, created_before: datetime, seen_before: datetime) -> None: ...
    def keep_newest_sessions(self, token_id: str, count: int) -> None: ...


@dataclass(frozen=True, slots=True)
class SignedIn:
    """A session that has just begun. ``secret`` is the value of its cookie, and is known only now."""

    secret: str
    session: Session
    expires_at: datetime


class Sessions:
    """The sessions of a store. ``lifetime`` counts from signing in, ``idle`` from the last request."""

    def __init__(
        self,
        kept: Callable[[], SessionStore],
        now: Callable[[], datetime],
        *,
        lifetime: timedelta,
        idle: timedelta,
        random: Callable[[int], str] = secrets.token_urlsafe,
    ) -> None:
        self._kept = kept
        self._now = now
        self._lifetime = lifetime
        self._idle = idle
        self._random = random

    def begin(self, token: ApiToken, *, instead_of: str | None = None) -> SignedIn:
        """Somebody showed a valid token: sign him in, always under a new secret. ``instead_of`` is the cookie that the
        browser had before; that session ends."""
        now, secret = self._now(), self._random(_SECRET_BYTES)
        session = Session(digest=digest_of(secret), token=token, created_at=now, seen_at=now)
        if instead_of is not None:
            self._kept().end_session(digest_of(instead_of))
        self._kept().forget_sessions(created_before=now - self._lifetime, seen_before=now - self._idle)
        self._kept().add_session(session)
        self._kept().keep_newest_sessions(token.id, MOST_SESSIONS)
        return SignedIn(secret, session, now + self._lifetime)

    def find(self, secret: str) -> Session | None:
        """The session of a cookie, if it stands."""
        return self._standing(digest_of(secret))

    def still_stands(self, digest: str) -> bool:
        """Whether a session that was valid once is so still."""
        return self._standing(digest) is not None

    def end(self, digest: str) -> None:
        """Sign out."""
        self._kept().end_session(digest)

    def end_all(self, token_id: str) -> None:
        """Sign everybody out who signed in with a token."""
        self._kept().end_sessions(token_id)

    def note_use(self, digest: str) -> None:
        """Remember that it was used just now, unless that is known of the last minute."""
        now = self._now()
        self._kept().session_seen(digest, at=now, unless_since=now - NOTED_EVERY)

    @property
    def lifetime(self) -> timedelta:
        """How long a session stands, counted from signing in."""
        return self._lifetime

    def _standing(self, digest: str) -> Session | None:
        # Found by its digest: what a clock says of that tells nothing of the secret.
        found = self._kept().session(digest)
        if found is None or not found.is_valid(self._now(), lifetime=self._lifetime, idle=self._idle):
            return None
        return found


def cookie_name(*, secure: bool) -> str:
    """Over TLS a name that browsers accept from this very host only, so that no neighbour can plant one."""
    return _SECURE_COOKIE if secure else _COOKIE


def cookie(secret: str, *, secure: bool, lifetime: timedelta) -> str:
    """The header ``Set-Cookie`` for a session; with a lifetime of zero, the one that takes it away.

    ``Lax``, so that a link in an alert finds its reader signed in; what changes something is checked for its origin
    and its forgery token besides.
    """
    parts = [f"{cookie_name(secure=secure)}={secret}", "Path=/", "HttpOnly", "SameSite=Lax"]
    parts.append(f"Max-Age={int(lifetime.total_seconds())}")
    return "; ".join([*parts, "Secure"] if secure else parts)


def forgery_token(secret: str) -> str:
    """What a form has to bring along besides the cookie: made from the cookie, which a page of somebody else cannot
    read, and which cannot be found from it."""
    return hmac.new(secret.encode(), b"gnomon forgery token", hashlib.sha256).hexdigest()


def is_forgery_token(secret: str, given: str) -> bool:
    """Whether this is the forgery token of that session."""
    return hmac.compare_digest(forgery_token(secret).encode(), given.encode("utf-8", "surrogatepass"))
