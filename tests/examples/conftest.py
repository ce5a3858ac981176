"""Each example as a real program: copied to a folder of its own, started as its first lines say, ended by SIGTERM."""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest

from gnomon import RunState, Scheduler
from tests.processes import ROOT, wait_until

EXAMPLES = ROOT / "examples"


@dataclass(frozen=True)
class Example:
    """An example's own copy. Its store is ``jobs.db`` in it, as it says."""

    folder: Path

    @property
    def store(self) -> str:
        return f"sqlite:///{self.folder / 'jobs.db'}"

    @property
    def environment(self) -> dict[str, str]:
        return {**os.environ, "PYTHONPATH": str(ROOT / "src"), "PYTHONUNBUFFERED": "1", "PYTHONDONTWRITEBYTECODE": "1"}

    def run(self, *command: str) -> str:
        """A command in its folder, to its end."""
        done = subprocess.run(
            self._in_this_python(command),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def process(self, *command: str, ends_with: int = 0) -> Iterator[subprocess.Popen[str]]:
        """A program in its folder, which SIGTERM ends cleanly, with all that it has started."""
        log = (self.folder / f"{Path(command[0]).name}.{len(list(self.folder.iterdir()))}.log").open("w+")
        started = subprocess.Popen(
            self._in_this_python(command),
            cwd=self.folder,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,  # its children are its group
        )
        try:
            try:
                yield started
                assert started.poll() is None, "it ended by itself"
                started.send_signal(signal.SIGTERM)
                code = started.wait(60)
            except BaseException as error:
                log.seek(0)
                error.add_note(log.read())
                raise
            log.seek(0)
            assert code == ends_with, log.read()
        finally:
            with log:
                with suppress(ProcessLookupError):
                    os.killpg(started.pid, signal.SIGKILL)  # whatever it has left behind
                started.wait()

    def scheduler(self) -> Scheduler:
        """What another process sees of its store."""
        return Scheduler(self.store)

    def nodes(self) -> list[str]:
        """The states of all nodes that ever joined."""
        if not (self.folder / "jobs.db").exists():
            return []
        with closing(self.scheduler()) as scheduler:
            return [node.state for node in scheduler.store.nodes.all()]

    def heartbeats(self) -> list[tuple[str, str]]:
        """What the job itself has left: (scheduled time, process)."""
        log = self.folder / "heartbeat.log"
        return [tuple(line.split()) for line in log.read_text().splitlines()] if log.exists() else []  # type: ignore[misc]

    def _in_this_python(self, command: tuple[str, ...]) -> list[str]:
        name, *arguments = command
        if name.endswith(".py"):
            return [sys.executable, *command]
        return [sys.executable, "-m", name, *arguments]


@pytest.fixture
def port() -> int:
    """A port that was free a moment ago."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        found: int = listener.getsockname()[1]
        return found


@pytest.fixture
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Example:
    """A copy of the example that the test module names."""
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLES / request.module.EXAMPLE, folder, ignore=shutil.ignore_patterns("__pycache__", "*.db*"))
    return Example(folder)


def answer(url: str) -> Any:
    """JSON from a server, once it is there."""
    found: list[Any] = []

    def ask() -> bool:
        try:
            response = httpx.get(url, timeout=10)
        except httpx.TransportError:
            return False
        assert response.status_code == 200, response.text
        found.append(response.json())
        return True

    wait_until(ask, what=url)
    return found[0]


def assert_each_time_ran_once(example: Example, evidence: list[tuple[str, str]]) -> None:
    """By the lines that the job itself has left, and by the ledger."""
    times = [scheduled_at for scheduled_at, _ in evidence]
    assert len(times) == len(set(times))
    with closing(example.scheduler()) as scheduler:
        runs = scheduler.runs("heartbeat", limit=1000)
    assert {run.state for run in runs} <= {RunState.SUCCEEDED, RunState.COALESCED}
    assert len(times) == sum(run.state is RunState.SUCCEEDED for run in runs)


def reschedule(example: Example, *words: str) -> None:
    """``gnomon set`` in a process of its own."""
    changed = example.run("gnomon", "set", "heartbeat", *words, "--yes", "--json", "--store", "jobs.db")
    assert json.loads(changed)["id"] == "heartbeat"
