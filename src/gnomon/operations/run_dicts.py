"""Runs as people read them: JSON-ready dicts."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from gnomon.domain.run import Run


def run_summary(run: Run) -> dict[str, Any]:
    """A run in a few fields, JSON-ready."""
    return {
        "id": run.id,
        "state": run.state.value,
        "scheduled_at": iso(run.scheduled_at),
        "started_at": iso(run.started_at),
        "finished_at": iso(run.finished_at),
    }


def run_dict(run: Run) -> dict[str, Any]:
    """A run whole, JSON-ready."""
    return {
        "id": run.id,
        "job_id": run.job_id,
        "state": run.state.value,
        "cause": run.cause.value,
        "attempt": run.attempt,
        "node": run.node,
        "scheduled_at": iso(run.scheduled_at),
        "not_before": iso(run.not_before),
        "created_at": iso(run.created_at),
        "started_at": iso(run.started_at),
        "finished_at": iso(run.finished_at),
        "covers": run.covers,
        "covers_until": iso(run.covers_until),
        "error": run.error,
        "progress": None if run.progress_done is None else {"done": run.progress_done, "total": run.progress_total},
        "cancel_requested": None
        if run.cancel_requested_at is None
        else {"at": iso(run.cancel_requested_at), "by": run.cancel_requested_by},
    }


def iso(moment: datetime | None) -> str | None:
    """A moment as JSON has it: ISO 8601 in UTC."""
    return None if moment is None else moment.astimezone(UTC).isoformat()
