"""How late runs start, in three numbers."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from gnomon.domain.declaration import Retries
from gnomon.engine import lateness
from gnomon.engine.claims import ClaimedRun
from gnomon.engine.lateness import Lateness
from gnomon.executors.contract import Execution

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def late(seconds: float) -> ClaimedRun:
    """A run that might have started so long before noon."""
    execution = Execution(
        run_id=1, job_id="job", scheduled_at=NOON, attempt=1, func=print, args=(), kwargs={}, timeout=None
    )
    return ClaimedRun(execution, "node", "threads", Retries(), NOON - timedelta(seconds=seconds))


def test_nothing_is_said_where_nothing_started() -> None:
    empty = Lateness()
    empty.note([], NOON)
    assert empty.summary() == {"starts": 0, "median_seconds": None, "max_seconds": None}


def test_half_of_the_starts_and_the_latest_are_told() -> None:
    starts = Lateness()
    starts.note([late(1), late(2)], NOON)
    starts.note([late(9)], NOON)
    assert starts.summary() == {"starts": 3, "median_seconds": 2.0, "max_seconds": 9.0}


def test_the_latest_is_found_among_thousands() -> None:
    starts = Lateness()
    starts.note([late(0.5)] * 999 + [late(60)], NOON)
    assert starts.summary() == {"starts": 1000, "median_seconds": 0.5, "max_seconds": 60.0}


def test_a_clock_that_went_back_makes_nothing_early() -> None:
    starts = Lateness()
    starts.note([late(-3600)], NOON)
    assert starts.summary() == {"starts": 1, "median_seconds": 0.0, "max_seconds": 0.0}


def test_what_started_more_than_a_minute_ago_counts_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    now = 1000.0
    monkeypatch.setattr(lateness.time, "monotonic", lambda: now)
    starts = Lateness()
    starts.note([late(9)], NOON)
    now += 61
    starts.note([late(1)], NOON)
    assert starts.summary() == {"starts": 1, "median_seconds": 1.0, "max_seconds": 1.0}
