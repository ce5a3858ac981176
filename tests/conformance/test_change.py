"""Changes of a schedule: what may be left out, and what stays."""

from __future__ import annotations

from typing import Any

import pytest

from gnomon import Scheduler
from gnomon.store.session import Session
from tests.jobs import nothing


def test_a_crontab_expression_may_stand_without_a_name(migrated_url: str) -> None:
    scheduler = Scheduler(migrated_url, timezone="UTC")
    scheduler.register(nothing, "crontab", "0 3 * * *", id="report")
    scheduler.start_all_jobs()
    assert scheduler.update_job_schedule("report", "crontab", "0 4 * * 1-5")
    assert scheduler.get_job("report")["trigger_args"]["expression"] == "0 4 * * 1-5"
    assert len(scheduler.preview("crontab", "0 4 * * 1-5").fire_times) == 5
    assert scheduler.preview_change("report", "crontab", "0 5 * * *", count=2).after.trigger.words.startswith(
        "at 05:00"
    )
    scheduler.close()


def test_a_new_trigger_counts_in_the_time_zone_of_the_job(migrated_url: str) -> None:
    scheduler = Scheduler(migrated_url, timezone="UTC")
    scheduler.register(nothing, "cron", id="report", hour=3, timezone="Asia/Tokyo")
    scheduler.start_all_jobs()
    assert scheduler.update_job_schedule("report", "interval", hours=2)
    assert scheduler.get_job("report")["timezone"] == "Asia/Tokyo"
    assert scheduler.update_job_schedule("report", "cron", hour=4)
    assert scheduler.get_job("report")["trigger_args"] == {"hour": "4", "timezone": "Asia/Tokyo"}
    assert scheduler.update_job_schedule("report", "cron", hour=4, timezone="Europe/Berlin")
    assert scheduler.get_job("report")["timezone"] == "Europe/Berlin"
    scheduler.close()


def test_a_patch_that_changes_nothing_writes_nothing(migrated_url: str) -> None:
    scheduler = Scheduler(migrated_url, timezone="UTC")
    scheduler.register(nothing, "cron", id="report", hour=3)
    scheduler.start_all_jobs()
    assert scheduler.update_job_schedule("report", "cron", hour=3)
    assert scheduler.changes() == []
    assert scheduler.get_job("report")["source"] == "code"
    scheduler.close()


def test_going_back_to_the_default_ends_the_override(migrated_url: str) -> None:
    scheduler = Scheduler(migrated_url, timezone="UTC")
    scheduler.register(nothing, "cron", id="report", hour=3)
    scheduler.start_all_jobs()
    scheduler.update_job_schedule("report", "cron", hour=4)
    assert scheduler.get_job("report")["source"] == "override"
    scheduler.update_job_schedule("report", "cron", hour=3)
    assert scheduler.get_job("report")["source"] == "code"
    assert scheduler.store.records.overrides(["report"]) == {}
    scheduler.close()


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"trigger": "cron", "trigger_args": {"hour": 4}}, id="trigger"),
        pytest.param({"enabled": False}, id="enabled"),
        pytest.param({"misfire_grace_time": 7}, id="policy"),
    ],
)
def test_a_change_asks_the_database_once_before_and_writes_once_after(
    migrated_url: str, monkeypatch: pytest.MonkeyPatch, change: dict[str, Any]
) -> None:
    # One question in between would be asked for each change of a group, and end what they share (docs/decisions).
    scheduler = Scheduler(migrated_url, timezone="UTC")
    scheduler.register(nothing, "cron", id="report", hour=3)
    scheduler.start_all_jobs()
    in_between: list[str] = []
    execute = Session.execute

    def told(session: Session, statement: str, *args: Any) -> Any:
        if session.batch is not None:
            in_between.append(statement)
        return execute(session, statement, *args)

    monkeypatch.setattr(Session, "execute", told)
    after = scheduler.change_job("report", **change)
    assert in_between == []
    assert after["overrides"]
    scheduler.close()
