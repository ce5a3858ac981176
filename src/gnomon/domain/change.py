"""A change: one line of the audit log."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from typing import Any


class Origin(StrEnum):
    """Where a change came from."""

    PYTHON = "python"
    API = "api"
    CLI = "cli"
    PAGE = "page"
    START = "start"
    """A start of the program, with other declarations."""
    EXPIRY = "expiry"
    """The time of an override was over."""
    OUTSIDE = "outside"
    """Another program wrote the row; when and by whom is not known."""


@dataclass(frozen=True, slots=True)
class Author:
    """Who makes a change, from where, and why."""

    actor: str = "python"
    origin: Origin = Origin.PYTHON
    reason: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Change:
    """Who changed what, from what, to what, why, from where. ``before`` and ``after`` hold the fields that differ.

    ``token`` is that of the schedule before the change, so who holds an old one can be told what was changed since.
    ``key`` is made before the change is written: where the answer to its COMMIT is lost, it is looked for. ``run_id``
    is set where the change is about a run of the job: actions ``run``, ``cancel`` and ``retry``.
    """

    key: str
    job_id: str
    at: datetime
    author: Author
    action: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]
    token: str | None = None
    id: int | None = None
    run_id: int | None = None
