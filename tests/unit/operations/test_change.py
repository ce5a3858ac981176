"""A change: what is written beside the schedule, what is refused, and what is true when nobody heard the end."""

from __future__ import annotations

from typing import Any

import pytest

from gnomon import Scheduler
from gnomon.domain.change import Author, Origin
from gnomon.errors import InvalidInput, JobNotFound, StoreUnavailable
from gnomon.store.database import CommitUncertain
from gnomon.testing import ManualClock
from tests.jobs import nothing
from tests.unit.operations.conftest import NOON


def timeless(job: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if key != "as_of"}


def test_a_change_returns_the_job_as_the_next_read_finds_it(scheduler: Scheduler) -> None:
    done = scheduler.change_job("job", trigger="cron", trigger_args={"hour": 16}, coalesce=False, max_instances=2)
    assert timeless(done) == timeless(scheduler.get_job("job"))
    assert (done["trigger_args"]["hour"], done["coalesce"], done["max_instances"]) == ("16", False, 2)
    assert done["source"] == "override"


def test_the_log_says_who_changed_what_from_what_to_what_why_and_from_where(
    scheduler: Scheduler, clock: ManualClock
) -> None:
    clock.advance(minutes=5)
    scheduler.change_job(
        "job", trigger="cron", trigger_args={"hour": 16}, max_instances=1, author=Author("ann", Origin.CLI, "later")
    )
    (change,) = scheduler.changes("job")
    assert (change.author, change.action, change.at) == (Author("ann", Origin.CLI, "later"), "reschedule", clock())
    assert change.before == {"trigger": "cron", "trigger_args": {"hour": "15", "timezone": "UTC"}}
    assert change.after == {"trigger": "cron", "trigger_args": {"hour": "16", "timezone": "UTC"}}


@pytest.mark.parametrize(
    ("fields", "action"),
    [
        ({"enabled": False}, "pause"),
        ({"max_instances": 5}, "change"),
        ({"enabled": False, "max_instances": 5}, "change"),
        ({"trigger": "cron", "trigger_args": {"hour": 1}, "enabled": False}, "reschedule"),
    ],
)
def test_the_log_names_what_was_done(scheduler: Scheduler, fields: dict[str, Any], action: str) -> None:
    scheduler.change_job("job", **fields)
    assert [change.action for change in scheduler.changes()] == [action]


@pytest.mark.parametrize(
    "fields",
    [
        {},
        {"enabled": True},
        {"max_instances": 1, "coalesce": True, "misfire_grace_time": 3600},
        {"trigger": "cron", "trigger_args": {"hour": 15}},
    ],
)
def test_what_is_so_already_is_no_change(scheduler: Scheduler, fields: dict[str, Any]) -> None:
    before = timeless(scheduler.get_job("job"))
    assert timeless(scheduler.change_job("job", **fields)) == before
    assert scheduler.changes() == []
    assert scheduler.store.records.overrides() == {}


def test_each_field_that_differs_from_the_code_is_an_override_until_it_is_as_the_code_says(
    scheduler: Scheduler, clock: ManualClock
) -> None:
    author = Author("ann", Origin.API, "it is too early")
    scheduler.change_job("job", trigger="cron", trigger_args={"hour": 16}, enabled=False, coalesce=False, author=author)
    overrides = scheduler.store.records.overrides()["job"]
    assert {name: (override.base, override.value) for name, override in overrides.items()} == {
        "trigger": (["cron", {"hour": "15", "timezone": "UTC"}], ["cron", {"hour": "16", "timezone": "UTC"}]),
        "enabled": (True, False),
        "coalesce": (True, False),
    }
    assert {(override.author, override.changed_at) for override in overrides.values()} == {(author, NOON)}

    scheduler.change_job("job", trigger="cron", trigger_args={"hour": 15}, enabled=True)
    assert scheduler.store.records.overrides()["job"].keys() == {"coalesce"}
    assert scheduler.get_job("job")["source"] == "override"
    scheduler.change_job("job", coalesce=True)
    assert scheduler.get_job("job")["source"] == "code"


@pytest.mark.parametrize(
    ("fields", "named"),
    [
        ({"func": "os:system"}, "func"),
        ({"name": "x"}, "name"),
        ({"max_instances": 0}, "max_instances"),
        ({"enabled": 1}, "enabled"),
        ({"trigger_args": {"hour": 1}}, "trigger"),
        ({"trigger": "cron", "trigger_args": {"hour": 1}, "coalesce": "yes"}, "coalesce"),
        ({"trigger": "date", "trigger_args": {"run_date": "2026-01-01"}, "max_instances": 2}, "trigger"),
        ({"trigger": "cron", "trigger_args": {"hour": 1}, "next_run_time": None}, "next_run_time"),
    ],
)
def test_a_change_with_one_bad_field_changes_none(scheduler: Scheduler, fields: dict[str, Any], named: str) -> None:
    before = timeless(scheduler.get_job("job"))
    with pytest.raises(InvalidInput) as raised:
        scheduler.change_job("job", **fields)
    assert raised.value.field == named
    assert timeless(scheduler.get_job("job")) == before
    assert scheduler.changes() == []


def test_a_job_that_no_code_declares_can_be_changed_and_its_change_is_logged(scheduler: Scheduler) -> None:
    scheduler.engine.add_job(nothing, "cron", id="added", hour=1)
    scheduler.change_job("added", trigger="cron", trigger_args={"hour": 2}, enabled=False)
    job = scheduler.get_job("added")
    assert (job["state"], job["trigger_args"]["hour"], job["default"]) == ("paused", "2", None)
    assert scheduler.changes("added")[0].before["trigger_args"]["hour"] == "1"
    scheduler.resume_job("added")
    assert scheduler.get_job("added")["state"] == "active"


def test_an_unknown_job_is_not_found_before_anything_is_written(scheduler: Scheduler) -> None:
    with pytest.raises(JobNotFound):
        scheduler.change_job("nope", enabled=False)
    assert scheduler.changes() == []


class TestAnEndThatNobodyHeard:
    """The connection breaks around COMMIT."""

    def broken_at(self, scheduler: Scheduler, point: str, error: Exception) -> None:
        def boundary(reached: str) -> None:
            if reached == point:
                scheduler.store.database.boundary = None
                raise error

        scheduler.store.database.boundary = boundary

    def test_a_change_that_was_committed_is_reported_as_done(self, scheduler: Scheduler) -> None:
        self.broken_at(scheduler, "change:committed", CommitUncertain("cut"))
        assert scheduler.update_job_schedule("job", "cron", hour=16) is True
        assert scheduler.get_job("job")["trigger_args"]["hour"] == "16"
        assert len(scheduler.changes()) == 1

    def test_one_that_was_not_is_not(self, scheduler: Scheduler) -> None:
        before = timeless(scheduler.get_job("job"))
        self.broken_at(scheduler, "change:commit", CommitUncertain("cut"))
        assert scheduler.update_job_schedule("job", "cron", hour=16) is False
        assert timeless(scheduler.get_job("job")) == before
        assert scheduler.changes() == []

    def test_one_of_which_nothing_can_be_known_is_not_said_to_be_done(
        self, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def gone(_key: str) -> bool:
            raise StoreUnavailable("still gone")

        self.broken_at(scheduler, "change:committed", CommitUncertain("cut while committing"))
        monkeypatch.setattr("gnomon.store.store._SETTLED_WITHIN", 0.2)
        monkeypatch.setattr(scheduler.store.records, "has_change", gone)
        with pytest.raises(CommitUncertain, match="cut while committing"):
            scheduler.change_job("job", enabled=False)

    def test_a_manual_run_that_was_committed_is_queued_once(self, scheduler: Scheduler) -> None:
        self.broken_at(scheduler, "run_now:committed", CommitUncertain("cut"))
        try:
            run_id = scheduler.run_job("job")
        except StoreUnavailable:
            return  # then it is not said to be queued, which is true to the letter only
        assert [run.id for run in scheduler.runs("job")] == [run_id]
