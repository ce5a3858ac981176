"""What a request says of where it comes from. Nothing here is believed yet."""

from __future__ import annotations

from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address

from gnomon.access.asgi import Scope

Address = IPv4Address | IPv6Address

#: What proxies add. Whatever carries one of these did not come straight from where its connection comes from.
_FORWARDING = frozenset({b"forwarded", b"via", b"x-real-ip", b"x-client-ip", b"true-client-ip", b"cf-connecting-ip"})
_FORWARDING_PREFIXES = (b"x-forwarded-", b"x-original-", b"x-envoy-")


@dataclass(frozen=True, slots=True)
class Incoming:
    """A request: its headers and the two ends of its connection. ``peer`` and ``here`` are ``None`` if unknown."""

    headers: tuple[tuple[bytes, bytes], ...]
    peer: Address | None
    here: Address | None
    scheme: str
    http_version: str

    @classmethod
    def of(cls, scope: Scope) -> Incoming:
        """The request of an ASGI scope."""
        return cls(
            headers=tuple((name.lower(), value) for name, value in scope["headers"]),
            peer=address_of((scope.get("client") or ("",))[0]),
            here=address_of((scope.get("server") or ("",))[0]),
            scheme=scope.get("scheme", "http"),
            http_version=scope.get("http_version", "1.1"),
        )

    def header(self, name: str) -> str | None:
        """The one value of a header; ``None`` if there is none, or several: who sends two wants to be misread."""
        wanted = name.lower().encode("latin-1")
        values = [value for given, value in self.headers if given == wanted]
        if len(values) != 1:
            return None
        try:
            return values[0].decode("utf-8")
        except UnicodeDecodeError:
            return values[0].decode("latin-1")

    @property
    def bearer(self) -> str | None:
        """What stands after ``Authorization: Bearer``."""
        scheme, _, credentials = (self.header("authorization") or "").partition(" ")
        return credentials.strip() if scheme.lower() == "bearer" else None

    def cookie(self, name: str) -> str | None:
        """The one value of a cookie. Read by hand: the library gives up at the first cookie of somebody else's that it
        does not like, and programs on one host share their cookies."""
        pairs = [pair.strip().partition("=") for pair in (self.header("cookie") or "").split(";")]
        values = [value for given, _, value in pairs if given == name]
        return values[0] if len(values) == 1 else None

    @property
    def is_forwarded(self) -> bool:
        """Whether it shows signs of a proxy. HTTP/1.0 is one: no browser speaks it, and nginx long did by default."""
        names = {name for name, _ in self.headers}
        return (
            self.http_version == "1.0"
            or not names.isdisjoint(_FORWARDING)
            or any(name.startswith(_FORWARDING_PREFIXES) for name in names)
        )

    @property
    def is_local(self) -> bool:
        """Whether it was sent on this machine, as far as can be seen. A proxy that hides itself cannot be seen."""
        return self.peer is not None and self.peer.is_loopback and not self.is_forwarded


def address_of(text: object) -> Address | None:
    """An IP address, an IPv4 one also where it is written as IPv6; ``None`` for anything else."""
    try:
        address = ip_address(str(text).strip("[]"))
    except ValueError:
        return None
    return (address.ipv4_mapped or address) if isinstance(address, IPv6Address) else address
