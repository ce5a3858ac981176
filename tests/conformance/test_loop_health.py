"""No exception stops the loop, and health says how it is."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator

import pytest
from apscheduler.schedulers import SchedulerAlreadyRunningError

from gnomon import RunState, Scheduler, Settings
from gnomon.errors import StoreUnavailable
from tests.jobs import nothing
from tests.processes import wait_until


@pytest.fixture
def running(another_scheduler: Callable[..., Scheduler]) -> Iterator[Scheduler]:
    scheduler = another_scheduler(clock=None, settings=Settings(longest_sleep=0.5))
    scheduler.register(nothing, "interval", id="job", seconds=1)
    with scheduler:
        yield scheduler


def fires_again(scheduler: Scheduler) -> None:
    before = len(scheduler.runs("job", states=[RunState.SUCCEEDED]))
    wait_until(lambda: len(scheduler.runs("job", states=[RunState.SUCCEEDED])) > before, seconds=20)


def test_listeners_that_raise_stop_nothing(running: Scheduler) -> None:
    heard: list[int] = []

    def listen(event: object) -> None:
        heard.append(event.code)  # type: ignore[attr-defined]
        raise RuntimeError("a listener's own trouble")

    running.engine.add_listener(listen)
    fires_again(running)
    assert running.update_job_schedule("job", "interval", seconds=1)
    fires_again(running)
    assert heard
    assert running.health()["status"] == "ok"


@pytest.mark.parametrize("transaction", ["claim", "record"])
def test_a_store_that_fails_for_a_while_is_told_and_gone_on_with(running: Scheduler, transaction: str) -> None:
    fires_again(running)

    def fail(point: str) -> None:
        if point == f"{transaction}:commit":
            raise StoreUnavailable("the disk is full")

    running.store.database.boundary = fail
    wait_until(lambda: running.health()["store"] == "unavailable", seconds=20)
    health = running.health()
    assert (health["status"], health["store_error"]) == ("failing", "the disk is full")

    running.store.database.boundary = None
    fires_again(running)
    wait_until(lambda: running.health()["status"] == "ok", seconds=20)
    scheduled = [run.scheduled_at for run in running.runs("job")]
    assert len(scheduled) == len(set(scheduled))


def test_an_error_that_nobody_thought_of_stops_nothing(running: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
    happened = threading.Event()

    def fail(*_args: object, **_kwargs: object) -> None:
        happened.set()
        raise ZeroDivisionError("a bug")

    with monkeypatch.context() as patched:
        patched.setattr(running.store.schedules, "due", fail)
        assert happened.wait(20)
    fires_again(running)
    wait_until(lambda: running.health()["status"] == "ok", seconds=20)


def test_starting_twice_is_refused_and_harms_nothing(running: Scheduler) -> None:
    threads = threading.active_count()
    with pytest.raises(SchedulerAlreadyRunningError):
        running.engine.start()
    assert threading.active_count() <= threads + 1  # workers come when they are needed
    assert len({node.id for node in running.store.nodes.all()}) == 1
    fires_again(running)


def test_a_paused_engine_fires_nothing_and_goes_on_when_it_is_resumed(running: Scheduler) -> None:
    fires_again(running)
    running.engine.pause()
    wait_until(lambda: running.health()["loop"] == "paused")
    wait_until(lambda: not running.runs(states=[RunState.QUEUED, RunState.RUNNING]))
    running.engine.resume()
    fires_again(running)


def test_a_start_and_a_change_at_once_do_not_wait_for_each_other_for_ever(
    another_scheduler: Callable[..., Scheduler], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler = another_scheduler(clock=None)
    scheduler.register(nothing, "interval", id="job", hours=1)
    scheduler.start_all_jobs()
    store, changing, starting = scheduler.engine.job_store, threading.Event(), threading.Event()
    start = store.start

    def slowly(*args: object) -> None:
        starting.set()
        assert changing.wait(10)
        start(*args)

    monkeypatch.setattr(store, "start", slowly)
    starter = threading.Thread(target=scheduler.start, daemon=True)

    def change() -> None:
        assert starting.wait(10)
        with scheduler.engine.writing():
            changing.set()
            scheduler.engine.reschedule_job("job", trigger="interval", hours=2)

    changer = threading.Thread(target=change, daemon=True)
    for thread in (starter, changer):
        thread.start()
    for thread in (starter, changer):
        thread.join(15)
    assert not changer.is_alive(), "the change waits for the start, which waits for the change"
    assert not starter.is_alive()
    assert scheduler.get_job("job")["trigger_args"]["hours"] == 2
