"""Removing jobs that no code declares, and bringing them back."""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from gnomon import RunState, Scheduler
from gnomon.domain.change import Author
from gnomon.domain.crontab_file import CrontabOrigin, parse
from gnomon.errors import ChangeRefused, InvalidInput, JobExists, JobNotFound, StaleToken
from gnomon.testing import ManualClock, ManualEngine
from tests import tasks
from tests.conformance.conftest import NOON
from tests.conformance.rows import insert, overwrite, stored
from tests.jobs import nothing
from tests.unit.engine.rows import foreign_row

ONE = NOON + timedelta(hours=1)
ACME: dict[str, Any] = {"tenant": "acme"}
STANDING = ("trigger", "trigger_args", "enabled", "misfire_grace_time", "coalesce", "max_instances", "name")
ALL = (*STANDING, "description", "state", "source", "overrides", "default", "task", "kwargs", "token", "next_run_time")
Schedulers = Callable[..., Scheduler]
Engines = Callable[..., ManualEngine]


@pytest.fixture
def scheduler(engine: ManualEngine) -> Scheduler:
    """A node with the task ``greet``, and a job for it."""
    scheduler = engine.scheduler
    scheduler.task(tasks.greet)
    scheduler.add_job("acme", "greet", "cron", hour=13, kwargs=ACME)
    scheduler.engine.lease._beat()
    return scheduler


def undo(scheduler: Scheduler, job_id: str) -> dict[str, Any]:
    """Undo the newest line of a job's log."""
    return scheduler.undo_change(scheduler.changes(job_id)[0].id or 0)


def same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[name] == other[name] for name in ALL)


class TestRemoving:
    def test_it_is_gone_for_everybody_and_does_not_fire(
        self, scheduler: Scheduler, engine: ManualEngine, another_scheduler: Schedulers
    ) -> None:
        before = scheduler.get_job("acme")
        removed = another_scheduler().remove_job("acme", author=Author("mia", reason="the contract has ended"))
        assert same(removed, before)
        with pytest.raises(JobNotFound):
            scheduler.get_job("acme")
        assert engine.run_until(ONE) == []
        change = scheduler.changes("acme")[0]
        assert (change.action, change.author.reason) == ("remove", "the contract has ended")
        assert {name: change.before[name] for name in ("task", "kwargs", *STANDING)} == {
            name: before[name] for name in ("task", "kwargs", *STANDING)
        }
        assert json.loads(json.dumps(dict(change.before))) == change.before
        assert scheduler.store.records.overrides(["acme"]) == {}
        assert scheduler.store.records.declarations(["acme"]) == {}

    def test_its_runs_stay_and_what_is_active_goes_on(
        self, scheduler: Scheduler, engine: ManualEngine, tmp_path: Path
    ) -> None:
        scheduler.task(wait_for_the_file)
        scheduler.add_job("slow", "wait_for_the_file", "cron", hour=13, kwargs={"path": str(tmp_path / "go")})
        engine.clock.set(ONE)
        engine.step(wait=False)
        scheduler.remove_job("slow")
        (tmp_path / "go").touch()
        engine.settle()
        (run,) = scheduler.runs("slow")
        assert run.state is RunState.SUCCEEDED

    def test_a_run_that_waits_for_a_node_is_refused_and_says_why(
        self, scheduler: Scheduler, engine: ManualEngine
    ) -> None:
        run_id = scheduler.run_job("acme")
        scheduler.remove_job("acme")
        engine.step()
        run = scheduler.run(run_id)
        assert run.state in {RunState.FAILED, RunState.CANCELLED}
        assert "removed" in (run.error or "")

    def test_what_was_due_and_not_claimed_has_its_line(
        self, scheduler: Scheduler, engine: ManualEngine, clock: ManualClock
    ) -> None:
        clock.set(ONE + timedelta(minutes=1))
        scheduler.remove_job("acme")
        assert [(run.scheduled_at, run.state.value) for run in scheduler.runs("acme")] == [(ONE, "missed")]

    def test_one_that_code_declares_is_refused_with_the_remedy(
        self, scheduler: Scheduler, another_scheduler: Schedulers
    ) -> None:
        scheduler.register(nothing, "cron", id="declared", hour=1)
        scheduler.engine.lease._beat()
        row = stored(scheduler, "declared")
        with pytest.raises(ChangeRefused, match="pause it, or take it out of the code"):
            another_scheduler().remove_job("declared")
        assert stored(scheduler, "declared") == row

    def test_one_that_is_not_there(self, scheduler: Scheduler) -> None:
        with pytest.raises(JobNotFound):
            scheduler.remove_job("nobody")
        scheduler.remove_job("acme")
        with pytest.raises(JobNotFound):
            scheduler.remove_job("acme")

    def test_one_that_somebody_has_changed_since(self, scheduler: Scheduler) -> None:
        token = scheduler.get_job("acme")["token"]
        scheduler.change_job("acme", max_instances=2)
        with pytest.raises(StaleToken) as stale:
            scheduler.remove_job("acme", if_token=token)
        assert stale.value.differing == ("max_instances",)
        scheduler.remove_job("acme", if_token=scheduler.get_job("acme")["token"])

    def test_a_reason_that_is_too_long_removes_nothing(self, scheduler: Scheduler) -> None:
        with pytest.raises(InvalidInput, match="reason"):
            scheduler.remove_job("acme", author=Author(reason="r" * 1001))
        assert scheduler.get_job("acme")["state"] == "active"


class TestBringingBack:
    def test_a_removed_job_is_as_it_was_with_its_overrides(self, scheduler: Scheduler, engine: ManualEngine) -> None:
        scheduler.change_job("acme", trigger="interval", trigger_args={"minutes": 30}, author=Author("mia"))
        scheduler.change_job("acme", kwargs={"tenant": "b"}, expires_at=ONE + timedelta(days=1), author=Author("ben"))
        before = scheduler.get_job("acme")
        scheduler.remove_job("acme")
        assert same(undo(scheduler, "acme"), before)
        assert len(engine.run_until(ONE)) == 2
        assert scheduler.revert_job("acme")["kwargs"] == ACME

    def test_a_paused_one_is_paused(self, scheduler: Scheduler, engine: ManualEngine) -> None:
        scheduler.pause_job("acme")
        before = scheduler.get_job("acme")
        scheduler.remove_job("acme")
        assert same(undo(scheduler, "acme"), before)
        assert engine.run_until(ONE) == []

    def test_what_was_due_meanwhile_is_not_made_up_for(self, scheduler: Scheduler, engine: ManualEngine) -> None:
        scheduler.remove_job("acme")
        engine.clock.set(ONE + timedelta(minutes=1))
        job = undo(scheduler, "acme")
        assert job["next_run_time"] == (ONE + timedelta(days=1)).isoformat()
        assert engine.step() == []

    def test_an_override_whose_time_is_over_meanwhile_expires_then(
        self, scheduler: Scheduler, engine: ManualEngine
    ) -> None:
        scheduler.change_job("acme", max_instances=5, expires_at=ONE)
        scheduler.remove_job("acme")
        engine.clock.set(ONE + timedelta(minutes=1))
        undo(scheduler, "acme")
        engine.step()
        assert scheduler.get_job("acme")["max_instances"] == 1

    def test_where_the_id_was_given_again_it_is_refused(self, scheduler: Scheduler) -> None:
        scheduler.remove_job("acme")
        change = scheduler.changes("acme")[0]
        scheduler.add_job("acme", "greet", "cron", hour=14, kwargs={"tenant": "new"})
        with pytest.raises(JobExists, match="'acme'"):
            scheduler.undo_change(change.id or 0)
        assert scheduler.get_job("acme")["kwargs"] == {"tenant": "new"}

    def test_undoing_an_addition_removes_the_job(self, scheduler: Scheduler) -> None:
        before = scheduler.get_job("acme")
        assert same(undo(scheduler, "acme"), before)
        with pytest.raises(JobNotFound):
            scheduler.get_job("acme")
        change = scheduler.changes("acme")[0]
        assert (change.action, change.after) == ("remove", {"undone": scheduler.changes("acme")[1].id})

    def test_undoing_goes_there_and_back(self, scheduler: Scheduler) -> None:
        before = scheduler.get_job("acme")
        for _ in range(2):
            undo(scheduler, "acme")
            assert same(undo(scheduler, "acme"), before)
        assert [change.action for change in scheduler.changes("acme")] == ["add", "remove", "add", "remove", "add"]

    def test_an_addition_that_somebody_has_built_on_stays(self, scheduler: Scheduler) -> None:
        added = scheduler.changes("acme")[0]
        scheduler.change_job("acme", max_instances=2, author=Author("mia"))
        with pytest.raises(ChangeRefused, match=r"max_instances was changed since by change .* of mia"):
            scheduler.undo_change(added.id or 0)
        assert scheduler.get_job("acme")["max_instances"] == 2

    def test_an_old_token_undoes_nothing(self, scheduler: Scheduler) -> None:
        change = scheduler.changes("acme")[0]
        with pytest.raises(StaleToken):
            scheduler.undo_change(change.id or 0, if_token="old")


class TestOtherJobs:
    def test_an_imported_line_of_a_crontab(self, scheduler: Scheduler, engine: ManualEngine) -> None:
        origin = CrontabOrigin(name="mine", user="mia", home="/home/mia", system=False)
        jobs = parse("0 3 * * * /bin/true\n", origin, timezone="UTC", now=NOON).jobs
        (job_id,) = scheduler.import_crontab(jobs)
        before = scheduler.get_job(job_id)
        scheduler.remove_job(job_id)
        assert same(undo(scheduler, job_id), before)
        scheduler.remove_job(job_id)
        assert scheduler.import_crontab(jobs) == [job_id]
        undo(scheduler, job_id)
        with pytest.raises(JobNotFound):
            scheduler.get_job(job_id)

    def test_an_orphan_that_was_declared_once(
        self, scheduler: Scheduler, another_engine: Engines, another_scheduler: Schedulers
    ) -> None:
        script = another_scheduler()
        script.register(nothing, "cron", id="old", hour=1, kwargs={})
        script.start_all_jobs()
        before = another_scheduler().get_job("old")
        assert before["state"] == "orphaned"
        scheduler.remove_job("old")
        assert same(undo(scheduler, "old"), before)
        scheduler.remove_job("old")
        assert script.start_all_jobs() == ["old"]

    def test_a_row_of_a_plain_apscheduler(self, scheduler: Scheduler) -> None:
        state = foreign_row("plain")
        insert(scheduler, "plain", NOON.timestamp() + 60, state)
        before = scheduler.get_job("plain")
        scheduler.remove_job("plain")
        after = undo(scheduler, "plain")
        assert after["trigger_args"] == before["trigger_args"]
        assert after["state"] == before["state"]

    @pytest.mark.parametrize("next_run_time", [None, 1.0, 1e300, -math.inf])
    def test_a_row_that_cannot_be_read_comes_back_byte_for_byte(
        self, scheduler: Scheduler, engine: ManualEngine, next_run_time: float | None
    ) -> None:
        overwrite(scheduler, "acme", job_state=b"\x80\x04\x00garbage\xff", next_run_time=next_run_time)
        before = scheduler.get_job("acme")
        assert before["state"] == "quarantined"
        scheduler.remove_job("acme")
        assert scheduler.changes("acme")[0].before["task"] == "greet"
        after = undo(scheduler, "acme")
        assert (after["state"], after["problem"]) == ("quarantined", before["problem"])
        is_past = next_run_time is not None and next_run_time < NOON.timestamp()
        assert stored(scheduler, "acme") == (None if is_past else next_run_time, b"\x80\x04\x00garbage\xff")
        assert engine.run_until(ONE) == []

    def test_what_only_sqlite_takes_for_a_row_comes_back_too(self, scheduler: Scheduler, engine: ManualEngine) -> None:
        if scheduler.store.url.get_backend_name() != "sqlite":
            return
        for columns in ({"job_state": "text"}, {"job_state": 10**12}, {"next_run_time": "soon"}):
            overwrite(scheduler, "acme", **columns)
            row = stored(scheduler, "acme")
            scheduler.remove_job("acme")
            undo(scheduler, "acme")
            assert stored(scheduler, "acme") == row

    def test_a_row_too_large_for_the_log_is_kept(self, scheduler: Scheduler) -> None:
        overwrite(scheduler, "acme", job_state=b"\x80" + b"x" * (4 * 1024 * 1024))
        with pytest.raises(ChangeRefused, match="by SQL"):
            scheduler.remove_job("acme")
        assert scheduler.get_job("acme")["state"] == "quarantined"


def wait_for_the_file(path: str) -> None:
    """Until somebody makes it."""
    from tests.processes import wait_until

    wait_until(Path(path).exists)
