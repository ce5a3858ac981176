"""The command line as a function, a store with jobs for it, and its processes."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gnomon import Scheduler
from gnomon.cli import run
from tests.processes import ROOT

SOURCE = str(ROOT / "src")


@pytest.fixture(autouse=True)
def _path_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    """Loading a target puts its directory first on the path, which in a test is not the end of the process."""
    monkeypatch.setattr(sys, "path", list(sys.path))


@dataclass(frozen=True)
class Result:
    """What a command left: exit code, standard output, standard error."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """Standard output, all of which must be one JSON value."""
        return json.loads(self.out)


Gnomon = Callable[..., Result]


@pytest.fixture(autouse=True)
def _no_store_of_the_environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Nothing on this machine is touched by accident."""
    for variable in ("GNOMON_STORE", "NO_COLOR", "FORCE_COLOR", "COLUMNS"):
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def gnomon(capsys: pytest.CaptureFixture[str]) -> Gnomon:
    """Run a command line in this process."""

    def call(*arguments: str) -> Result:
        capsys.readouterr()
        code = run(arguments)
        out, err = capsys.readouterr()
        return Result(code, out, err)

    return call


def nightly() -> None:
    """Sends the nightly report."""


def tick() -> None:
    """Ticks."""


def declared(url: str) -> Scheduler:
    """A scheduler with three jobs, not started."""
    scheduler = Scheduler(url, timezone="Europe/Berlin")
    scheduler.register(nightly, "cron", hour=3, minute=30)
    scheduler.register(tick, "interval", seconds=5, start_date="2026-01-01T00:00:00")
    scheduler.register(tick, "crontab", "0 * * * *", id="resting", enabled=False)
    return scheduler


@pytest.fixture
def store(sqlite_url: str) -> str:
    """The URL of a store in which three jobs are stored and none runs."""
    with closing(declared(sqlite_url)) as scheduler:
        scheduler.start_all_jobs()
    return sqlite_url


@contextmanager
def reading(url: str) -> Iterator[Scheduler]:
    """What another process would see."""
    with closing(Scheduler(url)) as scheduler:
        yield scheduler


@contextmanager
def process(*arguments: str, cwd: Path, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """``gnomon`` in a process of its own, which is gone at the end."""
    started = subprocess.Popen(
        [sys.executable, "-m", "gnomon", *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": SOURCE, "PYTHONUNBUFFERED": "1", **environment},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        yield started
    finally:
        if started.poll() is None:
            started.send_signal(signal.SIGKILL)
        started.communicate(timeout=30)
