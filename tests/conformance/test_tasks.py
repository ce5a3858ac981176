"""Jobs that are added for declared tasks: each with its arguments, by any process, kept by every start."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger

from gnomon import DEFAULT, RunState, Scheduler, Settings
from gnomon.domain.change import Author, Origin
from gnomon.engine import JobStore
from gnomon.errors import (
    ChangeRefused,
    DuplicateTask,
    InvalidInput,
    JobExists,
    StaleToken,
    TaskNotFound,
)
from gnomon.operations.audit import change_in_words
from gnomon.testing import ManualClock, ManualEngine
from tests import tasks
from tests.conformance.conftest import NOON
from tests.conformance.rows import stored
from tests.jobs import nothing
from tests.processes import wait_until

ONE, TWO = NOON + timedelta(hours=1), NOON + timedelta(hours=2)
ACME: dict[str, Any] = {"tenant": "acme"}
Schedulers = Callable[..., Scheduler]
Engines = Callable[..., ManualEngine]


@pytest.fixture
def web(another_scheduler: Schedulers, engine: ManualEngine) -> Scheduler:
    """A web worker: no code, not started. A node has told it of the task ``greet``."""
    engine.scheduler.task(tasks.greet)
    engine.scheduler.engine.lease._beat()
    return another_scheduler()


def timeless(job: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in job.items() if name != "as_of"}


class TestDeclaring:
    def test_a_task_is_called_as_its_function_unless_named(self, scheduler: Scheduler) -> None:
        assert scheduler.task(tasks.greet) is tasks.greet
        assert scheduler.task(name="the report", retries=2, timeout=60)(tasks.report) is tasks.report
        told = {task["name"]: task for task in scheduler.tasks()}
        assert told.keys() == {"greet", "the report"}
        assert told["greet"]["func"] == "tests.tasks:greet"
        assert told["greet"]["description"] == "Greets."
        assert (told["the report"]["retries"], told["the report"]["timeout"]) == (2, 60)
        assert json.loads(json.dumps(list(told.values()))) == list(told.values())

    def test_one_name_is_one_function_and_one_function_one_task(self, scheduler: Scheduler) -> None:
        scheduler.task(tasks.greet)
        with pytest.raises(DuplicateTask, match="'greet' is declared twice"):
            scheduler.task(name="greet")(tasks.report)
        with pytest.raises(DuplicateTask, match="declared as a task twice"):
            scheduler.task(name="another")(tasks.greet)

    @pytest.mark.parametrize(
        ("options", "field"),
        [
            ({"executor": "elsewhere"}, "executor"),
            ({"timeout": -1}, "timeout"),
            ({"retries": -1}, "retries"),
            ({"max_instances": 0}, "max_instances"),
            ({"misfire_grace_time": "soon"}, "misfire_grace_time"),
            ({"coalesce": 1}, "coalesce"),
            ({"rerun_lost": "yes"}, "rerun_lost"),
            ({"name": "a\nb"}, "name"),
            ({"name": "n" * 192}, "name"),
            ({"args": (1,)}, "args"),
            ({"hour": 3}, "hour"),
        ],
    )
    def test_its_policies_are_checked(self, scheduler: Scheduler, options: dict[str, Any], field: str) -> None:
        with pytest.raises(InvalidInput) as refused:
            scheduler.task(**options)(tasks.greet)
        assert refused.value.field == field
        assert scheduler.tasks() == []

    def test_a_function_that_a_row_cannot_name_is_no_task(self, scheduler: Scheduler) -> None:
        def local() -> None: ...

        for func in (local, lambda: None, CronTrigger(hour=1).get_next_fire_time, "tests.tasks:greet"):
            with pytest.raises(InvalidInput, match="top level"):
                scheduler.task(func)


class TestAdding:
    def test_by_a_process_without_code_and_it_fires_where_its_code_is(
        self, web: Scheduler, scheduler: Scheduler, engine: ManualEngine
    ) -> None:
        job = web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME, name="Acme's greeting")

        assert (job["task"], job["kwargs"], job["state"], job["source"]) == ("greet", ACME, "active", "code")
        assert (job["name"], job["description"]) == ("Acme's greeting", "Greets.")
        assert job["next_run_time"] == ONE.isoformat()
        assert timeless(scheduler.get_job("acme")) == timeless(job)
        (run,) = engine.run_until(ONE)
        assert (run.job_id, run.scheduled_at, run.state) == ("acme", ONE, RunState.SUCCEEDED)

    def test_a_hundred_tenants_get_each_their_own(
        self, web: Scheduler, scheduler: Scheduler, engine: ManualEngine, tmp_path: Path
    ) -> None:
        scheduler.task(tasks.keep)
        for number in range(100):
            kwargs = {"folder": str(tmp_path), "given": number}
            scheduler.add_job(f"tenant {number}", "keep", "interval", hours=1, kwargs=kwargs)
        assert len(engine.run_until(ONE)) == 100
        assert sorted(given for given, _ in tasks.left_in(tmp_path)) == list(range(100))

    def test_paused(self, web: Scheduler, engine: ManualEngine) -> None:
        job = web.add_job("acme", "greet", "crontab", "0 13 * * *", kwargs=ACME, enabled=False)
        assert (job["state"], job["next_run_time"]) == ("paused", None)
        assert engine.run_until(ONE) == []
        web.resume_job("acme")
        assert len(engine.run_until(NOON + timedelta(hours=26))) == 1

    def test_with_the_policies_of_its_task(
        self, scheduler: Scheduler, engine: ManualEngine, another_scheduler: Schedulers
    ) -> None:
        scheduler.task(retries=1, retry_delay=0, executor="processes", max_instances=4, rerun_lost=True)(tasks.fail_for)
        job = scheduler.add_job("acme", "fail_for", "cron", hour=13, kwargs=ACME)
        assert (job["executor"], job["max_instances"]) == ("processes", 4)
        engine.run_until(ONE)
        engine.step()
        (run,) = scheduler.runs("acme")
        assert (run.state, run.attempt) == (RunState.FAILED, 2)
        assert "no report for acme" in (run.error or "")
        scheduler.engine.lease._beat()
        another_scheduler().run_job("acme")
        with scheduler.store.database.read() as session:
            assert set(session.execute("SELECT rerun_lost FROM gnomon_runs").scalars()) == {True}

    def test_of_a_coroutine_function(self, scheduler: Scheduler, engine: ManualEngine, tmp_path: Path) -> None:
        scheduler.task(tasks.fetch)
        job = scheduler.add_job("acme", "fetch", "cron", hour=13, kwargs={**ACME, "folder": str(tmp_path)})
        assert job["executor"] == "asyncio"
        engine.run_until(ONE)
        assert [left["tenant"] for left in tasks.left_in(tmp_path)] == ["acme"]

    def test_twice_under_one_id_is_refused_by_name_and_changes_nothing(self, web: Scheduler) -> None:
        before = web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        with pytest.raises(JobExists, match="'acme'"):
            web.add_job("acme", "greet", "cron", hour=14, kwargs={"tenant": "other"})
        assert timeless(web.get_job("acme")) == timeless(before)
        assert len(web.changes()) == 1

    def test_under_the_id_of_a_declared_job_is_refused_stored_or_not(
        self, web: Scheduler, scheduler: Scheduler
    ) -> None:
        scheduler.register(nothing, "cron", id="declared", hour=1)
        scheduler.engine.lease._beat()
        for _ in range(2):
            with pytest.raises(JobExists, match="'declared'"):
                web.add_job("declared", "greet", "cron", hour=13, kwargs=ACME)
            scheduler.engine.remove_job("declared") if scheduler.engine.get_job("declared") else None

    @pytest.mark.parametrize(
        ("given", "field"),
        [
            ({"id": ""}, "id"),
            ({"id": "a/b"}, "id"),
            ({"id": "a\0b"}, "id"),
            ({"id": "i" * 192}, "id"),
            ({"id": 5}, "id"),
            ({"task": None}, "task"),
            ({"kwargs": {}}, "kwargs.tenant"),
            ({"kwargs": {"tenant": 5}}, "kwargs.tenant"),
            ({"kwargs": {"tenant": "a", "__class__": "b"}}, "kwargs.__class__"),
            ({"kwargs": {"tenant": "a", "func": "os:system"}}, "kwargs.func"),
            ({"kwargs": {"tenant": float("nan")}}, "kwargs.tenant"),
            ({"kwargs": {"tenant": "a" * 70_000}}, "kwargs"),
            ({"kwargs": "tenant"}, "kwargs"),
            ({"kwargs": None}, "kwargs.tenant"),
            ({"name": ""}, "name"),
            ({"name": "a\x1b[2J"}, "name"),
            ({"description": "d" * 501}, "description"),
            ({"enabled": "no"}, "enabled"),
            ({"calendar": "no-such"}, "calendar"),
            ({"calendar": "none"}, "calendar"),
            ({"calendar": 7}, "calendar"),
            ({"hour": 25}, "hour"),
            ({"houre": 3}, "houre"),
            ({"trigger": "weekly"}, "trigger"),
            ({"trigger": "date", "hour": None, "run_date": "2020-01-01"}, "trigger"),
            ({"trigger": OrTrigger([CronTrigger(hour=1)]), "hour": None}, "trigger"),
        ],
        ids=str,
    )
    def test_bad_input_names_the_field_and_stores_nothing(
        self, web: Scheduler, given: dict[str, Any], field: str
    ) -> None:
        arguments = {"id": "acme", "task": "greet", "trigger": "cron", "hour": 13, "kwargs": ACME, **given}
        with pytest.raises(InvalidInput) as refused:
            web.add_job(**{name: value for name, value in arguments.items() if not (name == "hour" and value is None)})
        assert refused.value.field == field
        assert str(refused.value).isprintable()
        assert web.get_all_jobs() == []
        assert web.changes() == []

    def test_for_a_task_that_nobody_has(self, web: Scheduler, another_scheduler: Schedulers) -> None:
        with pytest.raises(TaskNotFound, match="there are 'greet'"):
            web.add_job("acme", "report", "cron", hour=13, kwargs=ACME)

    def test_on_a_store_that_no_node_has_ever_seen(self, another_scheduler: Schedulers) -> None:
        with pytest.raises(TaskNotFound, match="no node has told"):
            another_scheduler().add_job("acme", "greet", "cron", hour=13, kwargs=ACME)

    def test_by_the_application_itself_before_any_node_has_started(
        self, another_scheduler: Schedulers, another_engine: Engines
    ) -> None:
        script = another_scheduler()
        script.task(tasks.greet)
        script.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        node = another_engine()
        node.scheduler.task(tasks.greet)
        assert [run.job_id for run in node.run_until(ONE)] == ["acme"]

    def test_a_row_that_another_program_removed_leaves_nothing_behind(self, web: Scheduler) -> None:
        web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        web.change_job("acme", max_instances=3)
        web.engine.remove_job("acme")
        job = web.add_job("acme", "greet", "cron", hour=14, kwargs={"tenant": "again"})
        assert (job["overrides"], job["max_instances"], job["kwargs"]) == ({}, 1, {"tenant": "again"})

    def test_it_is_a_line_of_the_log(self, web: Scheduler) -> None:
        web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME, author=Author("mia", Origin.API, "a new tenant"))
        (change,) = web.changes("acme")
        assert (change.action, change.author.actor, change.author.reason) == ("add", "mia", "a new tenant")
        assert change.after["kwargs"] == ACME
        assert change.after["trigger_args"] == {"hour": "13", "timezone": "UTC"}

    def test_with_a_calendar_whose_dates_it_leaves_out(self, web: Scheduler, engine: ManualEngine) -> None:
        web.set_calendar("closed", dates={NOON.date(): "moving"})
        web.set_calendar("quiet", dates=["2050-03-09"])
        job = web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME, calendar="closed")
        assert (job["calendar"], job["source"], job["overrides"]) == ("closed", "code", {})
        assert (job["next_run_time"], job["next_start"]) == (ONE.isoformat(), (ONE + timedelta(days=1)).isoformat())
        assert web.get_calendar("closed")["jobs"] == ["acme"]
        (change,) = web.changes("acme")
        assert change.after["calendar"] == "closed"
        assert change_in_words(change).endswith(", calendar closed")
        engine.run_until(ONE + timedelta(days=1))
        assert [(run.state, run.error) for run in web.runs("acme")] == [
            (RunState.SUCCEEDED, None),
            (RunState.SKIPPED, "excluded by calendar closed: moving"),
        ]

        # What it was added with is its default, and part of what a removal can be undone to.
        assert set(web.change_job("acme", calendar="quiet")["overrides"]) == {"calendar"}
        assert web.revert_job("acme")["token"] == job["token"]
        assert web.change_job("acme", calendar=None)["source"] == "override"
        assert web.change_job("acme", calendar=DEFAULT)["calendar"] == "closed"
        web.remove_job("acme")
        assert web.get_calendar("closed")["jobs"] == []
        assert web.undo_change(web.changes("acme")[0].id or 0)["token"] == job["token"]

    def test_a_reason_that_is_too_long_is_refused(self, web: Scheduler) -> None:
        with pytest.raises(InvalidInput, match="reason"):
            web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME, author=Author(reason="r" * 1001))
        assert web.get_all_jobs() == []


class TestStarts:
    def test_no_start_changes_or_removes_it_or_takes_it_for_the_codes(
        self, web: Scheduler, another_scheduler: Schedulers, clock: ManualClock
    ) -> None:
        web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        row, job, bases = stored(web, "acme"), timeless(web.get_job("acme")), web.store.records.bases()
        for declares in (False, True):
            program = another_scheduler()
            program.register(nothing, "cron", id="own", hour=1)
            if declares:
                program.task(tasks.greet)
            program.start_all_jobs()
        assert stored(web, "acme") == row
        assert timeless(web.get_job("acme")) == job
        assert web.store.records.bases().items() >= bases.items()

    def test_code_that_declares_another_job_under_its_id_leaves_it_alone(
        self, web: Scheduler, another_engine: Engines, caplog: pytest.LogCaptureFixture
    ) -> None:
        web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        row = stored(web, "acme")
        node = another_engine()
        node.scheduler.task(tasks.greet)
        node.scheduler.register(pytest.fail, "cron", id="acme", hour=14, kwargs={"reason": "the code's ran"})
        assert "added for tasks under the same id" in caplog.text
        assert stored(web, "acme") == row
        assert [(run.scheduled_at, run.state) for run in node.run_until(ONE)] == [(ONE, RunState.SUCCEEDED)]
        web.remove_job("acme")
        assert node.scheduler.start_all_jobs() == ["acme"]
        assert node.scheduler.get_job("acme")["state"] == "active"

    def test_what_an_operator_changed_of_it_is_an_override_and_reverts_to_what_it_was_added_as(
        self, web: Scheduler
    ) -> None:
        added = web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        job = web.change_job("acme", trigger="interval", trigger_args={"minutes": 5}, max_instances=2)
        assert (job["source"], sorted(job["overrides"])) == ("override", ["max_instances", "trigger"])
        web.pause_job("acme")
        job = web.revert_job("acme")
        for name in ("trigger", "trigger_args", "enabled", "max_instances", "kwargs", "token", "source", "overrides"):
            assert job[name] == added[name]


class TestWithoutItsCode:
    def test_it_is_orphaned_and_kept_and_fires_when_a_node_has_the_task(
        self, web: Scheduler, engine: ManualEngine, another_engine: Engines, another_scheduler: Schedulers
    ) -> None:
        web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        engine.scheduler.shutdown()
        other = another_engine()
        other.scheduler.register(nothing, "cron", id="own", hour=13)
        other.scheduler.engine.lease._beat()
        assert [run.job_id for run in other.run_until(ONE)] == ["own"]
        assert other.scheduler.get_job("acme")["state"] == "orphaned"

        able = another_engine()
        able.scheduler.task(tasks.greet)
        assert [(run.job_id, run.scheduled_at) for run in able.step()] == [("acme", ONE)]

    def test_a_plain_apscheduler_can_run_its_row(self, web: Scheduler, migrated_url: str) -> None:
        web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        store = JobStore(store=web.store, allow=["tests.tasks"])
        plain = BackgroundScheduler(jobstores={"default": store}, timezone="UTC")
        plain.start(paused=True)
        try:
            job = plain.get_job("acme")
            assert job.func(*job.args, **job.kwargs) == "Hello, acme"
        finally:
            plain.shutdown()


def bill(tenant: str) -> None:
    """As the code was."""


def bill_now(tenant: int, currency: str) -> None:
    """As it is."""
    pytest.fail("it was called with what it does not take")


bill_now.__qualname__ = bill_now.__name__ = "bill"


class TestAfterItsSignatureHasChanged:
    """The function is called with what it takes, or not at all: then the run fails, and the job says why."""

    @pytest.fixture
    def newer(self, engine: ManualEngine, another_engine: Engines) -> ManualEngine:
        engine.scheduler.task(bill)
        engine.scheduler.add_job("acme", "bill", "cron", hour=13, kwargs=ACME)
        engine.scheduler.shutdown()
        newer = another_engine()
        newer.scheduler.task(retries=3)(bill_now)
        newer.scheduler.engine.lease._beat()
        return newer

    def test_its_runs_fail_and_say_so(self, newer: ManualEngine) -> None:
        (run,) = newer.run_until(ONE)
        assert (run.state, run.attempt) == (RunState.FAILED, 1)
        assert "do not fit its task 'bill' any more: kwargs.currency" in (run.error or "")

    def test_the_job_says_so_before_it_runs(self, newer: ManualEngine, another_scheduler: Schedulers) -> None:
        job = another_scheduler().get_job("acme")
        assert (job["state"], job["kwargs"]) == ("active", ACME)
        assert "kwargs.currency" in job["problem"]
        with pytest.raises(ChangeRefused, match=r"kwargs\.currency"):
            another_scheduler().run_job("acme")

    def test_it_can_be_given_arguments_that_fit(self, newer: ManualEngine, another_scheduler: Schedulers) -> None:
        job = another_scheduler().change_job("acme", kwargs={"tenant": 5, "currency": "EUR"})
        assert job["problem"] is None
        with pytest.raises(InvalidInput, match=r"kwargs\.currency"):
            another_scheduler().revert_job("acme")

    def test_while_nodes_run_both_versions_arguments_have_to_fit_both(
        self, newer: ManualEngine, another_engine: Engines, another_scheduler: Schedulers
    ) -> None:
        older = another_engine()
        older.scheduler.task(bill)
        older.scheduler.engine.lease._beat()
        assert len(another_scheduler().tasks()) == 2
        with pytest.raises(InvalidInput, match="one of the versions"):
            another_scheduler().add_job("b", "bill", "cron", hour=13, kwargs={"tenant": 5, "currency": "EUR"})

    def test_nodes_that_disagree_which_function_it_is_take_no_more_jobs(
        self, engine: ManualEngine, another_scheduler: Schedulers
    ) -> None:
        engine.scheduler.task(name="bill")(tasks.greet)
        engine.scheduler.engine.lease._beat()
        script = another_scheduler()
        script.task(bill)
        with pytest.raises(ChangeRefused, match="different functions"):
            script.add_job("acme", "bill", "cron", hour=13, kwargs=ACME)


class TestChangingArguments:
    def test_it_is_an_override_like_others(self, web: Scheduler, engine: ManualEngine) -> None:
        before = web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        job = web.change_job("acme", kwargs={"tenant": "acme europe"}, if_token=before["token"], author=Author("mia"))

        assert job["kwargs"] == {"tenant": "acme europe"}
        assert job["next_run_time"] == before["next_run_time"]
        assert job["token"] != before["token"]
        assert job["source"] == "override"
        told = job["overrides"]["kwargs"]
        assert (told["value"], told["base"], told["actor"]) == ({"tenant": "acme europe"}, ACME, "mia")
        change = web.changes("acme")[0]
        assert (change.before, change.after) == ({"kwargs": ACME}, {"kwargs": {"tenant": "acme europe"}})
        with pytest.raises(StaleToken) as stale:
            web.change_job("acme", kwargs={"tenant": "late"}, if_token=before["token"])
        assert stale.value.differing == ("kwargs",)
        engine.run_until(ONE)
        assert web.runs("acme")[0].state is RunState.SUCCEEDED

        reverted = web.change_job("acme", kwargs=DEFAULT)
        assert (reverted["kwargs"], reverted["token"], reverted["overrides"]) == (ACME, before["token"], {})

    def test_the_next_run_gets_them(self, scheduler: Scheduler, engine: ManualEngine, tmp_path: Path) -> None:
        scheduler.task(tasks.keep)
        scheduler.add_job("acme", "keep", "interval", hours=1, kwargs={"folder": str(tmp_path), "given": 1})
        engine.run_until(ONE)
        scheduler.change_job("acme", kwargs={"folder": str(tmp_path), "given": [2]})
        engine.run_until(TWO)
        assert [given for given, _ in tasks.left_in(tmp_path)] == [1, [2]]

    def test_they_are_checked_and_undone_like_others(self, web: Scheduler) -> None:
        before = web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        for kwargs, field in (({}, "kwargs.tenant"), ({"tenant": 1}, "kwargs.tenant"), ([], "kwargs")):
            with pytest.raises(InvalidInput) as refused:
                web.change_job("acme", kwargs=kwargs)
            assert refused.value.field == field
        web.change_job("acme", kwargs={"tenant": "b"})
        change = web.changes("acme")[0]
        assert web.undo_change(change.id or 0)["token"] == before["token"]

    def test_they_expire(self, web: Scheduler, engine: ManualEngine) -> None:
        web.add_job("acme", "greet", "cron", hour=18, kwargs=ACME)
        web.change_job("acme", kwargs={"tenant": "b"}, expires_at=ONE)
        engine.clock.set(ONE)
        engine.step()
        assert web.get_job("acme")["kwargs"] == ACME

    def test_those_of_other_jobs_are_the_codes(self, scheduler: Scheduler) -> None:
        scheduler.register(nothing, "cron", id="own", hour=1)
        for kwargs in ({"a": 1}, DEFAULT):
            with pytest.raises(InvalidInput, match="only a job that was added"):
                scheduler.change_job("own", kwargs=kwargs)
        assert scheduler.get_job("own")["kwargs"] is None

    def test_what_another_program_made_of_them_is_put_on_record(self, web: Scheduler, engine: ManualEngine) -> None:
        web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        web.engine.replace_arguments("acme", {"tenant": "from outside"})
        assert web.get_job("acme")["source"] == "outside"
        job = web.change_job("acme", max_instances=2)
        assert job["overrides"]["kwargs"]["origin"] == "outside"
        assert [change.action for change in web.changes("acme")] == ["change", "outside", "add"]

    def test_arguments_that_are_no_json_any_more_are_not_shown_as_others(self, web: Scheduler) -> None:
        web.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
        web.engine.replace_arguments("acme", {"tenant": {1, 2}})
        job = web.get_job("acme")
        assert (job["kwargs"], job["source"]) == (None, "outside")
        assert json.loads(json.dumps(job)) == job


def test_what_nodes_have_is_told_by_name(scheduler: Scheduler, another_engine: Engines, web: Scheduler) -> None:
    other = another_engine(settings=Settings(heartbeat=0.05))
    other.scheduler.task(tasks.greet)
    wait_until(lambda: len(web.tasks()[0]["nodes"]) == 2)
    (task,) = web.tasks()
    assert set(task["nodes"]) == {scheduler.engine.lease.node_id, other.scheduler.engine.lease.node_id}
    assert not task["here"]
    assert task["arguments"] == {"tenant": {"words": "text", "required": True, "default": None}}
