"""What the code of a job can ask and tell of the run that it is in."""

from __future__ import annotations

import logging
import math
from collections.abc import MutableMapping
from datetime import datetime
from typing import Any

from gnomon.errors import InvalidInput, NoCurrentRun
from gnomon.executors.attempt import HERE, Attempt


class CurrentRun:
    """The run that this code belongs to."""

    __slots__ = ("_attempt",)

    def __init__(self, attempt: Attempt) -> None:
        self._attempt = attempt

    @property
    def id(self) -> int:
        """The run's number in the ledger. It stays the same over all attempts."""
        return self._attempt.execution.run_id

    @property
    def job_id(self) -> str:
        """The id of the job."""
        return self._attempt.execution.job_id

    @property
    def scheduled_at(self) -> datetime:
        """When the run was due (aware, UTC), which may be earlier than when it started."""
        return self._attempt.execution.scheduled_at

    @property
    def attempt(self) -> int:
        """1 for the first attempt, 2 for the first retry, and so on."""
        return self._attempt.execution.attempt

    @property
    def logger(self) -> logging.LoggerAdapter[logging.Logger]:
        """The logger ``gnomon.job.<job id>``.

        Its records are kept with the run from level INFO on, or lower where the logger is enabled for that, and go
        wherever the application's logging sends them. Works in threads that the job started, too.
        """
        return _RunLogger(self._attempt)

    @property
    def cancelled(self) -> bool:
        """Whether somebody asked the run to end.

        Code in a thread cannot be ended from outside: a job that may run long looks here now and then, and returns.
        A run that has looked and then ends, counts as cancelled.
        """
        if self._attempt.cancel_reason is None:
            return False
        self._attempt.cancel_seen = True
        return True

    def progress(self, done: float, total: float | None = None) -> None:
        """Tell how far the job is, in any unit. About ten a second are passed on, and always the last.

        Raises ``InvalidInput`` if a number is negative or not finite.
        """
        self._attempt.progressed(_checked("done", done), None if total is None else _checked("total", total))

    def __repr__(self) -> str:
        return f"<run {self.id} of {self.job_id!r}, attempt {self.attempt}>"


def current_run() -> CurrentRun:
    """The run that this code belongs to; raises ``NoCurrentRun`` outside of one.

    It is known in the job's function, in its asyncio tasks and in ``asyncio.to_thread``, not in threads that the job
    starts by itself: pass it to those.
    """
    attempt = HERE.get()
    if attempt is None:
        raise NoCurrentRun
    return CurrentRun(attempt)


def _checked(field: str, value: float) -> float:
    is_number = isinstance(value, (int, float)) and not isinstance(value, bool)
    try:
        if is_number and value >= 0 and math.isfinite(value):
            return value
    except OverflowError:  # an integer that no float can hold, and no column of the ledger either
        pass
    raise InvalidInput(field, value, "progress is told in numbers that are finite and not negative")


class _RunLogger(logging.LoggerAdapter[logging.Logger]):
    """Keeps records with one run, also where logging is not configured and INFO would go nowhere."""

    def __init__(self, attempt: Attempt) -> None:
        super().__init__(logging.getLogger(f"gnomon.job.{attempt.execution.job_id}"), {})
        self._attempt = attempt

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[Any, MutableMapping[str, Any]]:
        return msg, kwargs

    def isEnabledFor(self, level: int) -> bool:  # noqa: N802 - the name is logging's
        return level >= logging.INFO or self.logger.isEnabledFor(level)

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        if not self.isEnabledFor(level):
            return
        kwargs["stacklevel"] = kwargs.get("stacklevel", 1) + 1
        logger = self.logger if self.logger.isEnabledFor(level) else _for_the_run_only(self.logger.name)
        here = HERE.set(self._attempt)
        try:
            logger.log(level, msg, *args, **kwargs)
        finally:
            HERE.reset(here)


def _for_the_run_only(name: str) -> logging.Logger:
    """A logger outside of the tree: its records are made, and so kept with the run, but reach no handler."""
    logger = logging.Logger(name, logging.INFO)
    logger.addHandler(logging.NullHandler())
    return logger
