"""Bringing what jobs print and log to their runs, and still to where it went before.

``sys.stdout`` and ``sys.stderr`` are replaced by streams that look whose code is writing, and log records are seen
where they are made (``logging.setLogRecordFactory``). A handler at the root logger would have been simpler, but with
one there ``logging.basicConfig()`` does nothing and warnings of an unconfigured application are no longer shown.

What goes past ``sys.stdout`` is not seen: ``sys.stdout.buffer``, and what C code or child processes write.
"""

from __future__ import annotations

import io
import logging
import sys
import threading
import time
from collections.abc import Callable, Iterable
from typing import Any, TextIO, cast

from gnomon.executors.attempt import HERE

_FRAMES_OF_LOGGING = 12
"""How far up the stack a write is looked at, to see whether a log handler does it."""

_lock = threading.Lock()
_holders = 0
_traceback_of = logging.Formatter().formatException


def install() -> None:
    """Begin, or take part. Each call is paired with one of ``remove``."""
    global _holders
    with _lock:
        _holders += 1
        if _holders == 1:
            _wrap_streams()
            _see_records()


def remove() -> None:
    """Stop taking part; the last one puts everything back."""
    global _holders
    with _lock:
        _holders -= 1
        if _holders == 0:
            _unwrap_streams()
            _unsee_records()


def ensure() -> None:
    """Wrap the streams again if somebody has replaced them meanwhile: pytest does, before each test."""
    if type(sys.stdout) is not _Stream or type(sys.stderr) is not _Stream:
        with _lock:
            if _holders:
                _wrap_streams()


class _Stream:
    """Stands in for a standard stream.

    Not an ``io.TextIOBase``: that one's finaliser closes. May outlive ``remove`` (somebody may hold it), and then
    only passes on.
    """

    def __init__(self, name: str, target: TextIO | None) -> None:
        self._name = name
        self._target = target

    def write(self, text: str) -> int:
        attempt = HERE.get()
        if attempt is not None and isinstance(text, str) and not (attempt.has_logged and _is_a_handler_writing()):
            attempt.keep(self._name, text)
        return len(text) if self._target is None else self._target.write(text)

    def writelines(self, lines: Iterable[str]) -> None:
        for line in lines:
            self.write(line)

    def flush(self) -> None:
        attempt = HERE.get()
        if attempt is not None:
            attempt.flush()
        if self._target is not None:
            self._target.flush()

    def isatty(self) -> bool:
        return self._target is not None and self._target.isatty()

    def fileno(self) -> int:
        if self._target is None:
            raise io.UnsupportedOperation("fileno")
        return self._target.fileno()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._target, name)

    def __repr__(self) -> str:
        return f"<{self._name} by way of Gnomon, to {self._target!r}>"


def _wrap_streams() -> None:
    if type(sys.stdout) is not _Stream:
        sys.stdout = cast(TextIO, _Stream("stdout", sys.stdout))
    if type(sys.stderr) is not _Stream:
        sys.stderr = cast(TextIO, _Stream("stderr", sys.stderr))


def _unwrap_streams() -> None:
    # Where somebody has put another stream in place since, that one stays.
    sys.stdout = _unwrapped(sys.stdout)
    sys.stderr = _unwrapped(sys.stderr)


def _unwrapped(stream: Any) -> Any:
    while type(stream) is _Stream:
        stream = stream._target
    return stream


class _RecordFactory:
    """Makes log records as before, and keeps those that a job logs."""

    def __init__(self, before: Callable[..., logging.LogRecord]) -> None:
        self.before = before

    def __call__(self, *args: Any, **kwargs: Any) -> logging.LogRecord:
        attempt = HERE.get()
        if attempt is None:
            return self.before(*args, **kwargs)
        # When somebody wraps us and we are installed again later, we stand in the chain twice: the outer one keeps.
        here = HERE.set(None)
        try:
            record = self.before(*args, **kwargs)
        finally:
            HERE.reset(here)
        if record.name:  # logging.makeLogRecord() makes empty ones, to be filled later
            attempt.has_logged = True
            attempt.keep("log", _line(record))
        return record


def _see_records() -> None:
    factory = logging.getLogRecordFactory()
    if not isinstance(factory, _RecordFactory):
        logging.setLogRecordFactory(_RecordFactory(factory))


def _unsee_records() -> None:
    factory = logging.getLogRecordFactory()
    if isinstance(factory, _RecordFactory):
        logging.setLogRecordFactory(factory.before)


def _line(record: logging.LogRecord) -> str:
    """``HH:MM:SS LEVEL logger: message`` in local time, as logging shows it, with the traceback if there is one."""
    try:
        message = record.getMessage()
    except Exception:  # arguments that do not fit; logging itself complains where the record is handled
        message = str(record.msg)
    lines = [f"{time.strftime('%H:%M:%S', time.localtime(record.created))} {record.levelname} {record.name}: {message}"]
    if record.exc_info and record.exc_info[0] is not None:
        lines.append(_traceback_of(record.exc_info))
    if record.stack_info:
        lines.append(record.stack_info)
    return "\n".join(lines) + "\n"


def _is_a_handler_writing() -> bool:
    """Whether this write shows a log record, which the run has already."""
    frame = sys._getframe(2)
    handling = logging.Logger.callHandlers.__code__
    for _ in range(_FRAMES_OF_LOGGING):
        if frame.f_code is handling:
            return True
        if frame.f_back is None:
            return False
        frame = frame.f_back
    return False
