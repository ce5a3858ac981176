"""A declaration: what the code says of a job. Code says *what* runs; the store says *when*."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from apscheduler.triggers.base import BaseTrigger

from gnomon.domain.calendar import check_calendar_name
from gnomon.domain.triggers import describe
from gnomon.errors import InvalidInput

#: Seconds that a run may be late and still start. A miss is a line in the ledger, but no work is dropped for a
#: restart or a busy minute.
DEFAULT_MISFIRE_GRACE_TIME = 3600

_LONGEST_RETRY_DELAY = 3600.0
_LONGEST_GRACE = 5 * 366 * 86400


@dataclass(frozen=True, slots=True, kw_only=True)
class Retries:
    """How often a failed attempt is tried again, and how long to wait before.

    The wait before attempt ``n + 1`` is ``delay * backoff ** (n - 1)`` seconds, at most an hour.
    """

    count: int = 0
    delay: float = 10.0
    backoff: float = 2.0

    def wait_after(self, attempt: int) -> float | None:
        """Seconds until the next attempt, ``None`` if ``attempt`` (counted from 1) was the last."""
        if attempt > self.count:
            return None
        return float(min(self.delay * self.backoff ** min(attempt - 1, 64), _LONGEST_RETRY_DELAY))


@dataclass(frozen=True, kw_only=True)
class Declaration:
    """One job as the code declares it.

    ``fixed_start`` is whether the trigger's start date was written in the code; a start that was only "now" is not
    part of the declaration, or each start of the program would declare something else.
    ``timeout`` is in seconds. ``rerun_lost`` turns at-most-once into at-least-once for this job.
    """

    job_id: str
    func: Callable[..., Any]
    trigger: BaseTrigger
    fixed_start: bool = True
    name: str
    description: str = ""
    enabled: bool = True
    misfire_grace_time: int | None = DEFAULT_MISFIRE_GRACE_TIME
    coalesce: bool = True
    max_instances: int = 1
    calendar: str | None = None
    executor: str = "threads"
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)
    retries: Retries = field(default_factory=Retries)
    timeout: float | None = None
    rerun_lost: bool = False

    def __post_init__(self) -> None:
        check_job_id(self.job_id)
        check_policies(
            misfire_grace_time=self.misfire_grace_time,
            coalesce=self.coalesce,
            max_instances=self.max_instances,
            calendar=self.calendar,
        )
        check_attempts(self.timeout, self.retries)

    def base(self) -> dict[str, Any]:
        """The declared values as JSON: what is stored at each start, for comparing with the next one."""
        described = describe(self.trigger)
        trigger_args = dict(described.args)
        if not self.fixed_start:
            trigger_args.pop("start_date", None)
        return {
            "name": self.name,
            "description": self.description,
            "trigger": described.kind,
            "trigger_args": trigger_args,
            "enabled": self.enabled,
            "misfire_grace_time": self.misfire_grace_time,
            "coalesce": self.coalesce,
            "max_instances": self.max_instances,
            "calendar": self.calendar,
            "executor": self.executor,
            "retries": self.retries.count,
            "timeout": self.timeout,
            "rerun_lost": self.rerun_lost,
        }

    @cached_property
    def text(self) -> str:
        """``base`` as it is stored: the same text for the same declaration."""
        return json.dumps(self.base(), sort_keys=True, separators=(",", ":"))


def check_job_id(job_id: object) -> None:
    """An id fits APScheduler's column (191 characters), a URL path segment and a log line."""
    allowed = "give 1 to 191 printable characters, no slash, no blank at either end"
    if not isinstance(job_id, str) or not 0 < len(job_id) <= 191:
        raise InvalidInput("id", job_id, allowed)
    if not job_id.isprintable() or "/" in job_id or job_id != job_id.strip() or job_id in {".", ".."}:
        raise InvalidInput("id", job_id, allowed)


def check_attempts(timeout: float | None, retries: Retries) -> None:
    """Check how long an attempt may take and how often it is tried again. Raises ``InvalidInput`` naming the field."""
    if timeout is not None and not 0 < timeout <= 30 * 86400:
        raise InvalidInput("timeout", timeout, "give seconds above 0 and up to 30 days, or None for no limit")
    if not 0 <= retries.count <= 1000:
        raise InvalidInput("retries", retries.count, "give a number from 0 to 1000")
    if not 0 <= retries.delay <= 86400:
        raise InvalidInput("retry_delay", retries.delay, "give seconds from 0 to 86400")
    if not 1 <= retries.backoff <= 100:
        raise InvalidInput("retry_backoff", retries.backoff, "give a factor from 1 to 100")


def check_policies(**policies: object) -> None:
    """Check the policies of a job that an operator may change. Raises ``InvalidInput`` naming the field."""
    for field_name, value in policies.items():
        _CHECKS[field_name](value)


def _check_misfire_grace_time(value: object) -> None:
    if value is None:
        return
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= _LONGEST_GRACE:
        raise InvalidInput(
            "misfire_grace_time", value, "give whole seconds above 0 up to five years, or None for no limit"
        )


def _check_coalesce(value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidInput("coalesce", value, "give true or false")


def _check_enabled(value: object) -> None:
    if not isinstance(value, bool):
        raise InvalidInput("enabled", value, "give true or false")


def _check_max_instances(value: object) -> None:
    if isinstance(value, bool) or not isinstance(value, int) or not 0 < value <= 1000:
        raise InvalidInput("max_instances", value, "give a whole number from 1 to 1000")


def _check_calendar(value: object) -> None:
    if value is not None:
        check_calendar_name(value)


_CHECKS: dict[str, Callable[[object], None]] = {
    "misfire_grace_time": _check_misfire_grace_time,
    "coalesce": _check_coalesce,
    "max_instances": _check_max_instances,
    "enabled": _check_enabled,
    "calendar": _check_calendar,
}
