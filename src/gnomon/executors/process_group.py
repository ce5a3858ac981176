"""Signals to a child process and to everything that it started."""

from __future__ import annotations

import contextlib
import os
import signal

GRACE = 2.0
"""Seconds between SIGTERM and SIGKILL, unless an executor was told otherwise."""


def signal_group(leader: int, number: signal.Signals) -> None:
    """Send a signal to the group of a child that leads one, or will in a moment.

    Call it only while the child has not been waited for: until then its number belongs to nobody else.
    """
    with contextlib.suppress(ProcessLookupError, PermissionError):
        try:
            os.killpg(leader, number)
        except ProcessLookupError:  # it has not become a leader yet
            os.kill(leader, number)


def signal_name(number: int) -> str:
    """``SIGKILL`` for 9."""
    try:
        return signal.Signals(number).name
    except ValueError:
        return f"signal {number}"
