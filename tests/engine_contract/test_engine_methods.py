"""APScheduler's own methods and listeners on ``scheduler.engine``."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from threading import Event
from typing import Any

import pytest
from apscheduler import events
from apscheduler.jobstores.base import ConflictingIdError, JobLookupError
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger

from gnomon import RunState, Scheduler
from gnomon.errors import InvalidInput, InvalidTrigger
from gnomon.testing import ManualClock, ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import fail, nothing
from tests.processes import wait_until

ONE = NOON + timedelta(hours=1)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock(NOON)


@pytest.fixture
def scheduler(gnomon: Callable[..., Scheduler], clock: ManualClock) -> Scheduler:
    """Never started."""
    scheduler = gnomon(clock=clock)
    scheduler.open()
    return scheduler


@pytest.fixture
def by_hand(scheduler: Scheduler) -> Iterator[ManualEngine]:
    with ManualEngine(scheduler) as engine:
        yield engine


class TestMethods:
    """On an engine that was never started: what APScheduler would keep in memory is carried out at once."""

    def test_add_get_and_remove(self, scheduler: Scheduler) -> None:
        engine = scheduler.engine
        added = engine.add_job(nothing, "interval", id="job", hours=1, args=[], name="A job", max_instances=3)
        assert (added.id, added.next_run_time) == ("job", ONE)
        job = engine.get_job("job")
        assert (job.id, job.name, job.max_instances, job.next_run_time) == ("job", "A job", 3, ONE)
        assert (job.misfire_grace_time, job.coalesce) == (3600, True)
        assert [job.id for job in engine.get_jobs()] == ["job"]
        assert scheduler.get_job("job")["name"] == "A job"
        engine.remove_job("job")
        assert engine.get_job("job") is None
        for act in (engine.remove_job, engine.pause_job, engine.resume_job):
            with pytest.raises(JobLookupError):
                act("job")

    def test_an_id_that_exists_is_refused_or_replaced(self, scheduler: Scheduler) -> None:
        engine = scheduler.engine
        engine.add_job(nothing, "interval", id="job", hours=1)
        with pytest.raises(ConflictingIdError):
            engine.add_job(nothing, "interval", id="job", hours=2)
        assert engine.get_job("job").trigger.interval == timedelta(hours=1)
        engine.add_job(nothing, "interval", id="job", hours=3, replace_existing=True)
        assert engine.get_job("job").trigger.interval == timedelta(hours=3)

    def test_reschedule_modify_pause_and_resume(self, scheduler: Scheduler) -> None:
        engine = scheduler.engine
        engine.add_job(nothing, "interval", id="job", hours=1)
        assert engine.reschedule_job("job", trigger="cron", hour=15).next_run_time == NOON + timedelta(hours=3)
        assert engine.modify_job("job", trigger=IntervalTrigger(hours=2, start_date=NOON)).next_run_time == (
            NOON + timedelta(hours=2)
        )
        assert engine.modify_job("job", name="Renamed", coalesce=False).name == "Renamed"
        assert engine.pause_job("job").next_run_time is None
        assert engine.resume_job("job").next_run_time == NOON + timedelta(hours=2)
        shown = scheduler.get_job("job")
        assert (shown["name"], shown["coalesce"], shown["trigger"]) == ("Renamed", False, "interval")

    def test_a_job_object_changes_its_row(self, scheduler: Scheduler) -> None:
        job = scheduler.engine.add_job(nothing, "interval", id="job", hours=1)
        for handle in (job, scheduler.engine.get_job("job")):
            handle.reschedule("cron", hour=16)
            assert scheduler.get_job("job")["trigger_args"]["hour"] == "16"
            handle.modify(max_instances=9)
            assert scheduler.get_job("job")["max_instances"] == 9
            handle.pause()
            assert scheduler.get_job("job")["state"] == "paused"
            handle.resume()
            assert scheduler.get_job("job")["state"] == "active"
        job.remove()
        assert scheduler.get_all_jobs() == []

    def test_the_decorator_works(self, scheduler: Scheduler) -> None:
        scheduler.engine.scheduled_job("cron", id="job", hour=15)(nothing)
        assert scheduler.engine.get_job("job").next_run_time == NOON + timedelta(hours=3)

    def test_all_jobs_can_be_removed(self, scheduler: Scheduler) -> None:
        for name in ("a", "b"):
            scheduler.engine.add_job(nothing, "cron", id=name, hour=1)
        scheduler.engine.remove_all_jobs()
        assert scheduler.get_all_jobs() == []

    @pytest.mark.parametrize(
        "trigger", [{"trigger": "interval", "seconds": -5}, {"trigger": "cron", "hour": 99}, {"trigger": "sometimes"}]
    )
    def test_a_trigger_that_makes_no_sense_is_refused_and_changes_nothing(
        self, scheduler: Scheduler, trigger: dict[str, Any]
    ) -> None:
        engine = scheduler.engine
        engine.add_job(nothing, "cron", id="job", hour=15)
        with pytest.raises((InvalidTrigger, LookupError)):
            engine.add_job(nothing, id="other", **trigger)
        with pytest.raises((InvalidTrigger, LookupError)):
            engine.reschedule_job("job", **trigger)
        assert [job.id for job in engine.get_jobs()] == ["job"]
        assert engine.get_job("job").next_run_time == NOON + timedelta(hours=3)

    def test_another_store_is_refused(self, scheduler: Scheduler) -> None:
        with pytest.raises(InvalidInput, match="one store"):
            scheduler.engine.add_jobstore("memory", "other")

    def test_what_a_caller_does_to_a_job_object_changes_no_other(self, scheduler: Scheduler) -> None:
        engine = scheduler.engine
        for name in ("a", "b"):
            engine.add_job(nothing, IntervalTrigger(hours=1, start_date=NOON), id=name, kwargs={})
        job = engine.get_job("a")
        job.trigger.interval = timedelta(seconds=1)
        job.kwargs["x"] = 1
        assert engine.get_job("b").trigger.interval == timedelta(hours=1)
        assert engine.get_job("a").trigger.interval == timedelta(hours=1)
        assert engine.get_job("a").kwargs == {}


class TestFiring:
    def test_jobs_that_were_added_fire_with_their_arguments(self, scheduler: Scheduler, by_hand: ManualEngine) -> None:
        scheduler.engine.add_job(pow, "date", id="job", run_date=ONE, args=[2], kwargs={"exp": 10})
        heard: list[Any] = []
        scheduler.engine.add_listener(heard.append, events.EVENT_JOB_EXECUTED)
        (run,) = by_hand.run_until(ONE)
        assert run.state is RunState.SUCCEEDED
        wait_until(lambda: heard)
        assert (heard[0].job_id, heard[0].retval, heard[0].scheduled_run_time) == ("job", 1024, ONE)

    def test_a_job_without_a_trigger_runs_at_once(self, scheduler: Scheduler, by_hand: ManualEngine) -> None:
        scheduler.engine.add_job(nothing, id="job", next_run_time=NOON)
        (run,) = by_hand.step()
        assert run.state is RunState.SUCCEEDED

    def test_a_date_that_has_passed_runs_at_once(self, scheduler: Scheduler, by_hand: ManualEngine) -> None:
        scheduler.engine.add_job(nothing, DateTrigger(NOON - timedelta(minutes=1)), id="job")
        (run,) = by_hand.step()
        assert (run.state, run.scheduled_at) == (RunState.SUCCEEDED, NOON - timedelta(minutes=1))

    def test_pausing_the_engine_stops_firing_and_resuming_goes_on(
        self, scheduler: Scheduler, by_hand: ManualEngine
    ) -> None:
        scheduler.engine.add_job(nothing, "cron", id="job", hour=13)
        scheduler.engine.pause()
        assert by_hand.clock.set(ONE)
        assert by_hand.step() == []
        scheduler.engine.resume()
        assert len(by_hand.step()) == 1


EVENTS = {
    getattr(events, name): name.removeprefix("EVENT_")
    for name in dir(events)
    if name.startswith("EVENT_") and name != "EVENT_ALL"
}


class TestListeners:
    @pytest.fixture
    def heard(self, scheduler: Scheduler) -> list[tuple[str, str]]:
        heard: list[tuple[str, str]] = []
        scheduler.engine.add_listener(lambda event: heard.append((EVENTS[event.code], getattr(event, "job_id", ""))))
        return heard

    def test_changes_are_told(self, scheduler: Scheduler, heard: list[tuple[str, str]]) -> None:
        engine = scheduler.engine
        engine.add_job(nothing, "cron", id="job", hour=13)
        engine.reschedule_job("job", trigger="cron", hour=14)
        engine.pause_job("job")
        engine.resume_job("job")
        scheduler.update_job_schedule("job", "cron", hour=15)
        engine.remove_job("job")
        assert heard == [("JOB_ADDED", "job"), *[("JOB_MODIFIED", "job")] * 4, ("JOB_REMOVED", "job")]

    def test_what_becomes_of_runs_is_told(
        self, scheduler: Scheduler, by_hand: ManualEngine, heard: list[tuple[str, str]]
    ) -> None:
        gate = Event()
        scheduler.register(nothing, "date", id="good", run_date=ONE)
        scheduler.register(fail, "date", id="bad", run_date=ONE)
        scheduler.register(nothing, "date", id="late", run_date=NOON + timedelta(minutes=1), misfire_grace_time=1)
        scheduler.register(lambda: gate.wait(30), "cron", id="busy", hour="13-14")
        heard.clear()
        by_hand.clock.set(ONE)
        by_hand.step(wait=False)
        by_hand.clock.advance(hours=1)
        by_hand.step(wait=False)
        gate.set()
        by_hand.settle()
        expected = {
            *[("JOB_SUBMITTED", name) for name in ("good", "bad", "busy")],
            *[("JOB_EXECUTED", name) for name in ("good", "busy")],
            ("JOB_ERROR", "bad"),
            ("JOB_MISSED", "late"),
            ("JOB_MAX_INSTANCES", "busy"),
        }
        wait_until(lambda: len(heard) >= len(expected))
        assert sorted(heard) == sorted(expected)

    def test_an_error_is_told_with_its_exception(self, scheduler: Scheduler, by_hand: ManualEngine) -> None:
        told: list[Any] = []
        scheduler.engine.add_listener(told.append, events.EVENT_JOB_ERROR)
        scheduler.register(fail, "date", id="bad", run_date=ONE)
        by_hand.run_until(ONE)
        wait_until(lambda: told)
        assert isinstance(told[0].exception, RuntimeError)
        assert "this job always fails" in told[0].traceback
        assert told[0].scheduled_run_time == ONE

    def test_starting_and_stopping_are_told(self, scheduler: Scheduler, heard: list[tuple[str, str]]) -> None:
        with ManualEngine(scheduler):
            pass
        assert [name for name, _ in heard] == ["SCHEDULER_STARTED", "SCHEDULER_SHUTDOWN"]

    def test_a_listener_that_was_removed_hears_nothing(self, scheduler: Scheduler) -> None:
        heard: list[object] = []
        scheduler.engine.add_listener(heard.append)
        scheduler.engine.remove_listener(heard.append)
        scheduler.engine.add_job(nothing, "cron", id="job", hour=13)
        assert heard == []
