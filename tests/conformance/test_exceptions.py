"""One due time is skipped or moved. The schedule stays as it is, and each due time has its one line all the same."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from threading import Event

import pytest

from gnomon import Scheduler
from gnomon.domain.change import Author
from gnomon.domain.run import Cause, Run, RunState
from gnomon.domain.triggers import build
from gnomon.engine.row_codec import body
from gnomon.errors import ChangeRefused, InvalidInput, JobNotFound, StaleToken
from gnomon.operations.outside import OutsideWatch
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.conformance.rows import overwrite
from tests.jobs import nothing

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
ONE, TWO, THREE = NOON + HOUR, NOON + 2 * HOUR, NOON + 3 * HOUR
MIA = Author("mia", reason="the warehouse moves")


@pytest.fixture
def hourly(scheduler: Scheduler) -> Scheduler:
    """A job that is due at 13:00, 14:00, 15:00 …"""
    scheduler.register(nothing, "cron", id="job", minute=0)
    return scheduler


def states(scheduler: Scheduler, job_id: str = "job") -> dict[datetime, RunState]:
    runs = scheduler.runs(job_id, limit=1000)
    found = {run.scheduled_at: run.state for run in runs}
    assert len(found) == len(runs)
    return found


def line(scheduler: Scheduler, at: datetime) -> Run:
    (found,) = [run for run in scheduler.runs("job", limit=1000) if run.scheduled_at == at]
    return found


# -- skipping


def test_the_next_run_is_skipped_and_only_that(hourly: Scheduler, engine: ManualEngine) -> None:
    before = hourly.get_job("job")
    job = hourly.skip_next("job", author=MIA)
    assert job["exceptions"] == [
        {
            "scheduled_at": ONE.isoformat(),
            "action": "skip",
            "to": None,
            "actor": "mia",
            "reason": "the warehouse moves",
        }
    ]
    assert (job["next_run_time"], job["next_start"]) == (ONE.isoformat(), TWO.isoformat())
    for key in ("token", "trigger", "trigger_args", "overrides", "source", "state"):
        assert job[key] == before[key]
    assert hourly.get_job("job") == job

    engine.run_until(NOON + 2.5 * HOUR)
    assert states(hourly) == {ONE: RunState.SKIPPED, TWO: RunState.SUCCEEDED}
    assert line(hourly, ONE).error == "skipped by mia: the warehouse moves"
    assert hourly.get_job("job")["exceptions"] == []


def test_skipping_again_skips_the_one_after(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.skip_next("job")
    assert hourly.skip_next("job")["next_start"] == THREE.isoformat()
    engine.run_until(THREE)
    assert states(hourly) == {ONE: RunState.SKIPPED, TWO: RunState.SKIPPED, THREE: RunState.SUCCEEDED}


def test_a_due_time_further_ahead_can_be_named(hourly: Scheduler, engine: ManualEngine) -> None:
    job = hourly.skip_next("job", at=TWO)
    assert job["next_start"] == job["next_run_time"] == ONE.isoformat()
    assert hourly.skip_next("job", at=TWO)["exceptions"] == job["exceptions"]
    assert [change.action for change in hourly.changes("job")] == ["skip"]
    engine.run_until(THREE)
    assert states(hourly) == {ONE: RunState.SUCCEEDED, TWO: RunState.SKIPPED, THREE: RunState.SUCCEEDED}


def test_a_due_time_is_found_by_its_second(scheduler: Scheduler, engine: ManualEngine) -> None:
    start = NOON + timedelta(seconds=30, microseconds=250)
    scheduler.register(nothing, "interval", id="job", minutes=1, start_date=start)
    job = scheduler.skip_next("job", at=start.replace(microsecond=0))
    assert job["exceptions"][0]["scheduled_at"] == start.isoformat()


@pytest.mark.parametrize("at", [NOON, NOON + 90 * MINUTE, NOON + 400 * DAY])
def test_what_is_no_due_time_to_come_is_refused(hourly: Scheduler, at: datetime) -> None:
    with pytest.raises(InvalidInput, match="one of the next 1000 due times"):
        hourly.skip_next("job", at=at)
    assert hourly.runs() == []


def test_a_paused_job_has_no_run_to_skip_or_move(hourly: Scheduler) -> None:
    hourly.pause_job("job")
    for act in (lambda: hourly.skip_next("job"), lambda: hourly.move_next("job", ONE)):
        with pytest.raises(ChangeRefused, match="paused; resume it first"):
            act()


def test_an_unknown_job_is_said_to_be_unknown(scheduler: Scheduler) -> None:
    for act in (
        lambda: scheduler.skip_next("no such"),
        lambda: scheduler.move_next("no such", ONE),
        lambda: scheduler.clear_exception("no such", ONE),
    ):
        with pytest.raises(JobNotFound):
            act()


def test_who_looked_at_another_schedule_makes_no_exception(hourly: Scheduler) -> None:
    old = hourly.get_job("job")["token"]
    hourly.update_job_schedule("job", "cron", minute=30)
    for act in (
        lambda: hourly.skip_next("job", if_token=old),
        lambda: hourly.move_next("job", ONE, if_token=old),
        lambda: hourly.clear_exception("job", ONE, if_token=old),
    ):
        with pytest.raises(StaleToken):
            act()


# -- moving


@pytest.mark.parametrize("to", [NOON + 20 * MINUTE, NOON + 110 * MINUTE])
def test_only_the_next_run_is_moved(hourly: Scheduler, engine: ManualEngine, to: datetime) -> None:
    job = hourly.move_next("job", to, author=MIA)
    assert (job["next_run_time"], job["next_start"]) == (ONE.isoformat(), to.isoformat())
    assert [(each["action"], each["to"]) for each in job["exceptions"]] == [("move", to.isoformat())]

    engine.run_until(min(to, ONE) - MINUTE)
    assert line(hourly, ONE).state is RunState.QUEUED
    engine.run_until(max(to, ONE))
    moved = line(hourly, ONE)
    assert (moved.state, moved.started_at, moved.cause) == (RunState.SUCCEEDED, to, Cause.EXCEPTION)
    engine.run_until(THREE)
    assert states(hourly) == dict.fromkeys([ONE, TWO, THREE], RunState.SUCCEEDED)
    assert hourly.get_job("job")["exceptions"] == []


def test_after_a_run_that_was_moved_ahead_its_due_time_starts_no_other(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.move_next("job", NOON + 20 * MINUTE)
    engine.run_until(NOON + 30 * MINUTE)
    job = hourly.get_job("job")
    assert (job["next_run_time"], job["next_start"]) == (ONE.isoformat(), TWO.isoformat())
    assert job["last_run"]["state"] == "succeeded"
    assert job["exceptions"] == []
    with pytest.raises(ChangeRefused, match="happened"):
        hourly.clear_exception("job", ONE)


@pytest.mark.parametrize("to", [NOON, NOON - HOUR, TWO, TWO + MINUTE])
def test_a_run_is_moved_neither_into_the_past_nor_to_the_run_after_it_or_beyond(
    hourly: Scheduler, to: datetime
) -> None:
    with pytest.raises(InvalidInput) as refused:
        hourly.move_next("job", to)
    assert refused.value.field == "to"
    assert hourly.runs() == []


def test_a_run_is_not_moved_before_the_one_that_comes_before_it(hourly: Scheduler, engine: ManualEngine) -> None:
    with pytest.raises(InvalidInput, match="after the run before it"):
        hourly.move_next("job", NOON + 30 * MINUTE, at=TWO)
    hourly.skip_next("job")
    hourly.move_next("job", NOON + 30 * MINUTE)  # there is none before it any more
    engine.run_until(TWO)
    assert states(hourly) == {ONE: RunState.SKIPPED, TWO: RunState.SUCCEEDED}
    assert line(hourly, TWO).started_at == NOON + 30 * MINUTE


def test_a_moved_run_can_be_moved_again_and_skipped(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.move_next("job", NOON + 20 * MINUTE)
    job = hourly.move_next("job", NOON + 70 * MINUTE, at=ONE)
    assert job["next_start"] == (NOON + 70 * MINUTE).isoformat()
    assert [each["to"] for each in job["exceptions"]] == [(NOON + 70 * MINUTE).isoformat()]
    hourly.skip_next("job")
    engine.run_until(TWO)
    assert states(hourly) == {ONE: RunState.SKIPPED, TWO: RunState.SUCCEEDED}
    changes = hourly.changes("job")
    assert [change.action for change in changes] == ["skip", "move", "move"]
    assert [each["action"] for each in changes[0].before["exceptions"]] == ["move"]


def test_skipping_the_next_run_never_takes_another_for_one_that_waits_at_its_new_time(
    hourly: Scheduler, engine: ManualEngine
) -> None:
    hourly.move_next("job", NOON + 90 * MINUTE)
    engine.run_until(ONE + MINUTE)
    assert hourly.get_job("job")["next_start"] == (NOON + 90 * MINUTE).isoformat()
    for act in (lambda: hourly.skip_next("job"), lambda: hourly.move_next("job", NOON + 100 * MINUTE)):
        with pytest.raises(ChangeRefused, match="its due time is over"):
            act()
    hourly.skip_next("job", at=TWO)
    engine.run_until(TWO)
    assert states(hourly) == {ONE: RunState.SUCCEEDED, TWO: RunState.SKIPPED}


def test_a_one_shot_job_can_be_moved_and_is_finished_when_it_has_run(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.register(nothing, "date", id="job", run_date=ONE)
    scheduler.move_next("job", NOON + 5 * HOUR)
    engine.run_until(TWO)
    job = scheduler.get_job("job")
    assert (job["next_run_time"], job["next_start"]) == (None, (NOON + 5 * HOUR).isoformat())
    assert job["state"] == "finished"
    engine.run_until(NOON + 5 * HOUR)
    assert line(scheduler, ONE).started_at == NOON + 5 * HOUR
    assert scheduler.get_job("job")["next_start"] is None


def test_a_one_shot_job_that_is_skipped_is_finished_when_its_time_has_come(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.register(nothing, "date", id="job", run_date=ONE)
    assert scheduler.skip_next("job")["state"] == "active"
    engine.run_until(TWO)
    assert scheduler.get_job("job")["state"] == "finished"
    assert states(scheduler) == {ONE: RunState.SKIPPED}


def test_jitter_delays_no_run_that_was_moved(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", minute=0, jitter=600)
    job = scheduler.get_job("job")
    assert ONE < datetime.fromisoformat(job["next_start"]) < ONE + 10 * MINUTE
    assert scheduler.move_next("job", NOON + 30 * MINUTE)["next_start"] == (NOON + 30 * MINUTE).isoformat()
    engine.run_until(THREE)
    assert line(scheduler, ONE).started_at == NOON + 30 * MINUTE


def test_what_is_shown_as_the_next_start_is_when_it_starts(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", minute=0, jitter=600)
    shown = datetime.fromisoformat(scheduler.get_job("job")["next_start"])
    engine.run_until(shown - timedelta(microseconds=1))
    engine.run_until(shown)
    assert line(scheduler, ONE).started_at == shown


# -- taking it back


@pytest.mark.parametrize("make", ["skip", "move"])
def test_an_exception_that_is_taken_back_was_never_made(hourly: Scheduler, engine: ManualEngine, make: str) -> None:
    before = hourly.get_job("job")
    if make == "skip":
        hourly.skip_next("job")
    else:
        hourly.move_next("job", NOON + 70 * MINUTE)
    assert hourly.clear_exception("job", ONE, author=MIA) == before
    assert hourly.runs() == []
    engine.run_until(TWO)
    assert states(hourly) == {ONE: RunState.SUCCEEDED, TWO: RunState.SUCCEEDED}
    assert line(hourly, ONE).started_at == ONE


def test_what_has_happened_is_not_taken_back(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.skip_next("job")
    hourly.move_next("job", TWO + 30 * MINUTE)
    engine.run_until(TWO + MINUTE)
    for at in (ONE, TWO, THREE):
        with pytest.raises(ChangeRefused, match="no exception"):
            hourly.clear_exception("job", at)
    engine.run_until(TWO + 30 * MINUTE)
    assert states(hourly) == {ONE: RunState.SKIPPED, TWO: RunState.SUCCEEDED}


def test_each_exception_is_a_line_of_the_audit_log(hourly: Scheduler) -> None:
    hourly.skip_next("job", author=MIA)
    hourly.move_next("job", NOON + 110 * MINUTE)
    hourly.clear_exception("job", ONE)
    clear, move, skip = hourly.changes("job")
    assert [change.action for change in (skip, move, clear)] == ["skip", "move", "clear"]
    assert (skip.author.actor, skip.author.reason) == ("mia", "the warehouse moves")
    assert (skip.before, [each["action"] for each in skip.after["exceptions"]]) == ({"exceptions": []}, ["skip"])
    assert clear.after == {"exceptions": []}
    assert [each["scheduled_at"] for each in clear.before["exceptions"]] == [ONE.isoformat()]


def test_exceptions_can_be_undone(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.move_next("job", NOON + 70 * MINUTE)
    (move,) = hourly.changes("job")
    assert move.id is not None
    assert hourly.undo_change(move.id)["exceptions"] == []
    with pytest.raises(ChangeRefused, match="happened, or was changed"):
        hourly.undo_change(move.id)
    undone = hourly.changes("job")[0]
    assert undone.id is not None
    assert hourly.undo_change(undone.id)["next_start"] == (NOON + 70 * MINUTE).isoformat()
    engine.run_until(TWO)
    with pytest.raises(ChangeRefused, match="happened"):
        hourly.undo_change(hourly.changes("job")[0].id or 0)
    assert states(hourly) == {ONE: RunState.SUCCEEDED, TWO: RunState.SUCCEEDED}


# -- the schedule changes meanwhile


def test_an_exception_for_a_time_that_is_no_due_time_any_more_is_dropped_and_the_log_says_so(
    hourly: Scheduler, engine: ManualEngine
) -> None:
    hourly.skip_next("job")
    hourly.move_next("job", TWO + MINUTE)
    job = hourly.change_job("job", trigger="cron", trigger_args={"minute": 0, "hour": "14-23"})
    assert [each["scheduled_at"] for each in job["exceptions"]] == [TWO.isoformat()]
    (change,) = [each for each in hourly.changes("job") if each.action == "reschedule"]
    assert [each["scheduled_at"] for each in change.before["exceptions"]] == [ONE.isoformat()]
    assert change.after["exceptions"] == []
    engine.run_until(THREE)
    assert states(hourly) == {TWO: RunState.SUCCEEDED, THREE: RunState.SUCCEEDED}


def test_undoing_a_change_of_schedule_brings_the_exceptions_back_that_it_dropped(hourly: Scheduler) -> None:
    job = hourly.skip_next("job")
    hourly.update_job_schedule("job", "cron", minute=30)
    assert hourly.get_job("job")["exceptions"] == []
    again = hourly.undo_change(hourly.changes("job")[0].id or 0)
    assert [each["scheduled_at"] for each in again["exceptions"]] == [ONE.isoformat()]
    assert again["next_start"] == job["next_start"]


def test_a_policy_can_be_changed_under_an_exception(hourly: Scheduler) -> None:
    job = hourly.skip_next("job")
    assert hourly.change_job("job", max_instances=3)["exceptions"] == job["exceptions"]
    assert "exceptions" not in hourly.changes("job")[0].after


def test_pausing_keeps_what_is_skipped_and_drops_what_was_moved(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.move_next("job", NOON + 90 * MINUTE)
    hourly.skip_next("job", at=TWO)
    hourly.pause_job("job")
    job = hourly.get_job("job")
    assert [(each["scheduled_at"], each["action"]) for each in job["exceptions"]] == [(TWO.isoformat(), "skip")]
    assert job["next_start"] is None
    assert [each["action"] for each in hourly.changes("job")[0].before["exceptions"]] == ["move"]
    engine.clock.set(NOON + 30 * MINUTE)
    assert hourly.resume_job("job")
    assert hourly.get_job("job")["next_start"] == ONE.isoformat()
    engine.run_until(THREE)
    assert states(hourly) == {ONE: RunState.SUCCEEDED, TWO: RunState.SKIPPED, THREE: RunState.SUCCEEDED}


def test_a_moved_run_whose_due_time_is_over_is_missed_when_the_job_is_paused(
    hourly: Scheduler, engine: ManualEngine
) -> None:
    hourly.move_next("job", NOON + 90 * MINUTE)
    engine.run_until(ONE + MINUTE)
    hourly.pause_job("job")
    assert engine.run_until(THREE) == []
    assert states(hourly) == {ONE: RunState.MISSED}
    assert "changed before this run" in str(line(hourly, ONE).error)


def test_reverting_and_expiry_drop_what_no_longer_holds(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.change_job("job", trigger="cron", trigger_args={"minute": 30}, expires_at=NOON + 20 * MINUTE)
    hourly.skip_next("job")
    engine.clock.set(NOON + 21 * MINUTE)
    engine.step()
    assert hourly.get_job("job")["exceptions"] == []
    (expiry,) = [each for each in hourly.changes("job") if each.action == "expire"]
    assert len(expiry.before["exceptions"]) == 1
    engine.run_until(TWO)
    assert states(hourly) == {ONE: RunState.SUCCEEDED, TWO: RunState.SUCCEEDED}


def test_a_job_that_is_removed_takes_its_exceptions_along(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.move_next("job", NOON + 30 * MINUTE)
    hourly.skip_next("job", at=TWO)
    hourly.engine.remove_job("job")
    assert hourly.runs() == []
    assert hourly.start_all_jobs() == ["job"]
    assert hourly.get_job("job")["exceptions"] == []
    engine.run_until(TWO)
    assert states(hourly) == {ONE: RunState.SUCCEEDED, TWO: RunState.SUCCEEDED}


def test_what_another_program_makes_of_the_schedule_drops_exceptions_when_it_is_noticed(
    hourly: Scheduler, engine: ManualEngine
) -> None:
    hourly.skip_next("job")
    store = hourly.engine.job_store
    row = store.store.schedules.get("job")
    assert row is not None
    found = store.decode(row)
    trigger = build("cron", {"minute": 30, "timezone": "UTC"}, timezone="UTC")
    fields = {name: getattr(found.schedule, name) for name in found.schedule.__slots__}
    at = NOON + 30 * MINUTE
    state = store.codec.encode(type(found.schedule)(**{**fields, "trigger": trigger}), at)
    overwrite(hourly, "job", job_state=state, next_run_time=at.timestamp())

    OutsideWatch(hourly._context, body).look()

    assert hourly.get_job("job")["exceptions"] == []
    change = hourly.changes("job")[0]
    assert change.action == "outside"
    assert [each["scheduled_at"] for each in change.before["exceptions"]] == [ONE.isoformat()]


# -- beside other rules


def test_a_run_that_was_moved_far_ahead_keeps_no_other_from_running(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.move_next("job", NOON + 5.5 * HOUR, at=NOON + 5 * HOUR)
    run = hourly.run_job("job")
    engine.run_until(NOON + 4 * HOUR)
    assert hourly.run(run).state is RunState.SUCCEEDED
    assert [states(hourly)[NOON + n * HOUR] for n in range(1, 5)] == [RunState.SUCCEEDED] * 4


def test_a_moved_run_that_finds_as_many_active_as_may_be_is_skipped(
    scheduler: Scheduler, engine: ManualEngine, gate: Event
) -> None:
    scheduler.register(lambda: gate.wait(30), "cron", id="job", minute=0)
    scheduler.move_next("job", ONE + 30 * MINUTE, at=ONE)
    engine.clock.set(ONE + 20 * MINUTE)
    run = scheduler.run_job("job")
    engine.step(wait=False)
    engine.clock.set(ONE + 30 * MINUTE)
    engine.step(wait=False)
    assert line(scheduler, ONE).state is RunState.SKIPPED
    gate.set()
    engine.settle()
    assert scheduler.run(run).state is RunState.SUCCEEDED


@pytest.mark.parametrize(("late", "state"), [(HOUR, RunState.SUCCEEDED), (HOUR + MINUTE, RunState.MISSED)])
def test_the_grace_time_of_a_moved_run_counts_from_its_new_time(
    hourly: Scheduler, engine: ManualEngine, late: timedelta, state: RunState
) -> None:
    hourly.change_job("job", max_instances=2)
    hourly.move_next("job", NOON + 110 * MINUTE)
    engine.clock.set(NOON + 110 * MINUTE + late)
    engine.step()
    assert states(hourly)[ONE] is state
    assert states(hourly)[TWO] is RunState.SUCCEEDED


def test_overdue_times_are_not_folded_into_one_that_is_skipped(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.skip_next("job", at=THREE)
    engine.clock.set(THREE + 5 * MINUTE)
    engine.step()
    # The last that is not skipped is more than an hour late.
    assert states(hourly) == {ONE: RunState.MISSED, TWO: RunState.MISSED, THREE: RunState.SKIPPED}
    engine.clock.set(NOON + 4 * HOUR + MINUTE)
    engine.step()
    assert states(hourly)[NOON + 4 * HOUR] is RunState.SUCCEEDED


def test_of_overdue_times_the_last_that_is_not_skipped_runs(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "cron", id="job", minute=0, misfire_grace_time=None)
    scheduler.skip_next("job", at=THREE)
    engine.clock.set(THREE + 5 * MINUTE)
    engine.step()
    assert states(scheduler) == {ONE: RunState.COALESCED, TWO: RunState.SUCCEEDED, THREE: RunState.SKIPPED}


def test_after_a_long_outage_no_due_time_is_without_a_line(scheduler: Scheduler, engine: ManualEngine) -> None:
    """The first time has its line already, so the line that sums up the others has another key."""
    scheduler.register(nothing, "cron", id="job", minute="*")
    scheduler.skip_next("job")
    engine.clock.set(NOON + 3 * HOUR)
    engine.step()
    last, summary, skipped = sorted(scheduler.runs("job"), key=lambda run: run.scheduled_at, reverse=True)
    assert (skipped.scheduled_at, skipped.state) == (NOON + MINUTE, RunState.SKIPPED)
    assert (summary.scheduled_at, summary.covers_until) == (NOON + 2 * MINUTE, last.scheduled_at)
    assert (last.scheduled_at, last.state) == (NOON + 3 * HOUR, RunState.SUCCEEDED)


def test_a_schedule_that_is_changed_during_a_long_outage_leaves_no_due_time_without_a_line(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.register(nothing, "cron", id="job", minute="*")
    scheduler.skip_next("job")
    engine.clock.set(NOON + 3 * HOUR)
    scheduler.update_job_schedule("job", "cron", minute=30)
    summary, skipped = sorted(scheduler.runs("job"), key=lambda run: run.scheduled_at, reverse=True)
    assert (skipped.scheduled_at, summary.scheduled_at) == (NOON + MINUTE, NOON + 2 * MINUTE)


def test_a_clock_that_goes_back_undoes_no_exception(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.skip_next("job")
    hourly.move_next("job", NOON + 110 * MINUTE, at=TWO)
    engine.run_until(TWO)
    engine.clock.set(NOON)
    engine.run_until(THREE)
    assert states(hourly) == {ONE: RunState.SKIPPED, TWO: RunState.SUCCEEDED, THREE: RunState.SUCCEEDED}


def test_a_moved_run_starts_on_the_node_that_has_the_code(
    scheduler: Scheduler, engine: ManualEngine, another_engine: Callable[..., ManualEngine]
) -> None:
    other = another_engine()
    other.scheduler.register(nothing, "cron", id="job", minute=0)
    scheduler.move_next("job", NOON + 30 * MINUTE)
    engine.clock.set(NOON + 31 * MINUTE)
    engine.step()
    assert line(scheduler, ONE).state is RunState.QUEUED
    other.step()
    assert line(scheduler, ONE).state is RunState.SUCCEEDED


def test_the_last_run_is_one_that_has_happened(hourly: Scheduler, engine: ManualEngine) -> None:
    engine.run_until(ONE)
    hourly.skip_next("job")
    hourly.move_next("job", THREE + MINUTE, at=THREE)
    assert hourly.get_job("job")["last_run"]["scheduled_at"] == ONE.isoformat()
    engine.run_until(TWO)
    assert hourly.get_job("job")["last_run"]["scheduled_at"] == TWO.isoformat()


def test_no_line_ahead_is_forgotten_and_none_stands_for_the_newest_run(hourly: Scheduler, engine: ManualEngine) -> None:
    engine.run_until(ONE)
    hourly.skip_next("job")
    hourly.skip_next("job")
    assert hourly.store.ledger.prune(before=NOON + 99 * DAY, keep=1, limit=100) == 0
    engine.run_until(NOON + 4 * HOUR)
    assert hourly.store.ledger.prune(before=NOON + 99 * DAY, keep=1, limit=100) == 3
    assert states(hourly) == {NOON + 4 * HOUR: RunState.SUCCEEDED}


def test_who_made_an_exception_is_forgotten_when_its_run_is(hourly: Scheduler, engine: ManualEngine) -> None:
    hourly.skip_next("job")
    hourly.store.exceptions.forget(before=ONE)
    assert len(hourly.get_job("job")["exceptions"]) == 1
    engine.run_until(TWO)
    hourly.store.exceptions.forget(before=ONE + MINUTE)
    assert hourly.store.exceptions.taken(since=NOON, until=TWO) == {}
