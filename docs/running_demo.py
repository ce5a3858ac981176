"""``gnomon demo`` on a store of its own, for the pictures that are taken of it."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

_START_SECONDS = 30


@dataclass(frozen=True)
class Demo:
    """A demo that runs: its address, and the environment in which commands find its store from its folder."""

    folder: str
    address: str
    environment: dict[str, str]


@contextmanager
def running_demo(folder: str) -> Iterator[Demo]:
    """Start it in a folder, at a free port; stop it at the end."""
    # Not this machine's zone and user: the same pictures everywhere.
    environment = {
        **os.environ,
        "TZ": "Europe/Berlin",
        "GNOMON_STORE": "demo.db",
        "LOGNAME": "mia",
        "TERM": "xterm-256color",
    }
    command = [sys.executable, "-m", "gnomon", "demo", "--store", "sqlite:///demo.db", "--port", "0", "--no-open"]
    demo = subprocess.Popen(
        command, cwd=folder, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
    )
    try:
        yield Demo(folder, _address(demo), environment)
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.communicate()


def _address(demo: subprocess.Popen[str]) -> str:
    assert demo.stdout is not None
    deadline, said = time.monotonic() + _START_SECONDS, ""
    while "Ctrl-C stops" not in said:
        said += demo.stdout.readline()
        if demo.poll() is not None or time.monotonic() > deadline:
            raise SystemExit("the demo did not start; run `gnomon demo` to see why")
    found = re.search(r"http://[\d.]+:\d+", said)
    assert found is not None
    return found[0]
