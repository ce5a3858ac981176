"""What the code says, what operators say, and what a start makes of both, field by field."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gnomon import DEFAULT, RunState, Scheduler, Settings
from gnomon.domain.change import Author, Origin
from gnomon.errors import ChangeNotFound, ChangeRefused, InvalidInput, StaleToken
from gnomon.testing import ManualClock, ManualEngine
from tests.conformance.conftest import NOON
from tests.conformance.rows import stored
from tests.jobs import nothing

Schedulers = Callable[..., Scheduler]
ANN = Author("ann", Origin.CLI, "the export is late")


@pytest.fixture
def deploy(another_scheduler: Schedulers, clock: ManualClock) -> Callable[..., Scheduler]:
    """Starts a program that declares ``job``, a lease after the one before."""

    def start(hour: int = 3, **declared: Any) -> Scheduler:
        clock.advance(minutes=1)
        scheduler = another_scheduler()
        scheduler.register(nothing, "cron", id="job", hour=hour, **declared)
        scheduler.start_all_jobs()
        return scheduler

    return start


def hour_of(job: dict[str, Any]) -> str:
    hour: str = job["trigger_args"]["hour"]
    return hour


class TestTheCodeChanges:
    def test_without_override_the_schedule_follows_and_the_log_says_so(self, deploy: Callable[..., Scheduler]) -> None:
        deploy(3)
        scheduler = deploy(4, max_instances=5, coalesce=False, misfire_grace_time=None)
        job = scheduler.get_job("job")
        assert (hour_of(job), job["max_instances"], job["coalesce"], job["misfire_grace_time"]) == ("4", 5, False, None)
        assert (job["source"], job["overrides"]) == ("code", {})
        assert job["next_run_time"] == (NOON + timedelta(hours=16)).isoformat()
        (change,) = scheduler.changes("job")
        assert (change.author.origin, change.action) == (Origin.START, "follow")
        assert change.before["trigger_args"]["hour"] == "3"
        assert change.after["max_instances"] == 5

    def test_a_job_that_the_code_now_declares_paused_is_paused_and_resumed_by_the_next(
        self, deploy: Callable[..., Scheduler]
    ) -> None:
        deploy(3)
        assert deploy(3, enabled=False).get_job("job")["state"] == "paused"
        job = deploy(3).get_job("job")
        assert (job["state"], job["next_run_time"]) == ("active", (NOON + timedelta(hours=15)).isoformat())

    def test_a_job_that_an_operator_paused_stays_so(self, deploy: Callable[..., Scheduler]) -> None:
        deploy(3).pause_job("job")
        job = deploy(4).get_job("job")
        assert (job["state"], hour_of(job), set(job["overrides"])) == ("paused", "4", {"enabled"})

    def test_an_override_stays_and_the_job_shows_that_its_default_moved(self, deploy: Callable[..., Scheduler]) -> None:
        deploy(3).change_job("job", trigger="cron", trigger_args={"hour": 5}, author=ANN)
        unmoved = deploy(3).get_job("job")
        assert unmoved["overrides"]["trigger"]["moved"] is False
        job = deploy(4, max_instances=2).get_job("job")
        assert (hour_of(job), job["max_instances"], job["source"]) == ("5", 2, "override")
        override = job["overrides"]["trigger"]
        assert override["moved"] is True
        assert (override["base"][1]["hour"], override["value"][1]["hour"]) == ("3", "5")
        assert job["default"]["trigger_args"]["hour"] == "4"
        assert (override["actor"], override["reason"], override["origin"]) == ("ann", "the export is late", "cli")

    def test_when_the_code_says_what_the_operator_said_the_override_is_dissolved(
        self, deploy: Callable[..., Scheduler]
    ) -> None:
        deploy(3).change_job("job", trigger="cron", trigger_args={"hour": 5}, max_instances=4)
        before = stored(deploy(3), "job")
        scheduler = deploy(5)
        assert stored(scheduler, "job") == before
        job = scheduler.get_job("job")
        assert (hour_of(job), set(job["overrides"]), job["max_instances"]) == ("5", {"max_instances"}, 4)
        change = scheduler.changes("job")[0]
        assert (change.action, change.author.origin) == ("dissolve", Origin.START)
        assert change.before["override"]["trigger"][1]["hour"] == "5"

    def test_an_interval_without_a_start_that_is_set_back_is_no_override(self, another_scheduler: Schedulers) -> None:
        scheduler = another_scheduler()
        scheduler.register(nothing, "interval", id="tick", hours=2)
        scheduler.start_all_jobs()
        scheduler.update_job_schedule("tick", "interval", hours=3)
        assert scheduler.get_job("tick")["source"] == "override"
        scheduler.update_job_schedule("tick", "interval", hours=2)
        job = scheduler.get_job("tick")
        assert (job["source"], job["overrides"]) == ("code", {})

    def test_the_name_follows(self, deploy: Callable[..., Scheduler]) -> None:
        deploy(3)
        job = deploy(3, name="Nightly report").get_job("job")
        assert (job["name"], job["source"]) == ("Nightly report", "code")

    def test_what_says_nothing_of_when_it_fires_moves_nothing(self, deploy: Callable[..., Scheduler]) -> None:
        before = stored(deploy(3), "job")
        scheduler = deploy(3, description="New words.", retries=3, timeout=60)
        assert stored(scheduler, "job") == before
        assert scheduler.get_job("job")["description"] == "New words."
        assert scheduler.changes() == []


class TestDeciding:
    @pytest.fixture
    def moved(self, deploy: Callable[..., Scheduler]) -> Scheduler:
        deploy(3).change_job("job", trigger="cron", trigger_args={"hour": 5}, max_instances=7, author=ANN)
        return deploy(4)

    def test_keeping_means_the_override_is_meant_against_the_new_default(self, moved: Scheduler) -> None:
        job = moved.keep_override("job", author=Author("bob"))
        override = job["overrides"]["trigger"]
        assert (hour_of(job), override["moved"], override["base"][1]["hour"]) == ("5", False, "4")
        assert moved.changes("job")[0].action == "keep"
        with pytest.raises(ChangeRefused, match="nothing to decide"):
            moved.keep_override("job")

    def test_adopting_follows_the_code_and_leaves_other_overrides(self, moved: Scheduler) -> None:
        job = moved.adopt_default("job")
        assert (hour_of(job), set(job["overrides"]), job["max_instances"]) == ("4", {"max_instances"}, 7)
        with pytest.raises(ChangeRefused, match="nothing to decide"):
            moved.adopt_default("job")

    def test_reverting_removes_all_overrides_or_those_that_are_named(self, moved: Scheduler) -> None:
        assert set(moved.revert_job("job", fields=["max_instances"])["overrides"]) == {"trigger"}
        job = moved.revert_job("job")
        assert (hour_of(job), job["overrides"], job["source"]) == ("4", {}, "code")
        count = len(moved.changes("job"))
        moved.revert_job("job")
        assert len(moved.changes("job")) == count
        with pytest.raises(InvalidInput, match="what can be overridden is trigger, enabled"):
            moved.revert_job("job", fields=["hour"])

    def test_a_default_in_a_change_is_a_field_that_returns(self, moved: Scheduler) -> None:
        job = moved.change_job("job", trigger=DEFAULT, max_instances=DEFAULT, coalesce=False)
        assert (hour_of(job), job["max_instances"], set(job["overrides"])) == ("4", 1, {"coalesce"})

    def test_a_reverted_trigger_follows_the_next_change_of_the_code(
        self, moved: Scheduler, deploy: Callable[..., Scheduler]
    ) -> None:
        moved.revert_job("job")
        assert hour_of(deploy(6).get_job("job")) == "6"

    def test_a_job_that_no_code_declares_has_nothing_to_go_back_to(self, moved: Scheduler) -> None:
        moved.engine.add_job(nothing, "cron", id="added", hour=1)
        moved.pause_job("added")
        with pytest.raises(ChangeRefused, match="no code declares job 'added'"):
            moved.revert_job("added")


def test_a_start_of_ten_thousand_jobs_of_which_none_has_changed_writes_nothing(
    another_scheduler: Schedulers, clock: ManualClock
) -> None:
    written: list[str] = []

    def start() -> Scheduler:
        scheduler = another_scheduler()
        for number in range(10_000):
            scheduler.register(nothing, "cron", id=f"job {number}", hour=number % 24, calendar="closed")
        scheduler.calendar("closed", dates=[NOON.date()])
        scheduler.store.database.boundary = written.append
        scheduler.start_all_jobs()
        return scheduler

    rows = start().store.schedules.all()
    assert len(rows) == 10_000
    assert written, "what is written is not told"
    written.clear()
    clock.advance(minutes=1)
    again = start()
    assert written == []
    assert again.store.schedules.all() == rows
    assert [change.action for change in again.changes(limit=100)] == ["calendar"]


class TestRollingDeploys:
    """``engine`` is a node that lives; programs start around it."""

    def declare(self, scheduler: Scheduler, hour: int) -> Scheduler:
        scheduler.register(nothing, "cron", id="job", hour=hour)
        scheduler.start_all_jobs()
        return scheduler

    def test_an_old_process_that_starts_late_puts_no_older_default_back(
        self, engine: ManualEngine, another_engine: Callable[..., ManualEngine], clock: ManualClock
    ) -> None:
        old = self.declare(engine.scheduler, 3)
        new = another_engine()
        self.declare(new.scheduler, 4)
        new.scheduler.engine.lease._beat()  # its sign of life says what it declares
        clock.advance(minutes=5)
        late = self.declare(another_engine().scheduler, 3)
        assert {hour_of(each.get_job("job")) for each in (old, new.scheduler, late)} == {"4"}
        assert late.changes("job")[0].action == "follow"

    def test_code_that_was_taken_back_holds_once_the_newer_code_is_gone(
        self, engine: ManualEngine, another_engine: Callable[..., ManualEngine], clock: ManualClock
    ) -> None:
        self.declare(engine.scheduler, 3)
        new = another_engine()
        self.declare(new.scheduler, 4)
        new.scheduler.engine.lease._beat()
        clock.advance(minutes=5)
        back = self.declare(another_engine().scheduler, 3)
        assert hour_of(back.get_job("job")) == "4"
        new.scheduler.shutdown()
        back._declare_again()
        assert hour_of(back.get_job("job")) == "3"

    def test_right_after_a_deploy_its_node_counts_as_alive_before_its_first_sign_of_life(
        self, another_scheduler: Schedulers, clock: ManualClock
    ) -> None:
        self.declare(another_scheduler(), 3)
        clock.advance(minutes=5)
        self.declare(another_scheduler(), 4)
        clock.advance(seconds=Settings().lease - 1)
        assert hour_of(self.declare(another_scheduler(), 3).get_job("job")) == "4"
        clock.advance(seconds=2)
        assert hour_of(self.declare(another_scheduler(), 3).get_job("job")) == "3"

    def test_an_old_node_that_no_longer_declares_a_job_orphans_nothing(
        self, engine: ManualEngine, another_engine: Callable[..., ManualEngine]
    ) -> None:
        new = another_engine()
        self.declare(new.scheduler, 4)
        engine.scheduler.register(nothing, "cron", id="other", hour=1)
        for each in (engine, new):
            each.scheduler.engine.lease._beat()
        assert engine.scheduler.get_job("job")["state"] == "active"
        assert new.scheduler.get_job("other")["state"] == "active"


class TestExpiry:
    def test_an_override_that_expires_returns_to_the_code_by_a_logged_change(
        self, engine: ManualEngine, scheduler: Scheduler, clock: ManualClock
    ) -> None:
        scheduler.register(nothing, "cron", id="job", hour=3)
        until = NOON + timedelta(hours=4)
        job = scheduler.change_job(
            "job", trigger="interval", trigger_args={"hours": 1}, expires_at=until, max_instances=3, author=ANN
        )
        assert {each["expires_at"] for each in job["overrides"].values()} == {until.isoformat()}
        scheduler.change_job("job", coalesce=False)
        runs = engine.run_until(NOON + timedelta(hours=20))
        assert [run.scheduled_at - NOON for run in runs] == [timedelta(hours=n) for n in (1, 2, 3, 15)]
        job = scheduler.get_job("job")
        assert (hour_of(job), set(job["overrides"]), job["coalesce"]) == ("3", {"coalesce"}, False)
        change = scheduler.changes("job")[0]
        assert (change.action, change.author.origin, change.at) == ("expire", Origin.EXPIRY, until)
        assert "ann" in (change.author.reason or "")
        assert "the export is late" in (change.author.reason or "")

    def test_it_is_carried_out_also_if_nobody_was_alive_then(
        self, another_scheduler: Schedulers, another_engine: Callable[..., ManualEngine], clock: ManualClock
    ) -> None:
        script = another_scheduler()
        script.register(nothing, "cron", id="job", hour=3)
        script.start_all_jobs()
        script.change_job("job", enabled=False, expires_at=NOON + timedelta(hours=1))
        clock.advance(days=3)
        assert script.get_job("job")["state"] == "paused"
        node = another_engine()
        assert node.step() == []
        job = script.get_job("job")
        assert (job["state"], job["next_run_time"]) == ("active", (NOON + timedelta(days=3, hours=15)).isoformat())

    def test_two_nodes_carry_it_out_once(
        self, engine: ManualEngine, another_engine: Callable[..., ManualEngine], clock: ManualClock
    ) -> None:
        other = another_engine()
        engine.scheduler.register(nothing, "cron", id="job", hour=3)
        engine.scheduler.pause_job("job")
        engine.scheduler.change_job("job", enabled=False, expires_at=NOON + timedelta(hours=1))
        clock.advance(hours=2)
        engine.step()
        other.step()
        assert [change.action for change in engine.scheduler.changes("job")].count("expire") == 1

    def test_a_time_that_has_passed_or_has_no_offset_is_refused(self, scheduler: Scheduler) -> None:
        scheduler.register(nothing, "cron", id="job", hour=3)
        for moment, words in ((NOON, "still to come"), (NOON.replace(tzinfo=None), "offset from UTC")):
            with pytest.raises(InvalidInput, match=words):
                scheduler.change_job("job", enabled=False, expires_at=moment)
        with pytest.raises(InvalidInput, match="which fields"):
            scheduler.change_job("job", expires_at=NOON + timedelta(hours=1))
        assert scheduler.changes() == []

    def test_making_it_last_is_a_change_that_the_log_tells(self, scheduler: Scheduler) -> None:
        scheduler.register(nothing, "cron", id="job", hour=3)
        scheduler.change_job("job", enabled=False, expires_at=NOON + timedelta(hours=1))
        job = scheduler.change_job("job", enabled=False)
        assert job["overrides"]["enabled"]["expires_at"] is None
        assert scheduler.changes("job")[0].before["expires_at"] == (NOON + timedelta(hours=1)).isoformat()

    def test_a_default_that_cannot_be_gone_back_to_stalls_nothing(
        self, engine: ManualEngine, scheduler: Scheduler, caplog: pytest.LogCaptureFixture
    ) -> None:
        scheduler.register(nothing, "date", id="once", run_date=NOON + timedelta(hours=1))
        scheduler.register(nothing, "interval", id="tick", hours=1)
        scheduler.change_job("once", trigger="cron", trigger_args={"hour": 1}, expires_at=NOON + timedelta(hours=2))
        runs = engine.run_until(NOON + timedelta(hours=5))
        assert [run.job_id for run in runs] == ["tick"] * 5
        assert "has expired and stays all the same" in caplog.text


class TestUndo:
    @pytest.fixture
    def changed(self, scheduler: Scheduler) -> Scheduler:
        scheduler.register(nothing, "cron", id="job", hour=3)
        scheduler.change_job("job", trigger="cron", trigger_args={"hour": 5}, max_instances=2, author=ANN)
        return scheduler

    def test_a_change_is_undone_by_a_new_one(self, changed: Scheduler) -> None:
        (change,) = changed.changes("job")
        assert change.id is not None
        job = changed.undo_change(change.id, author=Author("bob"))
        assert (hour_of(job), job["max_instances"], job["overrides"], job["source"]) == ("3", 1, {}, "code")
        undo, _ = changed.changes("job")
        assert (undo.action, undo.author.actor, undo.after["undone"]) == ("undo", "bob", change.id)
        assert undo.id is not None
        again = changed.undo_change(undo.id)
        assert (hour_of(again), again["max_instances"]) == ("5", 2)

    def test_a_later_change_of_another_field_does_not_stand_in_the_way(self, changed: Scheduler) -> None:
        (change,) = changed.changes("job")
        changed.pause_job("job")
        assert change.id is not None
        job = changed.undo_change(change.id)
        assert (hour_of(job), job["state"]) == ("3", "paused")

    def test_a_later_change_of_the_same_field_does_and_is_named(self, changed: Scheduler) -> None:
        (change,) = changed.changes("job")
        changed.change_job("job", max_instances=9, author=Author("eve"))
        assert change.id is not None
        with pytest.raises(ChangeRefused, match=r"max_instances was changed since by change \d+ of eve"):
            changed.undo_change(change.id)
        assert changed.get_job("job")["max_instances"] == 9

    def test_what_is_not_there_or_changed_nothing_cannot_be_undone(self, changed: Scheduler) -> None:
        with pytest.raises(ChangeNotFound, match="`gnomon changes`"):
            changed.undo_change(4711)


class TestTokens:
    def test_who_changes_what_somebody_has_changed_meanwhile_is_told_what_and_by_whom(
        self, scheduler: Scheduler
    ) -> None:
        scheduler.register(nothing, "cron", id="job", hour=3)
        seen = scheduler.get_job("job")["token"]
        scheduler.change_job("job", trigger="cron", trigger_args={"hour": 5}, if_token=seen, author=ANN)
        scheduler.change_job("job", max_instances=2, author=Author("bob"))
        with pytest.raises(StaleToken, match="by 'bob' since you looked at it") as raised:
            scheduler.change_job("job", enabled=False, if_token=seen)
        assert raised.value.differing == ("max_instances", "trigger_args")
        assert raised.value.job["max_instances"] == 2
        assert scheduler.get_job("job")["enabled"] is True

    def test_a_token_that_nobody_knows_is_stale_too(self, scheduler: Scheduler) -> None:
        scheduler.register(nothing, "cron", id="job", hour=3)
        for call in (scheduler.revert_job, scheduler.adopt_default, scheduler.keep_override):
            with pytest.raises(StaleToken) as raised:
                call("job", if_token="x")
            assert raised.value.differing is None


class TestPassedOver:
    """A schedule is changed while times are due that nobody has claimed."""

    @pytest.mark.parametrize(
        "change",
        [
            {"enabled": False},
            {"trigger": "cron", "trigger_args": {"hour": 1}},
        ],
    )
    def test_due_times_get_their_lines(
        self, another_scheduler: Schedulers, clock: ManualClock, change: dict[str, Any]
    ) -> None:
        scheduler = another_scheduler()
        scheduler.register(nothing, "interval", id="tick", hours=1)
        scheduler.start_all_jobs()
        clock.advance(hours=2, minutes=30)
        scheduler.change_job("tick", **change)
        runs = scheduler.runs("tick")
        assert [(run.scheduled_at - NOON, run.state) for run in reversed(runs)] == [
            (timedelta(hours=1), RunState.MISSED),
            (timedelta(hours=2), RunState.MISSED),
        ]
        assert "was changed before this could start" in (runs[0].error or "")

    def test_a_long_outage_gets_one(self, another_scheduler: Schedulers, clock: ManualClock) -> None:
        scheduler = another_scheduler()
        scheduler.register(nothing, "interval", id="tick", seconds=1)
        scheduler.start_all_jobs()
        clock.advance(days=7)
        scheduler.pause_job("tick")
        (run,) = scheduler.runs("tick")
        assert (run.state, run.covers, run.covers_until) == (RunState.MISSED, 604_800, clock())

    def test_a_change_of_policies_leaves_them_due(self, engine: ManualEngine, scheduler: Scheduler) -> None:
        scheduler.register(nothing, "interval", id="tick", hours=1)
        engine.clock.advance(hours=1)
        scheduler.change_job("tick", max_instances=2)
        (run,) = engine.step()
        assert run.state is RunState.SUCCEEDED
