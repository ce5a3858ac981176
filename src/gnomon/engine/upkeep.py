"""Upkeep: what a node does now and then, beside firing. One thread; no service can hold up the loop or the lease."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from gnomon.errors import StoreError

logger = logging.getLogger("gnomon.engine")

_LONGEST_WAIT = 60.0
#: A service that goes through many rows rests after each part of them: so many times as long as the part took, and
#: longer while claimed runs wait for their start, up to the longest rest.
_REST, _SHORTEST_REST, _LONGEST_REST = 4.0, 0.01, 1.0


@dataclass(frozen=True, slots=True)
class Service:
    """Something to do every ``period`` seconds. ``work`` is given a function to ask after each part of it: the answer
    is whether to go on, and takes as long as the service is to rest."""

    name: str
    period: float
    work: Callable[[Callable[[], bool]], object]


class Upkeep:
    """Carries out services, each in its own time. One that fails is tried again when its time comes.

    ``is_firing`` says whether claimed runs wait for their start, which is more urgent.
    """

    def __init__(self, is_firing: Callable[[], bool] = lambda: False) -> None:
        self._is_firing = is_firing
        self._services: list[Service] = []
        self._due: dict[str, float] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def add(self, service: Service) -> None:
        """Before the start."""
        self._services.append(service)

    def start(self) -> None:
        """Carry services out from here on, each first after one period."""
        self._stop.clear()
        now = time.monotonic()
        self._due = {service.name: now + service.period for service in self._services}
        self._thread = threading.Thread(target=self._live, name="gnomon-upkeep", daemon=True)
        self._thread.start()

    def shutdown(self) -> None:
        """Return when what is being done has stopped."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _live(self) -> None:
        while not self._stop.is_set():
            for service in self._services:
                if time.monotonic() >= self._due[service.name] and not self._stop.is_set():
                    self._carry_out(service)
                    self._due[service.name] = time.monotonic() + service.period
            next_due = min(self._due.values(), default=time.monotonic() + _LONGEST_WAIT)
            self._stop.wait(max(0.0, min(next_due - time.monotonic(), _LONGEST_WAIT)))

    def _carry_out(self, service: Service) -> None:
        try:
            service.work(self._resting())
        except StoreError as error:
            logger.warning("%s: %s", service.name, error)
        except Exception:
            logger.exception("%s failed; it will be tried again", service.name)

    def _resting(self) -> Callable[[], bool]:
        began = time.monotonic()

        def rest() -> bool:
            nonlocal began
            rested = min(max((time.monotonic() - began) * _REST, _SHORTEST_REST), _LONGEST_REST)
            until = time.monotonic() + _LONGEST_REST
            self._stop.wait(rested)
            while self._is_firing() and time.monotonic() < until and not self._stop.is_set():
                self._stop.wait(_SHORTEST_REST)
            began = time.monotonic()
            return not self._stop.is_set()

        return rest
