"""Clocks that jump, and nodes whose clocks differ: nothing fires twice, nothing is left without a line, no storm."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gnomon import RunState
from tests.faults.ledger_checks import check_ledger, unresolved
from tests.faults.nodes import SECOND, declared, fired_since, running, wait_until_settled
from tests.jobs import starts
from tests.processes import wait_until

pytestmark = pytest.mark.slow

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
#: As ``declared`` makes them.
JOBS = 3


class ShiftedClock:
    """The machine's clock, moved by a shift that can change."""

    def __init__(self, shift: timedelta = timedelta()) -> None:
        self.shift = shift

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.shift


@pytest.mark.parametrize("shift", [-HOUR, DAY], ids=["an hour back", "a day ahead"])
def test_the_clock_of_one_node_jumps(migrated_url: str, tmp_path: Path, shift: timedelta) -> None:
    clock = ShiftedClock()
    right = declared(migrated_url, tmp_path, clock=ShiftedClock())
    with running(declared(migrated_url, tmp_path, clock=clock)) as wrong, running(right):
        wait_until(lambda: fired_since(right, right.store.database.now() - SECOND), what="runs on both")
        names = {node.id for node in right.store.nodes.alive()}
        before = len(right.runs(limit=10_000))
        clock.shift = shift
        if shift > timedelta():
            # The schedule follows the clock that runs ahead, and what it passed over is accounted for.
            wait_until(lambda: fired_since(right, right.store.database.now() + DAY - HOUR), what="runs a day ahead")
        else:
            wait_until_settled(right)
        written = len(right.runs(limit=10_000)) - before
        assert {node.id for node in right.store.nodes.alive()} == names, "a clock made somebody dead"
        clock.shift = timedelta()
        wait_until(lambda: not unresolved(right, before=datetime.now(UTC) + 2 * DAY), what="the settling of all")
        wrong.shutdown()
        right.shutdown()
        runs = check_ledger(right, tmp_path, every=SECOND)
    assert written < JOBS * 120, "a storm"  # a line a second, for as long as a test may take
    assert RunState.LOST not in {run.state for run in runs}
    assert max(Counter((job_id, at) for job_id, at, _, _ in starts(tmp_path)).values()) == 1


def test_two_nodes_with_different_clocks_share_one_store(migrated_url: str, tmp_path: Path) -> None:
    """The one that is ahead claims first; the other finds nothing due, and never fires an hour of old times."""
    behind = declared(migrated_url, tmp_path, clock=ShiftedClock(-HOUR))
    ahead = declared(migrated_url, tmp_path, clock=ShiftedClock())
    ahead.start_all_jobs()
    with running(behind), running(ahead):
        wait_until_settled(ahead)
        wait_until_settled(ahead)
        assert {node.id for node in ahead.store.nodes.alive()} == {
            scheduler.engine.lease.node_id for scheduler in (behind, ahead)
        }
        behind.shutdown()
        ahead.shutdown()
        runs = check_ledger(ahead, tmp_path, every=SECOND)
    assert {run.state for run in runs} <= {RunState.SUCCEEDED, RunState.COALESCED, RunState.SKIPPED, RunState.QUEUED}
