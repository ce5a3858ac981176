"""A job whose code nobody here has: kept, shown, not fired, never deleted; it fires when a node has its code."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest

from gnomon import RunState, Scheduler, Settings
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.conformance.rows import stored
from tests.jobs import nothing
from tests.processes import wait_until

ONE = NOON + timedelta(hours=1)
FUNC = "tests.jobs:sleep_a_minute"
Engines = Callable[..., ManualEngine]
Schedulers = Callable[..., Scheduler]


def store_orphan(another_scheduler: Schedulers, func: str = FUNC) -> None:
    """Store a job, from a script that is gone then."""
    another_scheduler().engine.add_job(func, "cron", id="orphan", hour=13)


def test_it_is_shown_and_kept_and_does_not_fire(
    another_scheduler: Schedulers, engine: ManualEngine, scheduler: Scheduler
) -> None:
    store_orphan(another_scheduler)
    scheduler.register(nothing, "cron", id="own", hour=13)
    row = stored(scheduler, "orphan")

    lines = engine.run_until(ONE)

    assert [run.job_id for run in lines] == ["own"]
    job = scheduler.get_job("orphan")
    assert (job["state"], job["trigger"], job["next_run_time"]) == ("orphaned", "cron", ONE.isoformat())
    assert "no code" in scheduler.health()["set_aside"]["orphan"]
    scheduler.start_all_jobs()
    scheduler.engine.get_jobs()
    assert stored(scheduler, "orphan") == row


def test_it_fires_after_a_node_declares_it(
    another_scheduler: Schedulers, engine: ManualEngine, another_engine: Engines
) -> None:
    store_orphan(another_scheduler)
    engine.run_until(ONE)

    newer = another_engine()
    newer.scheduler.register(nothing, "cron", id="orphan", hour=13)
    lines = newer.step()

    assert [(run.job_id, run.scheduled_at, run.state) for run in lines] == [("orphan", ONE, RunState.SUCCEEDED)]
    assert newer.scheduler.get_job("orphan")["state"] == "active"


def test_a_function_within_allow_runs_though_only_the_row_names_it(
    another_scheduler: Schedulers, another_engine: Engines
) -> None:
    store_orphan(another_scheduler, "tests.jobs:nothing")
    lines = another_engine(allow=["tests.jobs"]).run_until(ONE)
    assert {run.job_id: run.state for run in lines} == {"orphan": RunState.SUCCEEDED}


@pytest.mark.parametrize("allow", [[], ["tests"], ["o"], ["os.path"]])
def test_a_function_outside_allow_does_not_run(
    another_scheduler: Schedulers, another_engine: Engines, allow: list[str]
) -> None:
    store_orphan(another_scheduler, "os:getpid")
    assert another_engine(allow=allow).run_until(ONE) == []


def test_a_function_that_was_renamed_leaves_an_orphan(another_scheduler: Schedulers, another_engine: Engines) -> None:
    store_orphan(another_scheduler)
    writer = another_scheduler().engine
    job = writer.get_job("orphan")
    job.func_ref = "tests.jobs:was_renamed"
    writer.job_store.update_job(job)

    engine = another_engine(allow=["tests"])
    assert engine.run_until(ONE) == []
    assert "no code" in engine.scheduler.health()["set_aside"]["orphan"]
    assert engine.scheduler.get_job("orphan")["next_run_time"] == ONE.isoformat()


def test_a_module_that_ends_the_program_when_it_is_imported_stops_nobody(
    another_scheduler: Schedulers, another_engine: Engines
) -> None:
    store_orphan(another_scheduler)
    writer = another_scheduler().engine
    job = writer.get_job("orphan")
    job.func_ref = "tests.conformance.exits_on_import:job"
    writer.job_store.update_job(job)
    engine = another_engine(allow=["tests.conformance"])
    engine.scheduler.register(nothing, "cron", id="own", hour=13)
    assert {run.job_id for run in engine.run_until(ONE)} == {"own"}
    assert "no code" in engine.scheduler.health()["set_aside"]["orphan"]


def test_whoever_changes_its_schedule_does_not_come_to_have_its_code(
    another_scheduler: Schedulers, engine: ManualEngine, scheduler: Scheduler
) -> None:
    scheduler.register(nothing, "cron", id="own", hour=15)
    store_orphan(another_scheduler)

    assert scheduler.update_job_schedule("orphan", "cron", hour=14)
    scheduler.pause_job("orphan")
    scheduler.resume_job("orphan")
    scheduler.engine.modify_job("orphan", name="An orphan")

    job = scheduler.get_job("orphan")
    assert (job["state"], job["next_run_time"]) == ("orphaned", (NOON + timedelta(hours=2)).isoformat())
    assert engine.run_until(NOON + timedelta(hours=2)) == []


def test_its_manual_run_waits_for_a_node_with_its_code(
    another_scheduler: Schedulers, engine: ManualEngine, another_engine: Engines
) -> None:
    script = another_scheduler()
    script.register(nothing, "cron", id="job", hour=13)
    script.start_all_jobs()
    run_id = script.run_job("job")  # the script has the code, and fires nothing

    engine.step()
    assert engine.scheduler.run(run_id).state is RunState.QUEUED
    able = another_engine()
    able.scheduler.register(nothing, "cron", id="job", hour=13)
    able.step()
    assert able.scheduler.run(run_id).state is RunState.SUCCEEDED


def test_what_a_stopped_node_had_code_for_is_remembered(another_engine: Engines, another_scheduler: Schedulers) -> None:
    """A web worker without code shows the jobs of an application that is being restarted as they are."""
    engine = another_engine(settings=Settings(heartbeat=0.05))
    engine.scheduler.register(nothing, "cron", id="job", hour=13)
    wait_until(lambda: another_scheduler().get_job("job")["state"] == "active")
    engine.scheduler.shutdown()
    assert another_scheduler().get_job("job")["state"] == "active"


class TestFunctionsWithoutAName:
    """A lambda cannot be found by what a row calls it."""

    def test_each_job_runs_its_own_though_rows_call_them_the_same(
        self, scheduler: Scheduler, engine: ManualEngine
    ) -> None:
        ran = []
        for name in ("a", "b", "c"):
            scheduler.register(lambda name=name: ran.append(name), "cron", id=name, hour=13)
        engine.run_until(ONE)
        assert sorted(ran) == ["a", "b", "c"]

    def test_they_are_not_run_in_place_of_another(self, scheduler: Scheduler, engine: ManualEngine) -> None:
        """APScheduler refuses to store them, and so does Gnomon where nothing declares them."""
        scheduler.register(lambda: None, "cron", id="declared", hour=13)
        for name in ("a", "b"):
            with pytest.raises(ValueError, match="declare it"):
                scheduler.engine.add_job(lambda: pytest.fail("the wrong one"), "cron", id=name, hour=13)
        assert [run.job_id for run in engine.run_until(ONE)] == ["declared"]
