"""Other processes that tests start: Python code that runs beside the test, and is ended by its id."""

from __future__ import annotations

import os
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).parents[1]


def python(code: str, *args: str, stdin: bool = False) -> subprocess.Popen[str]:
    """Run code in a process of its own, with the checkout's root on its path; with ``stdin``, the test writes to it."""
    return subprocess.Popen(
        [sys.executable, "-W", "error::ResourceWarning", "-c", textwrap.dedent(code), *args],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE if stdin else None,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def output_of(code: str, *args: str) -> str:
    """Run code to its end; return what it printed. A failure shows its errors."""
    process = python(code, *args)
    out, err = process.communicate(timeout=100)
    assert process.returncode == 0, err
    return out


def wait_until(condition: Callable[[], object], *, seconds: float = 60, what: str = "it") -> None:
    """Wait for something that will come; fail if it does not."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"{what} did not come about in {seconds} s"
        time.sleep(0.02)
