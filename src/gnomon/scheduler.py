"""``Scheduler``: what users hold. Starts and stops the parts, and brings the use cases together."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import tzinfo
from types import TracebackType
from typing import Any, Self

from gnomon.access.authentication import Identify
from gnomon.errors import GnomonError
from gnomon.executors import is_coming_up
from gnomon.scheduling.changing import Changing
from gnomon.scheduling.declaring import Declaring
from gnomon.scheduling.reading import Reading
from gnomon.scheduling.running import Running
from gnomon.scheduling.taking_over import TakingOver
from gnomon.settings import Settings
from gnomon.store import Clock, SqlEngine


class Scheduler(Declaring, Reading, Changing, Running, TakingOver):
    """Fires the recurring jobs of an application, and lets people change when they fire.

    ``store`` is ``sqlite:///path.db``, ``postgresql://…`` or an SQLAlchemy engine. ``timezone`` (an IANA name; the
    machine's where absent) is what triggers count in that name none. ``allow`` lists module prefixes whose functions
    and classes rows may name.

    Reads and changes work on a scheduler that was never started: in a web worker, a script, a shell.
    """

    def __init__(
        self,
        store: str | SqlEngine = "sqlite:///gnomon.db",
        *,
        timezone: str | tzinfo | None = None,
        allow: Sequence[str] = (),
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        super().__init__(store, timezone=timezone, allow=allow, settings=settings, clock=clock)

    def start(self) -> None:
        """Open the store, store jobs that are new, and fire from here on."""
        if is_coming_up():
            raise GnomonError(
                "a worker process of the processes executor imports the main script and would start a scheduler of its "
                "own; put what starts it under `if __name__ == '__main__':`"
            )
        self.open()
        self.start_all_jobs()
        self.engine.start()

    def shutdown(self, wait: bool = True) -> None:
        """Fire nothing more; with ``wait``, return when what runs has ended."""
        if self.engine.running:
            self.engine.shutdown(wait)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown(wait=True)
        self.close()

    def asgi(
        self, *, hosts: Sequence[str] | None = None, loopback: bool = True, identify: Identify | None = None
    ) -> Any:
        """The API and the page as one ASGI application, to serve alone or to mount into another.

        ``hosts`` are the names it answers to: those of loopback and ``Settings.allowed_hosts`` where none are given.
        Whoever asks shows an API token, or has signed in, or is named by a proxy of ``Settings.proxies``. With
        ``loopback``, requests from this machine need nothing of that (``Settings.loopback_open``): say ``False`` where
        others reach the server too. ``identify`` lets the application that this is mounted into say who is asking: it
        is given the ASGI scope and returns a ``Principal``, or ``None`` if it does not know.
        """
        # Up the layers, and only when called: a scheduler without a web server needs no web framework.
        from gnomon.web import make_application

        return make_application(self, hosts=hosts, loopback=loopback, identify=identify)
