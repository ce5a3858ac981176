"""Rows that somebody else wrote into the table of a running node: none is carried out, and the others fire on."""

from __future__ import annotations

import pickle
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import AndTrigger, OrTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger

from gnomon import RunState, Scheduler
from tests.faults.ledger_checks import check_ledger
from tests.faults.nodes import SECOND, declared, running
from tests.processes import wait_until
from tests.unit.engine.rows import foreign_row, row_of_operations
from tests.unit.engine.test_hostile_rows import ATTACKS, call, in_list, text

pytestmark = pytest.mark.slow

DUE = datetime(2026, 1, 1, tzinfo=UTC)


def hostile_triggers() -> dict[str, BaseTrigger]:
    """Triggers of APScheduler's own classes that fire never, always, or after a calculation without end."""
    backwards = IntervalTrigger(seconds=1, start_date=DUE, timezone=UTC)
    backwards.interval = timedelta(seconds=-5)
    backwards.interval_length = -5.0
    at_once = IntervalTrigger(seconds=1, start_date=DUE, timezone=UTC)
    at_once.interval = timedelta(microseconds=1)
    at_once.interval_length = 1e-6
    never = CronTrigger(month=2, day=30, timezone=UTC)
    return {
        "backwards": backwards,
        "a million times a second": at_once,
        "never": never,
        "a week that is not in that month": CronTrigger(week=53, month=6, timezone=UTC),
        "both of two minutes": AndTrigger([CronTrigger(minute=1, timezone=UTC), CronTrigger(minute=2, timezone=UTC)]),
        "either of nothing": OrTrigger([never, CronTrigger(week=53, month=6, timezone=UTC)]),
        "a hundred thousand minutes": CronTrigger(minute=",".join(["1"] * 100_000), timezone=UTC),
    }


def hostile_rows(canary: Path) -> dict[str, bytes]:
    """By job id; all of them overdue."""
    touch = text(f"touch {canary}")
    rows = {
        "system": row_of_operations(args=in_list(call("os", "system", touch))),
        "system for a trigger": row_of_operations(trigger=call("posix", "system", touch)),
        "popen": row_of_operations(args=in_list(call("subprocess", "getoutput", touch))),
        "a function of the library": foreign_row(func="os:system", args=(f"touch {canary}",), next_run_time=DUE),
        "a function that is built in": foreign_row(func="builtins:open", args=(str(canary), "w"), next_run_time=DUE),
        "nothing": b"",
        "rubbish": bytes(range(256)),
        "no job": pickle.dumps({"canary": str(canary)}),
    }
    for name, attack in ATTACKS.items():
        rows[f"argument: {name}"] = row_of_operations(args=in_list(attack))
        rows[f"trigger: {name}"] = row_of_operations(trigger=attack)
    for name, trigger in hostile_triggers().items():
        func = "tests.jobs:nothing"
        rows[f"calculation: {name}"] = foreign_row(trigger, func=func, id=f"calculation: {name}", next_run_time=DUE)
    return rows


def insert(scheduler: Scheduler, rows: dict[str, bytes]) -> None:
    with scheduler.store.database.transaction("test") as session:
        session.execute_many(
            "INSERT INTO apscheduler_jobs (id, next_run_time, job_state) VALUES (:id, :at, :state)",
            [{"id": job_id, "at": DUE.timestamp(), "state": state} for job_id, state in rows.items()],
        )


def test_hostile_rows_are_kept_shown_and_not_carried_out_while_the_others_fire(
    migrated_url: str, tmp_path: Path
) -> None:
    canary = tmp_path / "canary"
    rows = hostile_rows(canary)
    # Even with the code of these tests allowed, which the functions of some rows name.
    scheduler = declared(migrated_url, tmp_path, allow=["tests.jobs"], max_instances=10)
    with running(scheduler):
        wait_until(lambda: scheduler.runs(), what="a run")
        insert(scheduler, rows)
        wait_until(lambda: len(scheduler.health()["set_aside"]) >= len(rows) - 10, what="a look at all of them")
        for _ in range(3):
            now = scheduler.store.database.now()
            wait_until(lambda: all(scheduler.runs(f"job {n}", limit=1)[0].scheduled_at > now for n in range(3)))  # noqa: B023
        assert scheduler.health()["loop"] == "ok"
        shown = {job["id"]: job for job in scheduler.get_all_jobs()}
        assert set(rows) < set(shown), "a job has vanished"
        for job_id in rows:
            if not job_id.startswith("calculation: "):
                assert shown[job_id]["state"] in {"quarantined", "orphaned"}, job_id
                assert scheduler.runs(job_id) == [], job_id
        stand = {row.id: row.job_state for row in scheduler.store.schedules.all()}
        for job_id, state in rows.items():
            if shown[job_id]["state"] == "quarantined":
                assert stand[job_id] == state, job_id
        scheduler.shutdown()
        for job_id in rows:
            scheduler.store.schedules.delete(job_id)
        with scheduler.store.database.transaction("test") as session:
            session.execute("DELETE FROM gnomon_runs WHERE job_id LIKE 'calculation: %'")
        runs = check_ledger(scheduler, tmp_path, every=SECOND)
    assert not canary.exists(), "a row had its code carried out"
    assert {run.state for run in runs} <= {RunState.SUCCEEDED, RunState.COALESCED, RunState.QUEUED}
