"""Which requests reach the application: those addressed to it, from pages of its own.

A name that an attacker lets point to 127.0.0.1 (DNS rebinding) arrives with that name in ``Host``; a form on somebody
else's page arrives with that page's ``Origin``. Both are refused before any route sees them.
"""

from __future__ import annotations

from collections.abc import Iterable
from urllib.parse import urlsplit

from gnomon.access.asgi import Application, Receive, Scope, Send, refuse
from gnomon.access.incoming import Incoming, address_of
from gnomon.errors import InvalidInput, shown

LOOPBACK = ("127.0.0.1", "localhost", "[::1]")
READING = frozenset({"GET", "HEAD", "OPTIONS"})

#: What browsers say of a request that a page of another origin made. Older ones say nothing.
_FOREIGN_SITES = frozenset({"cross-site", "same-site"})
_DEFAULT_PORTS = {"http": ":80", "https": ":443"}


class KnownHostsOnly:
    """ASGI middleware: an exact ``Host`` (any port), and for what changes something an ``Origin`` that equals it.

    The address that a connection came in on is a ``Host`` too: no name can be let point to a number.
    """

    def __init__(self, app: Application, hosts: Iterable[str] = LOOPBACK) -> None:
        self._app = app
        self._hosts = frozenset(host.lower() for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on, or answer it with 400 or 403."""
        if scope["type"] not in {"http", "websocket"}:
            await self._app(scope, receive, send)
            return
        incoming = Incoming.of(scope)
        host = (incoming.header("host") or "").lower()
        name = _name(host)
        if name not in self._hosts and (incoming.here is None or address_of(name) != incoming.here):
            detail = f"this server does not answer to {shown(host)}; use one of {', '.join(sorted(self._hosts))}"
            await refuse(send, 400, "unknown-host", "The server does not answer to this name", f"{detail}, or allow it")
            return
        if scope.get("method") not in READING and (foreign := _foreign(incoming, host)):
            detail = f"requests from {shown(foreign)} may not change anything here"
            await refuse(send, 403, "foreign-origin", "A page of another origin may not change anything", detail)
            return
        await self._app(scope, receive, send)


def checked_host(name: str) -> str:
    """A name to answer to, as it arrives in ``Host``. Raises ``InvalidInput`` for what is none, such as a URL."""
    host = name.strip().lower()
    address = address_of(host)
    if address is not None:
        return f"[{address}]" if address.version == 6 else str(address)
    if not host or len(host) > 253 or not all(part and _is_label(part) for part in host.split(".")):
        raise InvalidInput("--allowed-host", name, "give a name such as gnomon.example.org, without scheme and port")
    return host


def _is_label(part: str) -> bool:
    return part.isascii() and part.replace("-", "").replace("_", "").isalnum()


def _foreign(incoming: Incoming, host: str) -> str | None:
    """The origin of a request, if that is not this host; a browser that does not say it may tell it by ``Referer``."""
    given = [value for name, value in incoming.headers if name == b"origin"]
    if len(given) > 1:
        return "several origins"
    origin = incoming.header("origin") or incoming.header("referer")
    if origin is not None:
        try:
            parts = urlsplit(origin)
        except ValueError:  # brackets that are no IPv6 address
            return origin
        same = parts.netloc.lower().removesuffix(_DEFAULT_PORTS.get(parts.scheme, "")) == host.removesuffix(
            _DEFAULT_PORTS.get(parts.scheme, "")
        )
        # Behind a proxy that ends TLS, a page of https talks to a server of http; never the other way round.
        if not same or (incoming.scheme == "https" and parts.scheme != "https"):
            return origin
    site = incoming.header("sec-fetch-site")
    return f"a page that is {site}" if site in _FOREIGN_SITES else None


def _name(host: str) -> str:
    if host.startswith("["):
        return host.partition("]")[0] + "]"
    return host.partition(":")[0]
