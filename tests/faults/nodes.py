"""Nodes for the fault tests: in this process, and in others that can be stopped, cut off and killed."""

from __future__ import annotations

import json
import os
import subprocess
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from gnomon import Scheduler, Settings
from gnomon.store import Clock, Store
from tests.faults.ledger_checks import unresolved
from tests.jobs import evidence
from tests.processes import python, wait_until

#: A dead node is noticed within about a second, and nobody waits long for a lock.
FAST: dict[str, Any] = {"lease": 1.0, "heartbeat": 0.2, "lock_timeout": 0.5}
SECOND = timedelta(seconds=1)

_NODE = """
    import json, signal, sys, threading
    from tests.faults.nodes import declared
    told = threading.Event()
    signal.signal(signal.SIGTERM, lambda *_: told.set())
    url, folder, options = sys.argv[1], sys.argv[2], json.loads(sys.argv[3])
    scheduler = declared(url, folder, **options)
    scheduler.start()
    print("started", flush=True)
    told.wait()
    scheduler.shutdown()
    scheduler.close()
"""


def evidence_and_a_nap(folder: str, seconds: float) -> None:
    """Start, and take a while."""
    evidence(folder)
    time.sleep(seconds)


def declared(
    url: str, folder: str | Path, *, jobs: int = 3, takes: float = 0, clock: Clock | None = None, **options: Any
) -> Scheduler:
    """A scheduler whose jobs run every second, leave evidence in ``folder`` and take so many seconds."""
    settings = Settings(**{**FAST, **options.pop("settings", {})})
    scheduler = Scheduler(url, timezone="UTC", settings=settings, clock=clock, allow=options.pop("allow", ()))
    for number in range(jobs):
        scheduler.register(
            evidence_and_a_nap, "interval", id=f"job {number}", seconds=1, args=(str(folder), takes), **options
        )
    return scheduler


def migrate(url: str) -> None:
    """Make the tables."""
    store = Store(url)
    store.upgrade()
    store.close()


@contextmanager
def running(scheduler: Scheduler) -> Iterator[Scheduler]:
    """Start a scheduler; shut it down in the end, whatever happened."""
    scheduler.start()
    try:
        yield scheduler
    finally:
        scheduler.store.database.boundary = None
        scheduler.shutdown()
        scheduler.close()


class Frozen:
    """Stops all transactions of a scheduler's process when the first one reaches a point, as SIGSTOP would there."""

    def __init__(self, scheduler: Scheduler, point: str, *, nth: int = 1) -> None:
        self._point = point
        self._left = nth
        self._awake = threading.Event()
        self.is_frozen = threading.Event()
        scheduler.store.database.boundary = self._reach

    def thaw(self) -> None:
        """Go on, as SIGCONT lets it."""
        self._awake.set()

    def _reach(self, point: str) -> None:
        if point == self._point:
            self._left -= 1
            if self._left == 0:
                self.is_frozen.set()
        if self.is_frozen.is_set():
            assert self._awake.wait(60)


class Node:
    """A node in a process of its own, with ``declared(**options)``."""

    def __init__(self, url: str, folder: Path, **options: Any) -> None:
        self.process: subprocess.Popen[str] = python(_NODE, url, str(folder), json.dumps(options))
        assert self.process.stdout is not None
        assert self.process.stdout.readline() == "started\n", self.process.communicate()[1]

    def signal(self, number: int) -> None:
        """Send a signal to the process."""
        os.kill(self.process.pid, number)

    def stop(self) -> None:
        """Shut it down in good order."""
        self.process.terminate()
        _, errors = self.process.communicate(timeout=60)
        assert self.process.returncode == 0, errors

    def kill(self) -> None:
        """End it, if it has not ended."""
        self.process.kill()
        self.process.communicate(timeout=60)


@contextmanager
def node(url: str, folder: Path, **options: Any) -> Iterator[Node]:
    """A node in a process of its own, that does not outlive the test."""
    other = Node(url, folder, **options)
    try:
        yield other
    finally:
        other.kill()


def wait_until_settled(scheduler: Scheduler, *, seconds: float = 60) -> None:
    """Wait until nothing that is due by now is unresolved (I4), and the jobs fire again."""
    healed = datetime.now(UTC)
    wait_until(lambda: not unresolved(scheduler, before=healed), seconds=seconds, what="the settling of what was due")
    wait_until(lambda: fired_since(scheduler, healed), seconds=seconds, what="a run after the fault")


def fired_since(scheduler: Scheduler, moment: datetime) -> bool:
    """Whether each job has a line for a time later than ``moment``."""
    jobs = {job["id"] for job in scheduler.get_all_jobs()}
    return jobs == {run.job_id for run in scheduler.runs(limit=1_000) if run.scheduled_at > moment}
