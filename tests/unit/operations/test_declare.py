"""What the code declares meets what is stored: what is stored stays."""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import pytest
from apscheduler.triggers.cron import CronTrigger

from gnomon import Scheduler
from gnomon.errors import DuplicateJob, InvalidInput, InvalidTrigger
from gnomon.testing import ManualClock
from tests.conformance.rows import insert, overwrite, stored
from tests.jobs import fail, nothing
from tests.unit.engine.rows import foreign_row

Another = Callable[[], Scheduler]


def timeless(job: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if key != "as_of"}


def test_only_new_jobs_are_added_and_named(another: Another) -> None:
    first = another()
    first.register(nothing, "cron", id="a", hour=1)
    assert first.start_all_jobs() == ["a"]
    assert first.start_all_jobs() == []
    second = another()
    second.register(nothing, "cron", id="a", hour=1)
    second.register(nothing, "interval", id="b", hours=1)
    assert second.start_all_jobs() == ["b"]


def test_a_start_of_the_same_code_writes_not_a_byte(another: Another, clock: ManualClock) -> None:
    rows = []
    for _ in range(2):
        scheduler = another()
        for kind, args in (("cron", {"hour": 1}), ("interval", {"hours": 1}), ("calendarinterval", {"days": 1})):
            scheduler.register(nothing, kind, id=kind, **args)
        scheduler.start_all_jobs()
        rows.append([stored(scheduler, job_id) for job_id in ("cron", "interval", "calendarinterval")])
        rows[-1].append(tuple(sorted(scheduler.store.records.bases().items())))
        clock.advance(minutes=7)
    assert rows[0] == rows[1]


def test_a_start_with_another_default_keeps_what_operators_changed(another: Another) -> None:
    before = another()
    before.register(nothing, "cron", id="job", hour=1)
    before.start_all_jobs()
    before.update_job_schedule("job", "cron", hour=2)
    before.change_job("job", enabled=False, max_instances=3)

    after = another()
    after.register(nothing, "cron", id="job", hour=9, max_instances=1, coalesce=False)
    after.start_all_jobs()

    job = after.get_job("job")
    assert (job["trigger_args"]["hour"], job["state"], job["max_instances"]) == ("2", "paused", 3)
    assert job["default"]["trigger_args"]["hour"] == "9"
    assert job["source"] == "override"


def test_a_job_that_the_code_no_longer_declares_stays(another: Another) -> None:
    before = another()
    before.register(nothing, "cron", id="old", hour=1)
    before.start_all_jobs()
    after = another()
    after.register(nothing, "cron", id="new", hour=1)
    after.start_all_jobs()
    assert {job["id"] for job in after.get_all_jobs()} == {"old", "new"}


def test_one_function_can_be_several_jobs(another: Another) -> None:
    scheduler = another()
    decorated = scheduler.job("cron", id="a", hour=1)(scheduler.job("interval", id="b", hours=1)(nothing))
    scheduler.job("crontab", "0 3 * * *")(nothing)
    assert decorated is nothing
    assert sorted(scheduler.start_all_jobs()) == ["a", "b", "nothing"]


def test_an_id_that_is_declared_twice_is_an_error_at_the_declaration(another: Another) -> None:
    scheduler = another()
    scheduler.register(nothing, "cron", id="job", hour=1)
    with pytest.raises(
        DuplicateJob, match=r"'job' is declared twice, for tests\.jobs:nothing and for tests\.jobs:fail"
    ):
        scheduler.register(fail, "cron", id="job", hour=2)
    scheduler.start_all_jobs()
    assert scheduler.get_job("job")["trigger_args"]["hour"] == "1"


@pytest.mark.parametrize(
    ("arguments", "options", "field"),
    [
        (("cron",), {"hour": 99}, "hour"),
        (("cron",), {"hours": 1}, "hours"),
        (("interval",), {"seconds": -1}, "seconds"),
        (("never",), {}, "trigger"),
        (("crontab", "x"), {}, "expression"),
        ((CronTrigger(hour=1, timezone="UTC"),), {"hour": 2}, "hour"),
        (("cron",), {"hour": 1, "max_instances": 0}, "max_instances"),
        (("cron",), {"hour": 1, "id": "a/b"}, "id"),
        (("cron",), {"hour": 1, "retries": -1}, "retries"),
        (("cron",), {"hour": 1, "timeout": -1}, "timeout"),
    ],
)
def test_a_declaration_that_makes_no_sense_is_refused_at_once(
    another: Another, arguments: tuple[Any, ...], options: dict[str, Any], field: str
) -> None:
    scheduler = another()
    with pytest.raises(InvalidInput) as raised:
        scheduler.register(nothing, *arguments, **options)
    assert raised.value.field == field
    assert scheduler.declarations == {}


def test_a_trigger_that_never_fires_is_refused_by_the_start_and_stores_nothing(another: Another) -> None:
    scheduler = another()
    scheduler.register(nothing, "cron", id="good", hour=1)
    scheduler.register(nothing, "cron", id="never", month=2, day=30)
    with pytest.raises(InvalidTrigger, match="within the next five years: the code declares it for job 'never'"):
        scheduler.start_all_jobs()
    assert scheduler.get_all_jobs() == []


def test_a_row_that_was_there_before_is_adopted_with_its_difference_as_override(another: Another) -> None:
    scheduler = another()
    scheduler.open()
    row = foreign_row(CronTrigger(hour=4, timezone="UTC"), id="job", max_instances=3, misfire_grace_time=1)
    insert(scheduler, "job", 2_000_000_000.0, row)
    scheduler.register(nothing, "cron", id="job", hour=3)
    assert scheduler.start_all_jobs() == []
    assert stored(scheduler, "job")[1] == row
    overrides = scheduler.store.records.overrides()["job"]
    assert {name: override.value for name, override in overrides.items()} == {
        "trigger": ["cron", {"hour": "4", "timezone": "UTC"}],
        "max_instances": 3,
        "misfire_grace_time": 1,
    }
    assert {override.author.actor for override in overrides.values()} == {"adopted"}
    assert scheduler.get_job("job")["source"] == "override"


def test_a_row_that_is_as_the_code_says_is_adopted_without_override(another: Another) -> None:
    scheduler = another()
    scheduler.open()
    row = foreign_row(CronTrigger(hour=3, timezone="UTC"), id="job", misfire_grace_time=3600)
    insert(scheduler, "job", 2_000_000_000.0, row)
    scheduler.register(nothing, "cron", id="job", hour=3)
    scheduler.start_all_jobs()
    assert scheduler.store.records.overrides() == {}
    assert scheduler.get_job("job")["source"] == "code"


def test_a_row_that_cannot_be_read_stops_no_start(another: Another, caplog: pytest.LogCaptureFixture) -> None:
    scheduler = another()
    scheduler.open()
    insert(scheduler, "bad", 0.0, b"garbage")
    scheduler.register(nothing, "cron", id="bad", hour=1)
    scheduler.register(nothing, "cron", id="good", hour=1)
    with caplog.at_level(logging.WARNING):
        assert scheduler.start_all_jobs() == ["good"]
    assert "'bad' is quarantined" in caplog.text
    assert scheduler.get_job("bad")["state"] == "quarantined"
    assert stored(scheduler, "bad") == (0.0, b"garbage")


def test_a_job_that_was_removed_is_stored_again_by_the_next_start(another: Another) -> None:
    scheduler = another()
    scheduler.register(nothing, "cron", id="job", hour=1)
    scheduler.start_all_jobs()
    scheduler.update_job_schedule("job", "cron", hour=2)
    scheduler.engine.remove_job("job")
    assert scheduler.start_all_jobs() == ["job"]
    job = scheduler.get_job("job")
    assert (job["trigger_args"]["hour"], job["source"], job["state"]) == ("1", "code", "active")


def test_a_start_does_not_hide_that_somebody_elses_program_changed_a_row(another: Another) -> None:
    scheduler = another()
    scheduler.register(nothing, "cron", id="job", hour=1)
    scheduler.start_all_jobs()
    row = foreign_row(CronTrigger(hour=5, timezone="UTC"), id="job")
    overwrite(scheduler, "job", job_state=row)
    again = another()
    again.register(nothing, "cron", id="job", hour=1)
    again.start_all_jobs()
    assert again.get_job("job")["source"] == "outside"
    assert timeless(again.get_job("job")) == timeless(scheduler.get_job("job"))
