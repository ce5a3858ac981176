"""Who is asking, as a route finds it: put there by ``Authenticated``, demanded by each route for itself."""

from __future__ import annotations

import logging

from gnomon.access.asgi import Scope
from gnomon.domain.principal import Principal, Role
from gnomon.errors import NotAllowed, NotAuthenticated, shown

logger = logging.getLogger("gnomon.access")

_KEY = "gnomon.principal"

HOW_TO_SAY = "show an API token (Authorization: Bearer gnomon_…), which `gnomon token create` makes, or sign in"


def introduce(scope: Scope, principal: Principal | None) -> None:
    """Say to all that handles this request who is asking."""
    scope[_KEY] = principal


def principal_of(scope: Scope) -> Principal | None:
    """Who is asking; ``None`` if nobody knows, or nobody found out."""
    found = scope.get(_KEY)
    return found if isinstance(found, Principal) else None


def require(scope: Scope, role: Role) -> Principal:
    """Who is asking, if he may do what needs ``role``. Raises ``NotAuthenticated`` or ``NotAllowed``."""
    principal = principal_of(scope)
    if principal is None:
        raise NotAuthenticated(f"nobody knows who you are: {HOW_TO_SAY}")
    if not principal.may(role):
        logger.warning(
            "%r, known by %s as %s, may not %s %s", principal.name, principal.how, principal.role, *asked(scope)
        )
        raise NotAllowed(principal.name, principal.role, role)
    return principal


def asked(scope: Scope) -> tuple[str, str]:
    """Method and path of a request, fit to be logged."""
    return shown(scope.get("method", "")).strip("'"), shown(scope["path"])


def challenge(*, is_invalid: bool) -> tuple[str, str]:
    """The header that goes with a 401."""
    return "WWW-Authenticate", 'Bearer realm="gnomon"' + (', error="invalid_token"' if is_invalid else "")
