"""Who is asking: the one answer for REST, the page, and whatever else speaks HTTP."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Protocol

from gnomon.access.api_tokens import NOTED_EVERY, PREFIX, ApiTokens, TokenStore
from gnomon.access.attempts import Attempts
from gnomon.access.incoming import Incoming
from gnomon.access.proxies import Proxies
from gnomon.access.sessions import Sessions, SessionStore, SignedIn, cookie_name
from gnomon.domain.principal import LOCAL, How, Principal, Role
from gnomon.errors import NotAuthenticated, StoreError
from gnomon.settings import Settings

logger = logging.getLogger("gnomon.access")

_MOST_NOTED = 10_000


class CredentialStore(TokenStore, SessionStore, Protocol):
    """Where tokens and sessions are kept."""


class Access:
    """Who is asking, and whether that still holds. ``kept`` gives the store, opened.

    What is stored is asked at every request: what was revoked opens nothing from that moment on, in any process.
    """

    def __init__(
        self, kept: Callable[[], CredentialStore], now: Callable[[], datetime], settings: Settings | None = None
    ) -> None:
        settings = settings or Settings()
        self._now = now
        #: When the use of a session or token was last written, for what this process has seen lately.
        self._noted: dict[str, datetime] = {}
        self.tokens = ApiTokens(kept, now)
        self.sessions = Sessions(
            kept,
            now,
            lifetime=timedelta(seconds=settings.session_lifetime),
            idle=timedelta(seconds=settings.session_idle),
        )
        self.attempts = Attempts()
        self.proxies = Proxies(
            networks=settings.proxies,
            user_header=settings.proxy_user_header,
            role_header=settings.proxy_role_header,
            roles={value: Role(role) for value, role in settings.proxy_roles.items()},
            role=None if settings.proxy_role == "none" else Role(settings.proxy_role),
        )
        self.loopback_open = settings.loopback_open

    @property
    def is_configured(self) -> bool:
        """Whether somebody from elsewhere could say who he is: by a token, or by a proxy."""
        return bool(self.proxies.networks) or self.tokens.stands()

    def needs_store(self, incoming: Incoming) -> bool:
        """Whether ``identify`` has to look something up, which takes a moment."""
        return incoming.bearer is not None or self.session_secret(incoming) is not None

    def identify(self, incoming: Incoming, *, loopback: bool = True) -> Principal | None:
        """Who is asking; ``None`` if nobody knows. ``loopback``: whether this server listens on loopback only.

        What was shown counts before what was not: an API token, then the word of a named proxy, then a session, and
        last that the request comes from this machine. Raises ``NotAuthenticated`` for an API token that is not valid.
        """
        by_proxy = self.proxies.includes(incoming.peer)
        # A proxy may pass on a bearer token that is its own business.
        if incoming.bearer is not None and (incoming.bearer.startswith(PREFIX) or not by_proxy):
            return self.tokens.verify(incoming.bearer).principal
        if by_proxy and (named := self.proxies.principal(incoming)):
            return named
        secret = self.session_secret(incoming)
        if secret is not None and (session := self.sessions.find(secret)):
            return session.principal
        # A proxy on this machine comes from loopback too, and must not make everybody local.
        if self.loopback_open and loopback and not by_proxy and incoming.is_local:
            return LOCAL
        return None

    def still_valid(self, principal: Principal) -> bool:
        """Whether somebody who was identified a while ago would be so now: for what stays open longer than a request.

        What proxies and applications say holds for one request, and cannot be asked again.
        """
        if principal.session is not None:
            return self.sessions.still_stands(principal.session)
        if principal.token_id is not None:
            return self.tokens.still_stands(principal.token_id)
        return True

    def is_news(self, principal: Principal) -> bool:
        """Whether it should be written that somebody was here: said once a minute of each token and session."""
        key = principal.session or principal.token_id
        if key is None:
            return False
        now = self._now()
        if self._noted.get(key, now - NOTED_EVERY) > now - NOTED_EVERY:
            return False
        if len(self._noted) >= _MOST_NOTED:
            self._noted.clear()
        self._noted[key] = now
        return True

    def note_use(self, principal: Principal) -> None:
        """Write that a token and a session were used. A store that cannot be written stops nobody."""
        try:
            if principal.session is not None:
                self.sessions.note_use(principal.session)
            if principal.token_id is not None:
                self.tokens.note_use(principal.token_id)
        except StoreError as error:
            logger.warning("that API token %s was used could not be written: %s", principal.token_id, error)

    # -- signing in

    def sign_in(self, token: str, incoming: Incoming) -> SignedIn:
        """Exchange an API token for a session. Raises ``NotAuthenticated`` or ``TooManyAttempts``."""
        place = str(self.proxies.client(incoming))
        self.attempts.count(place)
        try:
            found = self.tokens.verify(token.strip())
        except NotAuthenticated:
            logger.warning("somebody at %s could not sign in", place)
            raise
        signed_in = self.sessions.begin(found, instead_of=self.session_secret(incoming))
        logger.info("%r signed in from %s with API token %s", found.name, place, found.id)
        return signed_in

    def sign_out(self, principal: Principal) -> None:
        """End the session that somebody has, if there is one."""
        if principal.how is How.SESSION and principal.session is not None:
            self.sessions.end(principal.session)
            logger.info("%r signed out", principal.name)

    def sign_out_everywhere(self, principal: Principal) -> None:
        """End all sessions that were begun with somebody's token. The token stays as it is."""
        if principal.token_id is not None:
            self.sessions.end_all(principal.token_id)
            logger.info("%r signed out everywhere", principal.name)

    def is_secure(self, incoming: Incoming) -> bool:
        """Whether the browser came by TLS, to us or to a proxy that is named."""
        return self.proxies.is_secure(incoming)

    def session_secret(self, incoming: Incoming) -> str | None:
        """The value of the session's cookie."""
        return incoming.cookie(cookie_name(secure=self.is_secure(incoming)))
