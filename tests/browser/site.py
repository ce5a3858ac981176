"""A store with its server, as one process of Gnomon would be; it can be killed and started again under a page."""

from __future__ import annotations

import asyncio
import shutil
import socket
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import uvicorn

from gnomon import Scheduler, Settings
from gnomon.domain.principal import Role
from tests.browser import scene

_SECONDS = 20


class _Server(uvicorn.Server):
    """A server in a thread of the tests, gone at once: uvicorn's own takes two tenths of a second to leave."""

    def install_signal_handlers(self) -> None:
        """This is a thread of the tests."""

    async def main_loop(self) -> None:
        """Serve until somebody says ``leave``."""
        self._loop, self._leaving = asyncio.get_running_loop(), asyncio.Event()
        await self.on_tick(0)
        await self._leaving.wait()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """As if the process had been killed: what is open breaks off."""
        for server in self.servers:
            server.close()
        for connection in list(self.server_state.connections):
            connection.transport.abort()

    def leave(self) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._leaving.set)


class Site:
    """``scheduler`` is for the test: what it does is done by another than the server, as by a command line."""

    def __init__(self, file: Path, night: Path | None = None, **settings: Any) -> None:
        self._file = file
        self._night = night
        self.url = f"sqlite:///{file}"
        url = self.url
        self._settings = Settings(**settings)
        self.scheduler = Scheduler(url, timezone="Europe/Berlin", settings=self._settings)
        self._is_beating = threading.Event()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self._port = probe.getsockname()[1]
        self._serving: tuple[_Server, threading.Thread, Scheduler] | None = None
        self._was_served = False

    @property
    def address(self) -> str:
        """Where it is served, from the first time on that somebody asks for this."""
        if not self._was_served:
            self.start()
        return f"http://127.0.0.1:{self._port}"

    def __enter__(self) -> Self:
        self.scheduler.open()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.stop()
        self._is_beating.set()
        self.scheduler.close()

    # -- the server

    def start(self, **options: Any) -> None:
        """Serve. ``options`` are those of ``Scheduler.asgi``."""
        self._was_served = True
        shown = Scheduler(self.url, timezone="Europe/Berlin", settings=self._settings)
        config = uvicorn.Config(
            shown.asgi(**options),
            host="127.0.0.1",
            port=self._port,
            log_config=None,
            access_log=False,
            lifespan="off",
            proxy_headers=False,
            timeout_graceful_shutdown=1,
        )
        server = _Server(config)
        thread = threading.Thread(target=server.run, name="site")
        thread.start()
        deadline = time.monotonic() + _SECONDS
        while not server.started:
            assert thread.is_alive(), "the server did not start"
            assert time.monotonic() < deadline, "the server did not start in time"
            time.sleep(0.01)
        self._serving = (server, thread, shown)

    def stop(self) -> None:
        """Be gone, with all connections."""
        if self._serving is None:
            return
        server, thread, shown = self._serving
        self._serving = None
        server.leave()
        thread.join(_SECONDS)
        shown.close()

    def serve_again(self, **options: Any) -> None:
        """Another process, with other options."""
        self.stop()
        self.start(**options)

    # -- what is in the store

    def store_jobs(self) -> None:
        """Store what the test has declared, and let a node live that has code for it."""
        self.scheduler.start_all_jobs()
        scene.join(self.scheduler)
        threading.Thread(target=self._beat, name="beat", daemon=True).start()

    def night(self) -> None:
        """The scene, with a node that lives. The store is still empty, and nobody has looked at it."""
        assert self._night is not None
        assert not self._was_served
        self.scheduler.close()
        for rest in self._file.parent.glob(f"{self._file.name}-*"):
            rest.unlink()
        shutil.copy(self._night, self._file)
        self.scheduler.open()
        scene.beat(self.scheduler)
        threading.Thread(target=self._beat, name="beat", daemon=True).start()

    def token(self, role: Role = Role.OPERATOR, name: str = "mia") -> str:
        """An API token."""
        return self.scheduler.access.tokens.create(name, role)[0]

    def _beat(self) -> None:
        while not self._is_beating.wait(1):
            scene.beat(self.scheduler)
