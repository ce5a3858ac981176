"""Where the time of a step goes: a profile of every thread that starts in it."""

from __future__ import annotations

import cProfile
import pstats
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType


@contextmanager
def profiled(path: str | None) -> Iterator[None]:
    """Write what the threads that start inside did, each under its name, into a file; without a path do nothing.

    Threads must have ended when this ends. A profile slows Python code down more than what waits in C code.
    """
    if path is None:
        yield
        return
    if sys.version_info >= (3, 12):
        sys.exit("from Python 3.12 on there can be one profile at a time, not one a thread; run this with Python 3.11")
    profiles: list[tuple[str, cProfile.Profile]] = []

    def begin(_frame: FrameType, _event: str, _argument: object) -> None:
        profile = cProfile.Profile()
        profiles.append((threading.current_thread().name, profile))
        profile.enable()

    threading.setprofile(begin)
    try:
        yield
    finally:
        threading.setprofile(None)
    with open(path, "w") as file:
        for name, profile in profiles:
            file.write(f"==== thread {name}\n")
            pstats.Stats(profile, stream=file).sort_stats("tottime").print_stats(40)
