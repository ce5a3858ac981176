"""The audit log as programs read it."""

from __future__ import annotations

from typing import Any

from gnomon.domain.change import Change


def change_dict(change: Change) -> dict[str, Any]:
    """A line of the audit log, JSON-ready."""
    return {
        "id": change.id,
        "job_id": change.job_id,
        "at": change.at.isoformat(),
        "action": change.action,
        "actor": change.author.actor,
        "origin": change.author.origin.value,
        "reason": change.author.reason,
        "before": dict(change.before),
        "after": dict(change.after),
    }
