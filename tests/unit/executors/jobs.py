"""Jobs that worker processes import."""

from __future__ import annotations

import contextlib
import logging
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from gnomon.executors import current_run


def nothing() -> None:
    """Returns at once."""


def add(one: int, two: int) -> int:
    return one + two


def fail() -> None:
    raise ValueError("no such report")


class Picky(Exception):
    """Cannot be made again from its args, so not be unpickled."""

    def __init__(self, one: int, two: int) -> None:
        super().__init__("picky")


def fail_pickily() -> None:
    raise Picky(1, 2)


def unpicklable() -> Any:
    return lambda: None


def exit_with(code: int) -> None:
    sys.exit(code)


def die_with(code: int) -> None:
    os._exit(code)


def kill_itself() -> None:
    print("about to die")
    os.kill(os.getpid(), signal.SIGKILL)


def process_id() -> int:
    return os.getpid()


def tell() -> tuple[int, str, int, str]:
    run = current_run()
    run.progress(1, 4)
    print("printed")
    print("complained", file=sys.stderr)
    run.logger.info("logged %s", "politely")
    logging.getLogger("elsewhere").warning("warned")
    return run.id, run.job_id, run.attempt, run.scheduled_at.isoformat()


def sleep(seconds: float, evidence: str = "") -> None:
    """Writes a line at its start, and one when it is ended in order."""
    print("asleep", flush=True)
    try:
        time.sleep(seconds)
    finally:
        print("tidied up")
        if evidence:
            Path(evidence).write_text("tidied up")


def ignore_the_end() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    print("deaf", flush=True)
    time.sleep(60)


def leave_a_child(evidence: str) -> None:
    """Starts a process that ignores SIGTERM, and waits for it."""
    child = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(1, flush=True); time.sleep(60)",
        ],
        stdout=subprocess.PIPE,
    )
    assert child.stdout is not None
    child.stdout.readline()
    Path(evidence).write_text(str(child.pid))
    print("has a child", flush=True)
    child.wait()


def print_much(lines: int) -> None:
    for _ in range(lines):
        print("x" * 99)


def have_a_child_by_multiprocessing() -> int:
    import multiprocessing

    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(add, (1, 2))


def is_alive(process: int) -> bool:
    """Whether a process exists that is not a zombie."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    return False


async def coroutine() -> None:
    """Not for processes."""
