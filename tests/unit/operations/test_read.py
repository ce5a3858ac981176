"""Paused, finished or neither: what a row without a next run time is."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gnomon.domain.schedule import Schedule, StoredJob
from gnomon.domain.triggers import build
from gnomon.operations.standing import is_enabled, is_finished

ONE = datetime(2026, 3, 2, 13, tzinfo=UTC)
ONCE = build("date", {"run_date": ONE.isoformat()}, timezone="UTC")
DAILY = build("cron", {"hour": 13}, timezone="UTC")
ENDING = build("cron", {"hour": 13, "end_date": (ONE + timedelta(hours=1)).isoformat()}, timezone="UTC")
PAUSED_IN_CODE: Mapping[str, Any] = {"enabled": False}


def job(trigger: Any, next_run_time: datetime | None = None) -> StoredJob:
    schedule = Schedule(
        job_id="job",
        name="job",
        func="m:f",
        trigger=trigger,
        executor="default",
        misfire_grace_time=1,
        coalesce=True,
        max_instances=1,
    )
    return StoredJob(schedule, next_run_time)


@pytest.mark.parametrize(
    ("trigger", "next_run_time", "last", "finished"),
    [
        (ONCE, None, ONE, True),
        (ENDING, None, ONE, True),
        (ONCE, None, None, False),  # it never ran: somebody paused it
        (DAILY, None, ONE, False),
        (DAILY, ONE, ONE, False),
        (ENDING, None, ONE - timedelta(days=1), False),
    ],
)
def test_a_job_has_finished_when_it_ran_and_has_no_time_after(
    trigger: Any, next_run_time: datetime | None, last: datetime | None, finished: bool
) -> None:
    assert is_finished(job(trigger, next_run_time), last) is finished


@pytest.mark.parametrize(
    ("stored", "operator", "code", "last", "enabled"),
    [
        (job(DAILY, ONE), None, {}, None, True),
        (job(DAILY, ONE), False, PAUSED_IN_CODE, None, True),  # the row says that it fires, so it does
        (job(DAILY), None, {}, None, False),  # somebody else's program paused it
        (job(DAILY), False, {}, ONE, False),
        (job(DAILY), None, PAUSED_IN_CODE, None, False),
        (job(ONCE), None, {}, ONE, True),
        (job(ONCE), False, {}, ONE, False),
        (job(ONCE), True, PAUSED_IN_CODE, ONE, True),
        (job(ONCE), None, PAUSED_IN_CODE, ONE, False),
    ],
)
def test_a_job_is_enabled_unless_it_was_paused_and_firing_its_last_time_is_no_pause(
    stored: StoredJob, operator: bool | None, code: Mapping[str, Any], last: datetime | None, enabled: bool
) -> None:
    assert is_enabled(stored, operator, code, last) is enabled
