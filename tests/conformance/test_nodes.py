"""Who is alive, what they run, how late they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest

from gnomon import RunState, Scheduler, Settings
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import nothing
from tests.processes import wait_until

ONE = NOON + timedelta(hours=1)


def beaten(scheduler: Scheduler) -> dict[str, object]:
    """The node as it stands after another sign of life."""
    scheduler.engine.lease._beat()
    (node,) = [node for node in scheduler.nodes() if node["id"] == scheduler.engine.lease.node_id]
    return node


def test_what_a_node_runs_and_holds_is_counted(another_engine: Callable[..., ManualEngine], gate: Event) -> None:
    engine = another_engine(settings=Settings(threads=1))
    scheduler = engine.scheduler
    for job_id in ("one", "two", "three"):
        scheduler.register(lambda: gate.wait(30), "cron", id=job_id, hour=13)
    engine.clock.set(ONE)
    engine.step(wait=False)
    wait_until(lambda: scheduler.runs(states=[RunState.RUNNING]))
    node = beaten(scheduler)
    assert (node["state"], node["running"], node["queued"]) == ("alive", 1, 2)
    assert node["health"]["loop"] == "ok"  # type: ignore[index]
    assert json.loads(json.dumps(node)) == node
    gate.set()
    engine.settle()
    assert (beaten(scheduler)["running"], beaten(scheduler)["queued"]) == (0, 0)


def test_how_late_runs_start_is_told(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", hour=13)
    assert beaten(scheduler)["lateness"] == {"starts": 0, "median_seconds": None, "max_seconds": None}
    engine.clock.set(ONE + timedelta(seconds=7))
    engine.step()
    assert beaten(scheduler)["lateness"] == {"starts": 1, "median_seconds": 7.0, "max_seconds": 7.0}
    scheduler.run_job("job")
    engine.step()
    assert beaten(scheduler)["lateness"] == {"starts": 2, "median_seconds": 3.5, "max_seconds": 7.0}


@pytest.mark.parametrize("ahead", [-90, 0, 30])
def test_how_far_the_clock_is_off_is_told(scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch, ahead: int) -> None:
    database = scheduler.store.database
    monkeypatch.setattr(database, "local_now", lambda: database.now() + timedelta(seconds=ahead))
    assert beaten(scheduler)["clock_ahead_seconds"] == ahead


def test_a_node_that_stopped_or_died_stays_in_the_list(
    scheduler: Scheduler, another_engine: Callable[..., ManualEngine]
) -> None:
    stopped, died = another_engine().scheduler, another_engine().scheduler
    stopped.engine.lease.shutdown()
    scheduler.store.nodes.leave(died.engine.lease.node_id, "dead")
    states = {node["id"]: node["state"] for node in scheduler.nodes()}
    assert states == {
        scheduler.engine.lease.node_id: "alive",
        stopped.engine.lease.node_id: "stopped",
        died.engine.lease.node_id: "dead",
    }
    assert scheduler.nodes()[0]["state"] == "alive"
