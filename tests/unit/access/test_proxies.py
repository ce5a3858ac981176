"""Whose word counts, and for what."""

from __future__ import annotations

from ipaddress import ip_address, ip_network

import pytest

from gnomon.access.proxies import Proxies
from gnomon.domain.principal import How, Principal, Role
from tests.unit.access.conftest import incoming

NETWORKS = (ip_network("10.1.0.0/16"), ip_network("2001:db8::/32"))


@pytest.mark.parametrize("peer", ["10.1.2.3", "::ffff:10.1.2.3", "2001:db8::7"])
def test_a_proxy_that_is_named_names_the_user(peer: str) -> None:
    named = Proxies(NETWORKS).principal(incoming(peer=peer, X_Forwarded_User="mia"))
    assert named == Principal("mia", Role.VIEWER, How.PROXY)


@pytest.mark.parametrize("peer", ["127.0.0.1", "10.2.0.1", "::1", None])
def test_the_header_of_anybody_else_names_nobody(peer: str | None) -> None:
    assert Proxies(NETWORKS).principal(incoming(peer=peer, X_Forwarded_User="mia")) is None


@pytest.mark.parametrize("name", ["", " ", "x" * 192, "mia\x1b[31m"])
def test_a_name_that_cannot_be_shown_is_nobody(name: str) -> None:
    assert Proxies(NETWORKS).principal(incoming(peer="10.1.2.3", X_Forwarded_User=name)) is None


@pytest.mark.parametrize(
    ("value", "role"),
    [
        ("operator", Role.OPERATOR),
        ("staff, ops", Role.OPERATOR),
        ("viewer ops root", Role.ADMIN),
        ("strangers", Role.VIEWER),
        ("", Role.VIEWER),
    ],
)
def test_the_highest_role_of_the_header_counts(value: str, role: Role) -> None:
    proxies = Proxies(NETWORKS, role_header="X-Groups", roles={"ops": Role.OPERATOR, "root": Role.ADMIN})
    named = proxies.principal(incoming(peer="10.1.2.3", X_Forwarded_User="mia", X_Groups=value))
    assert named is not None
    assert named.role is role


def test_roles_come_from_no_header_unless_one_is_named() -> None:
    named = Proxies(NETWORKS).principal(incoming(peer="10.1.2.3", X_Forwarded_User="mia", X_Groups="admin"))
    assert named is not None
    assert named.role is Role.VIEWER


def test_without_a_role_of_last_resort_nobody_is_let_in() -> None:
    proxies = Proxies(NETWORKS, role_header="X-Groups", role=None)
    assert proxies.principal(incoming(peer="10.1.2.3", X_Forwarded_User="mia")) is None


def test_tls_is_believed_of_a_proxy_that_is_named_only() -> None:
    proxies = Proxies(NETWORKS)
    assert proxies.is_secure(incoming(scheme="https"))
    assert proxies.is_secure(incoming(peer="10.1.2.3", X_Forwarded_Proto="https"))
    assert not proxies.is_secure(incoming(X_Forwarded_Proto="https"))


@pytest.mark.parametrize(
    ("peer", "hops", "client"),
    [
        ("10.1.2.3", "198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "203.0.113.9, 198.51.100.7", "198.51.100.7"),
        ("10.1.2.3", "198.51.100.7, 10.1.9.9", "198.51.100.7"),
        ("10.1.2.3", "forged, 10.1.9.9", "10.1.9.9"),
        ("10.1.2.3", "", "10.1.2.3"),
        ("192.0.2.1", "198.51.100.7", "192.0.2.1"),
    ],
)
def test_the_client_is_who_speaks_to_the_outermost_proxy(peer: str, hops: str, client: str) -> None:
    assert Proxies(NETWORKS).client(incoming(peer=peer, X_Forwarded_For=hops)) == ip_address(client)
