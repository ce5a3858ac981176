"""What is kept of API tokens and of sessions: never the secret itself, only its digest."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from gnomon.domain.principal import How, Principal, Role


@dataclass(frozen=True, slots=True, kw_only=True)
class ApiToken:
    """An API token as it is stored. ``id`` is the part of it that may be shown, ``digest`` the SHA-256 of all of it.

    ``used_at`` is right to a minute.
    """

    id: str
    name: str
    role: Role
    digest: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None = None
    used_at: datetime | None = None
    revoked_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Whether it opens anything."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)

    @property
    def principal(self) -> Principal:
        """Who shows this token."""
        return Principal(self.name, self.role, How.TOKEN, self.id)


@dataclass(frozen=True, slots=True, kw_only=True)
class Session:
    """Somebody who signed in with a token and has not signed out. ``seen_at`` is right to a minute."""

    digest: str
    token: ApiToken
    created_at: datetime
    seen_at: datetime

    def is_valid(self, now: datetime, *, lifetime: timedelta, idle: timedelta) -> bool:
        """Whether it still stands: not too old, not too long unused, and its token neither revoked nor expired."""
        return self.token.is_valid(now) and now < self.created_at + lifetime and now < self.seen_at + idle

    @property
    def principal(self) -> Principal:
        """Who sits at the page. The role is the token's, as it is now."""
        return Principal(self.token.name, self.token.role, How.SESSION, self.token.id, self.digest)
