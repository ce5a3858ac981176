"""``gnomon serve``, ``node`` and ``web``: processes that stay."""

from __future__ import annotations

import logging
import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from enum import StrEnum
from types import FrameType
from typing import Annotated

import typer
from rich.text import Text

from gnomon.access.hosts import LOOPBACK, checked_host
from gnomon.cli import target
from gnomon.cli.exits import BadUsage
from gnomon.cli.listening import Place, address_of, listening, place, refuse_strangers
from gnomon.cli.log_lines import log_to_stderr
from gnomon.cli.output import screen
from gnomon.cli.store_option import VARIABLE, AppOption, StoreOption, opened, store_url
from gnomon.scheduler import Scheduler

logger = logging.getLogger("gnomon")

DEFAULT_PORT = 8765
COMMANDS_MODULE = "gnomon.executors.commands"

_LOOK_SECONDS = 0.2
#: After the second signal: what still runs has so long to end.
_LAST_SECONDS = 5.0


class LogLevel(StrEnum):
    """How much is logged."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


TargetArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="TARGET",
        help="module:attribute or path/to/file.py:attribute of a Scheduler; the attribute may be left out.",
    ),
]
AllowOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allow",
        metavar="MODULE",
        help=f"Without TARGET: run stored jobs whose functions stand here, e.g. {COMMANDS_MODULE}.",
    ),
]
BareStoreOption = Annotated[
    str | None, typer.Option("--store", metavar="URL", help=f"Without TARGET: the store; otherwise ${VARIABLE}.")
]
HostOption = Annotated[
    str,
    typer.Option(
        "--host", help="The address to listen on; others than loopback need an API token first (gnomon token create)."
    ),
]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="The port to listen on; 0 takes any free one.")
]
NamesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--allowed-host",
        metavar="NAME",
        help="A further name that the server answers to, such as gnomon.example.org.",
    ),
]
CertificateOption = Annotated[
    str | None, typer.Option("--tls-cert", metavar="FILE", help="A certificate in PEM format: serve https.")
]
KeyOption = Annotated[
    str | None, typer.Option("--tls-key", metavar="FILE", help="Its key, where that is not in the same file.")
]
LevelOption = Annotated[LogLevel, typer.Option("--log-level", help="How much to log.")]


def serve(
    where: TargetArgument = None,
    store: BareStoreOption = None,
    allow: AllowOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = DEFAULT_PORT,
    allowed_host: NamesOption = None,
    tls_cert: CertificateOption = None,
    tls_key: KeyOption = None,
    log_level: LevelOption = LogLevel.INFO,
) -> None:
    """Fire an application's jobs, and serve the API.

    Ctrl-C or SIGTERM stops it when what runs has ended; a second one, at once.

    Examples:
      gnomon serve myapp.jobs:scheduler
      gnomon serve jobs.py --port 9000
      gnomon serve jobs.py --host 0.0.0.0 --allowed-host jobs.example.org --tls-cert cert.pem --tls-key key.pem
      gnomon serve --store sqlite:///jobs.db --allow gnomon.executors.commands
    """
    at, names = place(host, port, certificate=tls_cert, key=tls_key), _names(allowed_host)
    with _closing(_scheduler(where, store, allow)) as scheduler:
        log_to_stderr(log_level.upper())
        refuse_strangers(at, scheduler)
        with listening(at) as listener:
            stopping = Stopping()
            start(scheduler)
            try:
                _announce(scheduler, listener, at)
                serve_http(scheduler, listener, stopping, at=at, names=names)
            finally:
                wind_down(scheduler, stopping)


def node(
    where: TargetArgument = None,
    store: BareStoreOption = None,
    allow: AllowOption = None,
    log_level: LevelOption = LogLevel.INFO,
) -> None:
    """Fire an application's jobs: the engine alone, without the API. Any number may run on one store.

    Examples:
      gnomon node myapp.jobs:scheduler
      gnomon node --store sqlite:///jobs.db --allow gnomon.executors.commands
    """
    with _closing(_scheduler(where, store, allow)) as scheduler:
        log_to_stderr(log_level.upper())
        stopping = Stopping()
        start(scheduler)
        try:
            logger.info("node %s fires jobs from %s", scheduler.engine.lease.node_id, scheduler.store.shown_url)
            while not stopping.asked:
                time.sleep(_LOOK_SECONDS)
        finally:
            wind_down(scheduler, stopping)


def web(
    store: StoreOption = None,
    app: AppOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = DEFAULT_PORT,
    allowed_host: NamesOption = None,
    tls_cert: CertificateOption = None,
    tls_key: KeyOption = None,
    log_level: LevelOption = LogLevel.INFO,
) -> None:
    """Serve the API alone. Fires nothing, and needs no application code.

    Examples:
      gnomon web --store postgresql://gnomon@localhost/jobs
    """
    at, names = place(host, port, certificate=tls_cert, key=tls_key), _names(allowed_host)
    with opened(store, app) as scheduler:
        log_to_stderr(log_level.upper())
        refuse_strangers(at, scheduler)
        with listening(at) as listener:
            _announce(scheduler, listener, at)
            serve_http(scheduler, listener, Stopping(), at=at, names=names)


# -- parts, also of the demo


class Stopping:
    """SIGINT and SIGTERM: the first asks to stop, the second insists.

    The handler only sets plain attributes: it interrupts the main thread anywhere, also where that holds a lock.
    """

    def __init__(self) -> None:
        self.asked = False
        self.insisted = False
        self._on_asked: Callable[[], None] = lambda: None
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._handle)

    def _handle(self, _number: int, _frame: FrameType | None) -> None:
        self.insisted = self.asked
        self.asked = True
        self._on_asked()

    def when_asked(self, callback: Callable[[], None]) -> None:
        """Call back at the first signal, or now if it has come. Must be harmless twice, and take no lock."""
        self._on_asked = callback
        if self.asked:
            callback()


def start(scheduler: Scheduler) -> None:
    """Start a scheduler, unless its module did so when it was imported."""
    if not scheduler.engine.running:
        scheduler.start()


def serve_http(
    scheduler: Scheduler, listener: socket.socket, stopping: Stopping, *, at: Place, names: Sequence[str] = ()
) -> None:
    """Answer requests until somebody asks to stop. ``names`` are answered to besides those of the settings."""
    # Only here: a command that looks something up need not wait until a web server is imported.
    from gnomon.cli.http_server import serve_until

    application = scheduler.asgi(hosts=[*LOOPBACK, *scheduler.settings.allowed_hosts, *names], loopback=at.is_loopback)
    serve_until(stopping.when_asked, application, listener, at.certificate)


def wind_down(scheduler: Scheduler, stopping: Stopping) -> None:
    """Stop when what runs has ended; once somebody insists, end what can be ended, and then this process."""
    running = scheduler.engine.recorder.running
    if running:
        logger.info("stopping when %d running jobs have ended; once more (Ctrl-C, SIGTERM) ends them", running)
    closing = threading.Thread(target=scheduler.shutdown, name="gnomon-closing", daemon=True)
    closing.start()
    while closing.is_alive() and not stopping.insisted:
        closing.join(_LOOK_SECONDS)
    if closing.is_alive():
        logger.warning("ending what runs")
        scheduler.engine.recorder.cancel_all()
        closing.join(_LAST_SECONDS)
        if closing.is_alive():
            logger.error("some jobs do not end: leaving them behind; their runs will be shown as lost")
            logging.shutdown()
            os._exit(1)
    logger.info("stopped")


# -- behind them


def _scheduler(where: str | None, store: str | None, allow: list[str] | None) -> Scheduler:
    if where is not None:
        if store is not None or allow:
            raise BadUsage(
                f'{where} has its own store and list of allowed modules: Scheduler("…", allow=[…]) says them there'
            )
        return target.load(where)
    if not allow:
        raise BadUsage(
            "say what to run: a TARGET such as myapp.jobs:scheduler, or without application code --allow MODULE, "
            f"such as --allow {COMMANDS_MODULE}"
        )
    return Scheduler(store_url(store), allow=allow)


@contextmanager
def _closing(scheduler: Scheduler) -> Iterator[Scheduler]:
    try:
        yield scheduler
    finally:
        scheduler.close()


def _names(given: Sequence[str] | None) -> list[str]:
    return [checked_host(name) for name in given or []]


def _announce(scheduler: Scheduler, listener: socket.socket, at: Place) -> None:
    count = len(scheduler.store.schedules.ids())
    jobs = "1 job" if count == 1 else f"{count} jobs"
    address = address_of(listener, secure=at.certificate is not None)
    screen(stderr=True).print(
        Text.assemble(
            ("Gnomon", "bold"),
            f" at {address}/ · {jobs} in {scheduler.store.shown_url} · Ctrl-C stops it",
        ),
        soft_wrap=True,
    )
