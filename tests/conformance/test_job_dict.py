"""The dict of a job: one for Python, REST and command line, complete enough to be sent back."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from starlette.testclient import TestClient

from gnomon import Scheduler
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.conformance.hostile_triggers import Moody
from tests.jobs import nothing

KEYS = {
    *("id", "name", "description", "enabled", "trigger", "trigger_args", "timezone", "schedule", "next_run_time"),
    *("source", "default", "misfire_grace_time", "coalesce", "max_instances", "executor", "token", "last_run", "as_of"),
    *("state", "problem", "overrides", "exceptions", "next_start", "calendar", "task", "kwargs"),
}
KINDS: dict[str, dict[str, Any]] = {
    "cron": {
        "hour": "3-5",
        "day_of_week": "mon-fri",
        "jitter": 20,
        "start_date": "2050-04-01",
        "timezone": "Asia/Tokyo",
    },
    "interval": {"hours": 1, "seconds": 0.5, "end_date": "2052-01-01T00:00:00+05:30", "timezone": "Asia/Kolkata"},
    "date": {"run_date": "2050-10-30T02:30:00+01:00", "timezone": "Europe/Berlin"},
    "calendarinterval": {"months": 1, "hour": 8, "start_date": "2050-01-31", "timezone": "America/New_York"},
    "crontab": {"expression": "0 3 1,15 * mon", "jitter": 5, "timezone": "Europe/Berlin"},
}


@pytest.fixture
def client(scheduler: Scheduler) -> Iterator[TestClient]:
    with TestClient(scheduler.asgi(), base_url="http://localhost", client=("127.0.0.1", 50000)) as client:
        yield client


def timeless(job: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in job.items() if key != "as_of"}


@pytest.mark.parametrize("kind", KINDS)
def test_sending_trigger_and_args_back_is_no_change(
    scheduler: Scheduler, client: TestClient, engine: ManualEngine, kind: str
) -> None:
    scheduler.register(nothing, kind, id="job", **KINDS[kind])
    before = scheduler.get_job("job")
    assert (before["trigger"], before["timezone"]) == (kind, KINDS[kind]["timezone"])

    engine.clock.advance(minutes=17)
    assert scheduler.update_job_schedule("job", before["trigger"], **before["trigger_args"])

    after = scheduler.get_job("job")
    same = ("token", "trigger", "trigger_args", "next_run_time", "schedule", "source")
    assert [after[key] for key in same] == [before[key] for key in same]
    assert scheduler.changes() == []
    sent = {"trigger": before["trigger"], "trigger_args": before["trigger_args"]}
    assert (
        client.patch("/api/scheduler/jobs/job", json=sent, headers={"If-Match": "*"}).json()["token"] == before["token"]
    )


def test_it_has_exactly_these_keys_in_every_state_and_is_json_ready(
    scheduler: Scheduler, engine: ManualEngine, client: TestClient
) -> None:
    for kind, args in KINDS.items():
        scheduler.register(nothing, kind, id=kind, **args)
    scheduler.register(nothing, "cron", id="paused", hour=1, enabled=False)
    scheduler.register(nothing, "date", id="finished", run_date=NOON + timedelta(minutes=1))
    trigger = OrTrigger([CronTrigger(hour=1, timezone="UTC"), AndTrigger([CronTrigger(hour=2, timezone="UTC")])])
    scheduler.register(nothing, trigger, id="combined")
    scheduler.engine.add_job(nothing, "cron", id="added", hour=1, next_run_time=None)
    engine.run_until(NOON + timedelta(minutes=2))

    jobs = scheduler.get_all_jobs()
    assert len(jobs) == 9
    for job in jobs:
        assert set(job) == KEYS
        assert json.loads(json.dumps(job)) == job
    assert {job["id"]: job["state"] for job in jobs} == {
        **dict.fromkeys(KINDS, "active"),
        "combined": "active",
        "paused": "paused",
        "added": "paused",
        "finished": "finished",
    }


def test_python_and_rest_show_the_same(scheduler: Scheduler, engine: ManualEngine, client: TestClient) -> None:
    for kind, args in KINDS.items():
        scheduler.register(nothing, kind, id=kind, description=f"A {kind} job.", **args)
    listed = [timeless(job) for job in client.get("/api/scheduler/jobs").json()["jobs"]]
    assert listed == [timeless(job) for job in scheduler.get_all_jobs()]
    for job in listed:
        assert timeless(client.get(f"/api/scheduler/jobs/{job['id']}").json()) == job
        assert timeless(scheduler.get_job(job["id"])) == job


def test_its_fields_say_what_was_declared(scheduler: Scheduler) -> None:
    scheduler.register(
        nothing,
        "crontab",
        "0 3 * * 1-5",
        id="job",
        name="Nightly job",
        description="Does it.",
        timezone="Europe/Berlin",
        misfire_grace_time=None,
        coalesce=False,
        max_instances=3,
    )
    job = scheduler.get_job("job")
    assert (job["name"], job["description"], job["executor"]) == ("Nightly job", "Does it.", "threads")
    assert (job["misfire_grace_time"], job["coalesce"], job["max_instances"]) == (None, False, 3)
    assert job["trigger_args"] == {"expression": "0 3 * * 1-5", "timezone": "Europe/Berlin"}
    assert job["default"] == {"trigger": "crontab", "trigger_args": job["trigger_args"], "enabled": True}
    assert job["next_run_time"] == "2050-03-08T03:00:00+01:00"
    assert "Europe/Berlin" in job["schedule"]
    assert datetime.fromisoformat(job["as_of"]) == NOON


def test_the_list_is_by_next_run_time_and_ends_with_those_that_have_none(scheduler: Scheduler) -> None:
    for name, hour in (("b", 15), ("a", 14), ("c", 13)):
        scheduler.register(nothing, "cron", id=name, hour=hour)
    for name in ("z", "y"):
        scheduler.register(nothing, "cron", id=name, hour=12, enabled=False)
    assert [job["id"] for job in scheduler.get_all_jobs()] == ["c", "a", "b", "y", "z"]


def test_what_a_caller_does_to_a_dict_is_not_what_the_next_one_gets(scheduler: Scheduler) -> None:
    trigger = OrTrigger([CronTrigger(hour=1, timezone="UTC"), CronTrigger(hour=2, timezone="UTC")])
    scheduler.register(nothing, trigger, id="combined")
    scheduler.register(nothing, "cron", id="plain", hour=3)
    before = json.dumps([timeless(job) for job in scheduler.get_all_jobs()])
    for job in [*scheduler.get_all_jobs(), scheduler.get_job("plain"), scheduler.get_job("combined")]:
        spoil(job)
    assert json.dumps([timeless(job) for job in scheduler.get_all_jobs()]) == before


def spoil(value: Any) -> None:
    """Change everything that can be changed in it."""
    for item in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
        spoil(item)
    if isinstance(value, dict):
        for key in list(value):
            value[key] = "spoiled"
    elif isinstance(value, list):
        value.append("spoiled")


def test_the_token_of_a_trigger_of_the_applications_own_is_the_same_in_every_process(
    another_scheduler: Callable[..., Scheduler],
) -> None:
    one, other = (another_scheduler(allow=["tests.conformance.hostile_triggers"]) for _ in range(2))
    one.register(nothing, Moody(), id="job")
    one.start_all_jobs()
    assert one.get_job("job")["token"] == other.get_job("job")["token"]
    assert other.get_job("job")["source"] == "code"
    assert other.get_job("job")["trigger_args"]["class"] == "tests.conformance.hostile_triggers:Moody"
