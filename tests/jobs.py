"""Functions that tests declare as jobs. At module level, so that other processes find them."""

from __future__ import annotations

import os
import time
from pathlib import Path

from gnomon import current_run


def nothing() -> None:
    """Do nothing."""


def evidence(folder: str) -> None:
    """Leave a line that says that this run started: in a file of this process, written before anything else.

    The evidence is the job's own; the ledger is what is checked against it.
    """
    run = current_run()
    line = f"{run.job_id}\t{int(run.scheduled_at.timestamp() * 1_000_000)}\t{run.attempt}\t{run.id}\n"
    descriptor = os.open(Path(folder) / f"{os.getpid()}.log", os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(descriptor, line.encode())
    finally:
        os.close(descriptor)


def starts(folder: Path) -> list[tuple[str, int, int, int]]:
    """What ``evidence`` left: (job id, scheduled time in microseconds, attempt, run id) of each start."""
    found = []
    for file in folder.glob("*.log"):
        for line in file.read_text().splitlines():
            job_id, scheduled_at, attempt, run_id = line.split("\t")
            found.append((job_id, int(scheduled_at), int(attempt), int(run_id)))
    return found


def sleep_a_minute() -> None:
    """Outlive the test."""
    time.sleep(60)


def fail() -> None:
    """Raise."""
    raise RuntimeError("this job always fails")


def talk() -> None:
    """Write now and then, and come to an end."""
    for step in range(4):
        print(f"step {step} of 4", flush=True)
        current_run().progress(step, 4)
        time.sleep(0.5)
    print("that was all")
