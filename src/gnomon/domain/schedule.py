"""A schedule: what the stored row says will fire."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from types import MappingProxyType
from typing import Any, NamedTuple

import orjson
from apscheduler.triggers.base import BaseTrigger

from gnomon.domain.times import from_seconds
from gnomon.domain.triggers import TriggerDescription, describe
from gnomon.errors import RowRefused, shown

_MOST_SUPERSEDED = 20


@dataclass(frozen=True, slots=True, kw_only=True)
class Schedule:
    """Everything of a job's row but its next run time, which changes with every fire.

    ``func`` is the textual reference ``module:qualified.name``; it is never imported to read a schedule.
    ``misfire_grace_time`` is in seconds, ``None`` for no limit.
    """

    job_id: str
    name: str
    func: str
    trigger: BaseTrigger
    executor: str
    misfire_grace_time: int | None
    coalesce: bool
    max_instances: int
    args: tuple[Any, ...] = ()
    kwargs: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class StoredJob:
    """A decoded row: the schedule and the nominal next run time (aware, in the trigger's zone; ``None`` = none)."""

    schedule: Schedule
    next_run_time: datetime | None


class JobRow(NamedTuple):
    """A row as it stands: ``next_run_time`` is the column, in seconds since 1970 (UTC)."""

    id: str
    next_run_time: float | None
    job_state: bytes


class StoredDeclaration(NamedTuple):
    """What the code said at its last start (JSON), and the token of the schedule as Gnomon last wrote it.

    ``superseded`` are the versions of declarations that newer ones took the place of, the oldest first."""

    text: str
    token: str
    declared_at: datetime
    superseded: tuple[str, ...] = ()

    @property
    def base(self) -> Mapping[str, Any]:
        """The declared values."""
        return _parsed(self.text)

    def superseded_by(self, job_id: str, text: str) -> tuple[str, ...]:
        """The versions that a declaration comes after which takes the place of this one, the newest of them."""
        if text == self.text:
            return self.superseded
        ours = version_of(job_id, text)
        kept = [version for version in self.superseded if version != ours]
        return (*kept, version_of(job_id, self.text))[-_MOST_SUPERSEDED:]

    def is_ahead_of(self, job_id: str, text: str, lives: Callable[[str, datetime], bool]) -> bool:
        """Whether a declaration is that of older code: it was superseded, while what came after it lives, or may be
        just starting. ``lives`` is given a version, and since when that is declared."""
        if version_of(job_id, text) not in self.superseded:
            return False
        return lives(version_of(job_id, self.text), self.declared_at)


def version_of(job_id: str, text: str) -> str:
    """Names a declaration: the same for the same job and text."""
    return hashlib.blake2b(f"{job_id}\0{text}".encode(), digest_size=6).hexdigest()


class DeclaredRow(NamedTuple):
    """A row and what is stored of its declaration (``base`` as JSON text, ``token``), ``None`` where there is none."""

    id: str
    next_run_time: float | None
    job_state: bytes
    base: str | None
    token: str | None

    @classmethod
    def of(cls, row: JobRow, declaration: StoredDeclaration | None) -> DeclaredRow:
        """Of a row and a declaration that were read each by itself."""
        return cls(*row, *(declaration[:2] if declaration is not None else (None, None)))

    @property
    def row(self) -> JobRow:
        """The row alone."""
        return JobRow(self.id, self.next_run_time, self.job_state)

    @property
    def declared(self) -> Mapping[str, Any]:
        """The declared values; none of a job that was never declared."""
        return declared_values(self.base)


def declared_values(base: str | None) -> Mapping[str, Any]:
    """The values of a stored declaration (JSON); none where there is none."""
    return _parsed(base) if base is not None else _NOTHING


_NOTHING: Mapping[str, Any] = MappingProxyType({})


@lru_cache(maxsize=20_000)
def _parsed(text: str) -> Mapping[str, Any]:
    """A pure function of the text, which is why it may be remembered. Nobody changes it."""
    return MappingProxyType(json.loads(text))


def effective_next_run_time(row: JobRow, stored: StoredJob) -> datetime | None:
    """When the row will fire. The column selects it and the pickled time is what then runs; where somebody wrote only
    one of them, the later counts, and none if either is none. Raises ``RowRefused`` for a column that holds no time."""
    if row.next_run_time is None or stored.next_run_time is None:
        return None
    try:
        column = from_seconds(row.next_run_time)
    except ValueError:
        raise RowRefused(f"its next_run_time is {shown(row.next_run_time)}, which is no time") from None
    if column - stored.next_run_time < timedelta(milliseconds=1):
        return stored.next_run_time
    return column.astimezone(stored.next_run_time.tzinfo)


def token(
    schedule: Schedule,
    enabled: bool,
    described: TriggerDescription | None = None,
    arguments: Mapping[str, Any] | None = None,
    *,
    calendar: str | None = None,
) -> str:
    """Digest of the fields that an operator can see and change; ``calendar`` stands beside the row.

    It changes exactly when one of them does, and not when the job fires: the next run time is not part of it.
    ``described`` spares describing the trigger again; ``arguments`` are those that an operator gave to a task.
    """
    trigger = described or describe(schedule.trigger)
    seen = [
        schedule.job_id,
        schedule.name,
        trigger.kind,
        trigger.args,
        enabled,
        schedule.misfire_grace_time,
        schedule.coalesce,
        schedule.max_instances,
        schedule.executor,
        *(() if calendar is None else (calendar,)),
    ]
    if arguments is not None:
        seen.append(arguments)
    return hashlib.blake2b(_canonical(seen), digest_size=12).hexdigest()


def _canonical(values: Any) -> bytes:
    """JSON in ASCII, the same for the same values. Text beyond that is written as tokens that are stored already were
    made from; the faster encoder writes it otherwise."""
    with suppress(TypeError):  # integers beyond 64 bits, and halves of characters
        written = orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
        if written.isascii():
            return written
    return json.dumps(values, sort_keys=True, separators=(",", ":")).encode()
