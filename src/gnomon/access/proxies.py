"""Proxies that have asked already who somebody is, and whose word counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network

from gnomon.access.incoming import Address, Incoming, address_of
from gnomon.domain.principal import How, Principal, Role, is_name

Network = IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Proxies:
    """Which peers are proxies, which header names the user, and which role he has.

    With ``role_header``, the highest of the roles that its values stand for: a role's own name, or what ``roles`` maps
    to one. Where that gives none, ``role``; where that is ``None``, nobody is let in.
    """

    networks: Sequence[Network] = ()
    user_header: str = "X-Forwarded-User"
    role_header: str | None = None
    roles: Mapping[str, Role] | None = None
    role: Role | None = Role.VIEWER

    def includes(self, peer: Address | None) -> bool:
        """Whether a request from this address comes from a proxy that is named."""
        return peer is not None and any(peer in network for network in self.networks)

    def principal(self, incoming: Incoming) -> Principal | None:
        """Whom the proxy names. The headers of anybody else name nobody."""
        if not self.includes(incoming.peer):
            return None
        name, role = incoming.header(self.user_header), self._role(incoming)
        if name is None or role is None or not is_name(name):
            return None
        return Principal(name, role, How.PROXY)

    def is_secure(self, incoming: Incoming) -> bool:
        """Whether the browser came by TLS, to us or to the proxy."""
        by_proxy = self.includes(incoming.peer) and incoming.header("x-forwarded-proto") == "https"
        return incoming.scheme == "https" or by_proxy

    def client(self, incoming: Incoming) -> Address | None:
        """Who speaks to the outermost proxy that is named: what stands further left, anybody may have written."""
        address = incoming.peer
        hops = (incoming.header("x-forwarded-for") or "").split(",")
        while self.includes(address) and hops:
            before = address_of(hops.pop().strip())
            if before is None:
                break
            address = before
        return address

    def _role(self, incoming: Incoming) -> Role | None:
        given = (incoming.header(self.role_header) or "").replace(",", " ").split() if self.role_header else []
        known = {**{role.value: role for role in Role}, **(self.roles or {})}
        found = [known[value] for value in given if value in known]
        return max(found, key=list(Role).index) if found else self.role
