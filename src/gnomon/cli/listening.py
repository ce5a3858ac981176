"""Where a server listens: on this machine's loopback, or, once it is known who may ask, anywhere."""

from __future__ import annotations

import ipaddress
import logging
import socket
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from gnomon.access.incoming import Address
from gnomon.cli.exits import BadUsage
from gnomon.cli.store_option import is_there, stored_in
from gnomon.errors import GnomonError, InvalidInput
from gnomon.scheduler import Scheduler

logger = logging.getLogger("gnomon")


@dataclass(frozen=True, slots=True)
class Certificate:
    """What a server shows of itself over TLS. ``key`` is ``None`` where both stand in one file."""

    file: str
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Place:
    """An address and a port to listen on."""

    address: Address
    port: int
    certificate: Certificate | None = None

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine reaches it."""
        return self.address.is_loopback


def place(host: str, port: int, *, certificate: str | None = None, key: str | None = None) -> Place:
    """What the options say. Raises ``InvalidInput`` for what is no address, or no certificate that can be used."""
    text = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidInput(
            "--host", host, "give localhost, or an address: 127.0.0.1, ::1; 0.0.0.0 and :: stand for all there are"
        ) from None
    if key is not None and certificate is None:
        raise BadUsage("--tls-key needs --tls-cert: the certificate that belongs to it")
    return Place(address, port, None if certificate is None else _certificate(certificate, key))


def refuse_strangers(place: Place, scheduler: Scheduler) -> None:
    """Listen where others come by only if they can say who they are. Raises ``InvalidInput`` with the remedy."""
    if place.is_loopback:
        return
    store = stored_in(scheduler)
    if not scheduler.access.proxies.networks and not (is_there(store) and scheduler.access.tokens.stands()):
        raise InvalidInput(
            "--host",
            str(place.address),
            "others reach this address, and nobody could say who he is; make an API token first: `gnomon token create "
            f"--role admin --name NAME --store {store.shown_url}`, or name the proxy that asks: GNOMON_PROXIES; or "
            "listen on 127.0.0.1 and come by a tunnel (ssh -L 8765:127.0.0.1:8765 HOST)",
        )
    if place.certificate is None and not scheduler.access.proxies.networks:
        logger.warning(
            "what is sent to %s can be read on its way, API tokens too: give --tls-cert and --tls-key, or put a proxy "
            "before it that has them",
            place.address,
        )


@contextmanager
def listening(place: Place) -> Iterator[socket.socket]:
    """A socket, taken before anything is started. Raises ``GnomonError`` if that cannot be."""
    family = socket.AF_INET6 if place.address.version == 6 else socket.AF_INET
    # With its protocol named: only then asyncio lets connections send at once, instead of 40 ms later.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((str(place.address), place.port))
            listener.listen(1024)
        except OSError as error:
            raise GnomonError(_cannot_listen(place, error)) from error
        yield listener
    finally:
        listener.close()


def address_of(listener: socket.socket, *, secure: bool = False) -> str:
    """``http://127.0.0.1:8765``."""
    host, port = listener.getsockname()[:2]
    scheme = "https" if secure else "http"
    return f"{scheme}://[{host}]:{port}" if ":" in host else f"{scheme}://{host}:{port}"


def _certificate(file: str, key: str | None) -> Certificate:
    for option, path in (("--tls-cert", file), ("--tls-key", key)):
        if path is not None and not Path(path).is_file():
            raise InvalidInput(option, path, "give a file in PEM format; there is none of this name")
    try:
        # Without a password of our own, OpenSSL would ask for one on the terminal, and wait.
        ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER).load_cert_chain(file, key, password=lambda: "")
    except (ssl.SSLError, OSError) as error:
        raise InvalidInput(
            "--tls-cert", file, f"give a certificate and its key, in PEM format, without a password ({error})"
        ) from error
    return Certificate(file, key)


def _cannot_listen(place: Place, error: OSError) -> str:
    reason, port = (error.strerror or str(error)).lower(), place.port
    return (
        f"cannot listen on {place.address}, port {port}: {reason}; stop the program that has it "
        f"(ss -ltnp 'sport = :{port}' shows it), or take another: --port {port + 1 if port < 65535 else 0}"
    )
