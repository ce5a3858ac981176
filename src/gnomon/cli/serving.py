"""``gnomon serve``, ``node`` and ``web``: processes that stay."""

from __future__ import annotations

import ipaddress
import logging
import os
import signal
import socket
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import StrEnum
from types import FrameType
from typing import Annotated

import typer
from rich.text import Text

from gnomon.cli import target
from gnomon.cli.exits import BadUsage
from gnomon.cli.output import screen
from gnomon.cli.store_option import VARIABLE, AppOption, StoreOption, opened, store_url
from gnomon.errors import GnomonError, InvalidInput
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
HostOption = Annotated[str, typer.Option("--host", help="A loopback address to listen on.")]
PortOption = Annotated[
    int, typer.Option("--port", min=0, max=65535, help="The port to listen on; 0 takes any free one.")
]
LevelOption = Annotated[LogLevel, typer.Option("--log-level", help="How much to log.")]


def serve(
    where: TargetArgument = None,
    store: BareStoreOption = None,
    allow: AllowOption = None,
    host: HostOption = "127.0.0.1",
    port: PortOption = DEFAULT_PORT,
    log_level: LevelOption = LogLevel.INFO,
) -> None:
    """Fire an application's jobs, and serve the API.

    Ctrl-C or SIGTERM stops it when what runs has ended; a second one, at once.

    Examples:
      gnomon serve myapp.jobs:scheduler
      gnomon serve jobs.py --port 9000
      gnomon serve --store sqlite:///jobs.db --allow gnomon.executors.commands
    """
    with listening(host, port) as listener, _closing(_scheduler(where, store, allow)) as scheduler:
        log_to_stderr(log_level)
        stopping = Stopping()
        start(scheduler)
        try:
            _announce(scheduler, listener)
            serve_http(scheduler, listener, stopping)
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
        log_to_stderr(log_level)
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
    log_level: LevelOption = LogLevel.INFO,
) -> None:
    """Serve the API alone. Fires nothing, and needs no application code.

    Examples:
      gnomon web --store postgresql://gnomon@localhost/jobs
    """
    with opened(store, app) as scheduler, listening(host, port) as listener:
        log_to_stderr(log_level)
        _announce(scheduler, listener)
        serve_http(scheduler, listener, Stopping())


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


def log_to_stderr(level: LogLevel) -> None:
    """Simple lines with a time."""
    logging.basicConfig(
        level=level.upper(), format="%(asctime)s %(levelname)-7s %(name)s: %(message)s", stream=sys.stderr
    )
    if level is not LogLevel.DEBUG:
        for name in ("uvicorn", "apscheduler", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)


@contextmanager
def listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket on a loopback address, taken before anything else starts.

    Raises ``InvalidInput`` for another address, and ``GnomonError`` if the port is taken.
    """
    family, address = _loopback(host)
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            listener.bind((address, port))
            listener.listen(1024)
        except OSError as error:
            raise GnomonError(_cannot_listen(address, port, error)) from error
        yield listener
    finally:
        listener.close()


def start(scheduler: Scheduler) -> None:
    """Start a scheduler, unless its module did so when it was imported."""
    if not scheduler.engine.running:
        scheduler.start()


def serve_http(scheduler: Scheduler, listener: socket.socket, stopping: Stopping) -> None:
    """Answer requests until somebody asks to stop."""
    # Only here: a command that looks something up need not wait until a web server is imported.
    from gnomon.cli.http_server import serve_until

    serve_until(stopping.when_asked, scheduler.asgi(), listener)


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


def address_of(listener: socket.socket) -> str:
    """``http://127.0.0.1:8765``."""
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


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


def _loopback(host: str) -> tuple[socket.AddressFamily, str]:
    text = "127.0.0.1" if host == "localhost" else host.strip("[]")
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        raise InvalidInput("--host", host, "give a loopback address: 127.0.0.1, ::1 or localhost") from None
    if not address.is_loopback:
        raise InvalidInput(
            "--host",
            host,
            "there is no authentication yet, so whoever reaches this address could change your jobs; listen on "
            "127.0.0.1 and come by a tunnel (ssh -L 8765:127.0.0.1:8765 HOST) or a reverse proxy that authenticates",
        )
    return (socket.AF_INET6 if address.version == 6 else socket.AF_INET), str(address)


def _cannot_listen(address: str, port: int, error: OSError) -> str:
    return (
        f"cannot listen on {address}, port {port}: {(error.strerror or str(error)).lower()}; stop the program that "
        f"has it (ss -ltnp 'sport = :{port}' shows it), or take another: --port {port + 1 if port < 65535 else 0}"
    )


def _announce(scheduler: Scheduler, listener: socket.socket) -> None:
    jobs = len(scheduler.get_all_jobs())
    address = address_of(listener)
    screen(stderr=True).print(
        Text.assemble(
            ("Gnomon", "bold"),
            f" at {address}/api/scheduler/jobs · {jobs} jobs in {scheduler.store.shown_url} · Ctrl-C stops it",
        ),
        soft_wrap=True,
    )
