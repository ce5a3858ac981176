"""Which processes have a file open, as far as this machine tells."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

_PROCESSES = Path("/proc")
_LONGEST_COMMAND = 60


def processes_with(path: Path) -> list[str]:
    """Other processes that have a file open, each as ``command (process 123)``.

    Known on Linux only, and there of processes of the same user; root sees all. A program that opens the file anew for
    each use, as SQLAlchemy before 2.0 does, is seen only while it uses it.
    """
    try:
        wanted = path.stat()
    except OSError:
        return []
    me = os.getpid()
    return [f"{_command(pid)} (process {pid})" for pid in _process_ids() if pid != me and _has_open(pid, wanted)]


def _process_ids() -> Iterator[int]:
    try:
        yield from sorted(int(entry.name) for entry in _PROCESSES.iterdir() if entry.name.isdecimal())
    except OSError:
        return


def _has_open(pid: int, wanted: os.stat_result) -> bool:
    try:
        descriptors = list((_PROCESSES / str(pid) / "fd").iterdir())
    except OSError:  # it belongs to somebody else, or has ended
        return False
    for descriptor in descriptors:
        try:
            found = descriptor.stat()
        except OSError:
            continue
        if (found.st_dev, found.st_ino) == (wanted.st_dev, wanted.st_ino):
            return True
    return False


def _command(pid: int) -> str:
    try:
        words = (_PROCESSES / str(pid) / "cmdline").read_bytes().split(b"\0")
    except OSError:
        return "a program"
    return b" ".join(words).decode(errors="replace").strip()[:_LONGEST_COMMAND] or "a program"
