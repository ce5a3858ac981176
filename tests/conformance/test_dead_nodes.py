"""What a node leaves behind when it dies, hangs or is shut down is settled by the others, and no ghost changes it."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest

from gnomon import RunState, Scheduler, Settings, current_run
from gnomon.domain.run import ACTIVE
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.processes import wait_until

#: It shows no sign of life after its first, so that the others take it for dead.
HANGING = Settings(heartbeat=600, threads=1)
WATCHFUL = Settings(heartbeat=0.05, lease=0.3)


class Waiting:
    """A job that waits for the gate on its first attempt, and remembers where it ran."""

    def __init__(self, gate: Event) -> None:
        self.gate = gate
        self.attempts: list[int] = []

    def __call__(self) -> None:
        attempt = current_run().attempt
        self.attempts.append(attempt)
        if attempt == 1:
            self.gate.wait(30)


@pytest.fixture
def nodes(another_engine: Callable[..., ManualEngine]) -> tuple[ManualEngine, ManualEngine]:
    return another_engine(settings=HANGING), another_engine(settings=WATCHFUL)


def begun_on(engine: ManualEngine) -> int:
    """Let the job that is due at 13:00 begin; return its run's id."""
    engine.clock.set(NOON + timedelta(hours=1))
    (run,) = engine.step(wait=False)
    wait_until(lambda: engine.scheduler.run(run.id).state is RunState.RUNNING)
    return run.id


def test_a_run_that_had_started_is_lost_and_the_ghost_that_wakes_up_changes_nothing(
    nodes: tuple[ManualEngine, ManualEngine], gate: Event
) -> None:
    hanging, watchful = nodes
    job = Waiting(gate)
    hanging.scheduler.register(job, "date", id="job", run_date=NOON + timedelta(hours=1))
    run_id = begun_on(hanging)

    wait_until(lambda: watchful.scheduler.run(run_id).state is RunState.LOST)
    gate.set()
    wait_until(lambda: hanging.scheduler.engine.recorder.running == 0)

    run = watchful.scheduler.run(run_id)
    assert (run.state, job.attempts) == (RunState.LOST, [1])
    assert "no sign of life" in (run.error or "")


def test_a_run_declared_rerun_lost_starts_again_elsewhere_and_the_ghost_changes_nothing(
    nodes: tuple[ManualEngine, ManualEngine], gate: Event
) -> None:
    hanging, watchful = nodes
    job = Waiting(gate)
    for node in nodes:
        node.scheduler.register(job, "date", id="job", run_date=NOON + timedelta(hours=1), rerun_lost=True)
    run_id = begun_on(hanging)

    wait_until(lambda: watchful.scheduler.run(run_id).state is RunState.QUEUED)
    watchful.step()
    after = watchful.scheduler.run(run_id)
    gate.set()
    wait_until(lambda: hanging.scheduler.engine.recorder.running == 0)

    assert watchful.scheduler.run(run_id) == after
    assert (after.state, after.attempt, job.attempts) == (RunState.SUCCEEDED, 2, [1, 2])


def test_what_a_dead_node_had_claimed_and_not_started_runs_elsewhere_once(
    nodes: tuple[ManualEngine, ManualEngine], gate: Event
) -> None:
    hanging, watchful = nodes
    started: list[int] = []
    hanging.scheduler.register(Waiting(gate), "cron", id="blocks", hour=13)
    for node in nodes:
        node.scheduler.register(lambda: started.append(current_run().id), "cron", id="waits", hour=14)
    blocking = begun_on(hanging)
    hanging.clock.advance(hours=1)
    (waiting,) = hanging.step(wait=False)
    assert waiting.node == hanging.scheduler.engine.lease.node_id

    wait_until(lambda: watchful.scheduler.run(waiting.id).node is None)
    watchful.step()
    gate.set()
    wait_until(lambda: hanging.scheduler.engine.recorder.running == 0)

    assert started == [waiting.id]
    assert watchful.scheduler.run(waiting.id).state is RunState.SUCCEEDED
    assert watchful.scheduler.run(blocking).state is RunState.LOST


def test_a_node_that_was_given_up_for_dead_joins_again_under_another_name_and_fires(
    another_engine: Callable[..., ManualEngine],
) -> None:
    napping = another_engine(settings=Settings(heartbeat=0.5))
    hasty = another_engine(settings=Settings(heartbeat=0.05, lease=0.1))
    first = napping.scheduler.engine.lease.node_id
    wait_until(lambda: napping.scheduler.engine.lease.node_id != first)
    hasty.scheduler.shutdown()

    napping.scheduler.register(lambda: None, "cron", id="job", hour=13)
    napping.clock.set(NOON + timedelta(hours=1))
    (run,) = napping.step()
    assert run.state is RunState.SUCCEEDED
    assert run.node != first


def test_a_shutdown_without_waiting_leaves_no_run_that_never_ends(
    scheduler: Scheduler, another_engine: Callable[..., ManualEngine], gate: Event
) -> None:
    """Or the job would count as running for ever, and never run again."""
    leaving, job = another_engine(), Waiting(gate)
    for node in (leaving.scheduler, scheduler):
        node.register(job, "cron", id="job", hour="*")
    run_id = begun_on(leaving)

    leaving.scheduler.shutdown(wait=False)

    assert scheduler.run(run_id).state not in ACTIVE
    gate.set()


def test_a_shutdown_gives_what_has_not_started_to_the_others_at_once(
    engine: ManualEngine, scheduler: Scheduler, another_engine: Callable[..., ManualEngine], gate: Event
) -> None:
    leaving = another_engine(settings=HANGING)
    leaving.scheduler.register(Waiting(gate), "cron", id="blocks", hour=13)
    for node in (leaving.scheduler, scheduler):
        node.register(lambda: None, "cron", id="waits", hour=14)
    begun_on(leaving)
    leaving.clock.advance(hours=1)
    (waiting,) = leaving.step(wait=False)

    leaving.scheduler.shutdown(wait=False)
    engine.step()

    assert scheduler.run(waiting.id).state is RunState.SUCCEEDED
    gate.set()


def test_a_shutdown_waits_for_what_runs_and_records_how_it_ended(
    another_engine: Callable[..., ManualEngine], scheduler: Scheduler
) -> None:
    leaving, begun = another_engine(), Event()

    def job() -> None:
        begun.set()
        Event().wait(0.3)

    leaving.scheduler.register(job, "cron", id="job", hour=13)
    leaving.clock.set(NOON + timedelta(hours=1))
    (run,) = leaving.step(wait=False)
    assert begun.wait(10)
    leaving.scheduler.shutdown(wait=True)
    assert scheduler.run(run.id).state is RunState.SUCCEEDED
