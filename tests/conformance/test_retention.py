"""A node that lives prunes the ledger by itself, by its settings, and keeps the newest run of each job."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from gnomon import RunState, Scheduler, Settings
from gnomon.domain.ledger import Line
from gnomon.domain.run import Cause
from tests.processes import wait_until

DAYS = [40, 35, 31, 3, 2, 1]


@pytest.mark.parametrize(
    ("keep", "kept"),
    [
        ({"keep_days": 30}, {"busy": [3, 2, 1], "seldom": [31]}),
        ({"keep_days": 999, "keep_runs": 2}, {"busy": [2, 1], "seldom": [35, 31]}),
    ],
    ids=["by age", "by number"],
)
def test_old_runs_are_forgotten_while_a_node_lives(
    another_scheduler: Callable[..., Scheduler], keep: dict[str, float], kept: dict[str, list[int]]
) -> None:
    scheduler = another_scheduler(clock=None, settings=Settings(heartbeat=0.1, **keep))
    scheduler.open()
    now = scheduler.store.database.now()
    for job_id, days in (("busy", DAYS), ("seldom", DAYS[:3])):
        for day in days:
            at = now - timedelta(days=day)
            line = Line(
                job_id=job_id, scheduled_at=at, state=RunState.SKIPPED, cause=Cause.SCHEDULE, node=None, not_before=at
            )
            scheduler.store.ledger.insert([line], at=at)

    def left() -> dict[str, list[int]]:
        found: dict[str, list[int]] = {}
        for run in reversed(scheduler.runs(limit=100)):
            found.setdefault(run.job_id, []).append((now - run.scheduled_at).days)
        return {job_id: sorted(days, reverse=True) for job_id, days in found.items()}

    assert left() == {"busy": DAYS, "seldom": DAYS[:3]}
    with scheduler:
        wait_until(lambda: left() == kept, what="what is to be kept")
