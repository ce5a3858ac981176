"""How an attempt ended, in words for people."""

from __future__ import annotations

import asyncio
import os
import traceback
from types import TracebackType
from typing import Any

from gnomon.domain.run import RunState
from gnomon.executors.contract import Outcome
from gnomon.executors.storable import shortened, storable

ERROR_LIMIT = 16 * 1024
"""Bytes of an error that are kept."""

SHUT_DOWN = "cancelled because Gnomon was shut down"
ASKED = "cancelled on request"

_HERE = os.path.dirname(os.path.abspath(__file__)) + os.sep
_NOTHING_TO_SAY = Outcome(RunState.SUCCEEDED)


def succeeded(result: Any = None) -> Outcome:
    """The function returned."""
    return _NOTHING_TO_SAY if result is None else Outcome(RunState.SUCCEEDED, result=result)


def failed(error: str, exception: BaseException | None = None) -> Outcome:
    """It did not work, and ``error`` says why."""
    return Outcome(RunState.FAILED, shortened(error, ERROR_LIMIT), exception)


def timed_out(seconds: float) -> Outcome:
    """It was ended because it took longer than its timeout."""
    return Outcome(RunState.TIMED_OUT, f"timed out after {seconds:g} s")


def cancelled(reason: str, error: str | None = None) -> Outcome:
    """It was ended, or never started, because somebody asked for that."""
    text = reason if error is None else f"{error.rstrip()}\n{reason}"
    return Outcome(RunState.CANCELLED, shortened(text, ERROR_LIMIT))


def raised(exception: BaseException) -> Outcome:
    """The function raised: ``cancelled`` for ``asyncio.CancelledError``, ``failed`` for everything else.

    That includes ``SystemExit`` and ``KeyboardInterrupt``: a job ends its run, not the process.
    """
    if isinstance(exception, asyncio.CancelledError):
        return Outcome(RunState.CANCELLED, storable(str(exception)) or "cancelled", exception)
    exception.__traceback__ = _without_ours(exception.__traceback__)
    return Outcome(RunState.FAILED, _described(exception), exception)


def _without_ours(trace: TracebackType | None) -> TracebackType | None:
    """The traceback from the first frame that is not of this package: the job's author knows the rest."""
    while trace is not None and trace.tb_frame.f_code.co_filename.startswith(_HERE):
        trace = trace.tb_next
    return trace


def _described(exception: BaseException) -> str:
    try:
        text = "".join(traceback.format_exception(exception))
        if isinstance(exception, SystemExit):
            text += "the job called sys.exit(); a job ends by returning, or by raising an error\n"
        return shortened(text.rstrip("\n"), ERROR_LIMIT)
    except Exception:  # an exception class can be broken in ways that traceback does not catch
        return f"{type(exception).__name__} (it could not be shown)"
