"""An override: one field that an operator changed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any


@dataclass(frozen=True, slots=True, kw_only=True)
class Override:
    """``field`` is ``trigger``, ``enabled``, ``misfire_grace_time``, ``coalesce`` or ``max_instances``; it was changed
    from ``base``, which the code declared then, to ``value``. Both are JSON."""

    job_id: str
    field: str
    value: Any
    base: Any
    actor: str
    reason: str | None
    changed_at: datetime
    expires_at: datetime | None = None
