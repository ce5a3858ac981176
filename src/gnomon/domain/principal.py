"""Who is asking, and what that role may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from gnomon.domain.change import Author, Origin
from gnomon.errors import InvalidInput

#: Characters; what a change keeps of its actor.
LONGEST_NAME = 191


def is_name(text: str) -> bool:
    """Whether a text can be kept and shown as the name of somebody."""
    return 0 < len(text) <= LONGEST_NAME and text.isprintable() and text == text.strip()


class Role(StrEnum):
    """Each may do what the one before may: look; change when jobs run; look after the installation."""

    VIEWER = "viewer"
    OPERATOR = "operator"
    ADMIN = "admin"

    def includes(self, other: Role) -> bool:
        """Whether this role may do all that the other may."""
        return _ORDER[self] >= _ORDER[other]


_ORDER = {role: place for place, role in enumerate(Role)}


class How(StrEnum):
    """How we know who it is."""

    TOKEN = "token"  # an API token came with the request
    SESSION = "session"  # somebody signed in with one
    PROXY = "proxy"  # a proxy that is named in the settings says so
    LOCAL = "local"  # the request comes from this machine
    APPLICATION = "application"  # the application that Gnomon is mounted into says so


@dataclass(frozen=True, slots=True)
class Principal:
    """Who is asking. ``name`` is what the audit log says; raises ``InvalidInput`` for one that could not stand there.

    ``token_id`` is the API token behind it, and ``session`` the digest of its session, where there is one.
    """

    name: str
    role: Role
    how: How = How.APPLICATION
    token_id: str | None = None
    session: str | None = None

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise InvalidInput("name", self.name, f"give 1 to {LONGEST_NAME} characters that can be printed")

    def may(self, role: Role) -> bool:
        """Whether this principal may do what needs ``role``."""
        return self.role.includes(role)

    def author(self, origin: Origin, reason: str | None = None) -> Author:
        """Who a change is by, for the audit log."""
        return Author(self.name, origin, reason)


#: Whoever can open a connection on this machine's loopback could as well open its database.
LOCAL = Principal("local", Role.ADMIN, How.LOCAL)
