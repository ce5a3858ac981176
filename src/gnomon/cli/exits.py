"""Exit codes, and which error gives which."""

from __future__ import annotations

from enum import IntEnum

from gnomon.errors import (
    CalendarNotFound,
    ChangeNotFound,
    GnomonError,
    InvalidInput,
    JobNotFound,
    RunNotFound,
    TargetError,
    TaskNotFound,
    TokenNotFound,
)


class ExitCode(IntEnum):
    """What a script can tell from the end of a command."""

    OK = 0
    FAILED = 1
    BAD_INPUT = 2
    NOT_FOUND = 3
    INTERRUPTED = 130


EXIT_CODES = (
    "Exit codes: 0 done · 1 refused or failed (store not reachable, change refused, run failed) · "
    "2 bad input · 3 no such job, run, task, calendar or token"
)


class BadUsage(GnomonError):
    """The command cannot be carried out as it was given."""


class Declined(GnomonError):
    """Somebody was asked and said no."""


class SomeFailed(GnomonError):
    """Of several things that were asked for, some were refused; each was told by itself."""

    def __init__(self, first: GnomonError, message: str) -> None:
        super().__init__(message)
        self.first = first


def exit_code_of(error: GnomonError) -> ExitCode:
    """The exit code that stands for an error."""
    if isinstance(error, JobNotFound | RunNotFound | ChangeNotFound | TaskNotFound | CalendarNotFound | TokenNotFound):
        return ExitCode.NOT_FOUND
    if isinstance(error, InvalidInput | TargetError | BadUsage):
        return ExitCode.BAD_INPUT
    return ExitCode.FAILED
