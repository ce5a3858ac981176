"""A row that cannot be decoded, or whose trigger cannot be calculated, is kept, shown and left alone; others fire."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import pytest

from gnomon import RunState, Scheduler, Settings
from gnomon.errors import ChangeRefused
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.conformance.hostile_triggers import Moody
from tests.conformance.rows import insert, overwrite, stored
from tests.jobs import nothing
from tests.processes import wait_until

ONE = NOON + timedelta(hours=1)


@pytest.fixture
def engine(another_engine: Callable[..., ManualEngine]) -> ManualEngine:
    engine = another_engine(allow=["tests.conformance.hostile_triggers"])
    engine.scheduler.register(nothing, "cron", id="bad", hour=13, description="Goes wrong.")
    engine.scheduler.register(nothing, "cron", id="good", hour=13)
    return engine


@pytest.fixture
def scheduler(engine: ManualEngine) -> Scheduler:
    return engine.scheduler


POISONS: dict[str, Callable[[Scheduler], dict[str, Any]]] = {
    "garbage": lambda scheduler: {"job_state": b"\x80\x04garbage"},
    "nothing": lambda scheduler: {"job_state": b""},
    "another job's row": lambda scheduler: {"job_state": stored(scheduler, "good")[1]},
    "cut off": lambda scheduler: {"job_state": stored(scheduler, "bad")[1][:-9]},
    "a time before all times": lambda scheduler: {"next_run_time": -1e300},
    "a time after all times": lambda scheduler: {"next_run_time": 1e300},
    "no time at all": lambda scheduler: {"next_run_time": -math.inf},
}
SQLITE_POISONS: dict[str, Any] = {
    "text for bytes": {"job_state": "garbage"},
    "a number for bytes": {"job_state": 10**12},
    "text for a time": {"next_run_time": "soon"},
    "bytes for a time": {"next_run_time": b"soon"},
}
MOODS = {
    "raises": "out of sorts",
    "exits": "enough",
    "stands still": "no time later",
    "talks nonsense": "tomorrow",
}


def assert_only_the_good_one_fires(engine: ManualEngine) -> None:
    row = stored(engine.scheduler, "bad")
    lines = engine.run_until(ONE)
    assert {run.job_id: run.state for run in lines} == {"good": RunState.SUCCEEDED}
    assert engine.scheduler.get_job("good")["next_run_time"] == (ONE + timedelta(days=1)).isoformat()
    assert stored(engine.scheduler, "bad") == row


@pytest.mark.parametrize("poison", POISONS)
def test_a_poisoned_row_is_shown_with_the_reason_and_stops_nobody(engine: ManualEngine, poison: str) -> None:
    overwrite(engine.scheduler, "bad", **{"next_run_time": 0.0, **POISONS[poison](engine.scheduler)})
    assert_only_the_good_one_fires(engine)
    shown = {job["id"]: job for job in engine.scheduler.get_all_jobs()}["bad"]
    assert {**shown, "as_of": ""} == {**engine.scheduler.get_job("bad"), "as_of": ""}
    if "time" not in poison:  # a time that cannot be may also be read as none, or as the one that is pickled
        assert (shown["state"], shown["enabled"], shown["next_run_time"]) == ("quarantined", False, None)
        assert shown["problem"]
    assert shown["description"] == "Goes wrong."
    assert json.loads(json.dumps(shown)) == shown


@pytest.mark.parametrize("poison", SQLITE_POISONS)
def test_a_value_of_another_type_stops_nobody(engine: ManualEngine, poison: str) -> None:
    """SQLite stores any value in any column; people edit tables by hand."""
    if engine.scheduler.store.database.dialect.name != "sqlite":
        return
    overwrite(engine.scheduler, "bad", **{"next_run_time": 0.0, **SQLITE_POISONS[poison]})
    assert_only_the_good_one_fires(engine)
    assert {job["id"] for job in engine.scheduler.get_all_jobs()} == {"good", "bad"}
    assert "good" in {job.id for job in engine.scheduler.engine.get_jobs()}


@pytest.mark.parametrize("mood", MOODS)
def test_a_trigger_that_goes_wrong_is_shown_with_the_reason_and_stops_nobody(
    engine: ManualEngine, monkeypatch: pytest.MonkeyPatch, mood: str
) -> None:
    engine.scheduler.engine.remove_job("bad")
    engine.scheduler.engine.add_job(nothing, Moody(), id="bad")
    monkeypatch.setattr(Moody, "mood", mood)

    assert_only_the_good_one_fires(engine)

    job = engine.scheduler.get_job("bad")
    assert (job["state"], job["next_run_time"]) == ("quarantined", None)
    assert MOODS[mood] in job["problem"]
    assert job["problem"] in engine.scheduler.health()["set_aside"]["bad"]

    monkeypatch.setattr(Moody, "mood", "fine")
    assert RunState.SUCCEEDED in {run.state for run in engine.step()}
    assert engine.scheduler.get_job("bad")["state"] == "active"


def test_a_quarantined_job_can_be_neither_changed_nor_run_and_its_row_stays(engine: ManualEngine) -> None:
    scheduler = engine.scheduler
    overwrite(scheduler, "bad", job_state=b"garbage")
    for act in (
        lambda: scheduler.pause_job("bad"),
        lambda: scheduler.run_job("bad"),
        lambda: scheduler.change_job("bad", trigger="cron", trigger_args={"hour": 4}),
    ):
        with pytest.raises(ChangeRefused, match=r"job 'bad' cannot.*"):
            act()
    assert scheduler.update_job_schedule("bad", "cron", hour=4) is False
    assert stored(scheduler, "bad")[1] == b"garbage"


def test_reads_and_starts_delete_nothing(engine: ManualEngine, another_scheduler: Callable[..., Scheduler]) -> None:
    insert(engine.scheduler, "stranger", 0.0, b"garbage")
    restarted = another_scheduler()
    restarted.register(nothing, "cron", id="good", hour=13)
    restarted.start_all_jobs()
    restarted.get_all_jobs()
    restarted.engine.get_jobs()
    assert restarted.engine.get_job("stranger") is None
    assert stored(restarted, "stranger") == (0.0, b"garbage")


def test_a_quarantined_job_can_be_removed(engine: ManualEngine) -> None:
    overwrite(engine.scheduler, "bad", job_state=b"garbage")
    engine.scheduler.engine.remove_job("bad")
    assert {job["id"] for job in engine.scheduler.get_all_jobs()} == {"good"}


class TestRunningEngine:
    """With the loop itself and the real clock."""

    @pytest.fixture
    def running(self, another_scheduler: Callable[..., Scheduler]) -> Iterator[Scheduler]:
        scheduler = another_scheduler(clock=None, settings=Settings(longest_sleep=0.5))
        scheduler.register(nothing, "interval", id="bad", seconds=1)
        scheduler.register(nothing, "interval", id="good", seconds=1)
        with scheduler:
            yield scheduler

    def runs_once_more(self, scheduler: Scheduler, job_id: str) -> None:
        before = len(scheduler.runs(job_id))
        wait_until(lambda: len(scheduler.runs(job_id)) > before, seconds=20, what=f"another run of {job_id}")

    def test_mending_a_row_brings_its_job_back_without_a_restart(
        self, running: Scheduler, caplog: pytest.LogCaptureFixture
    ) -> None:
        next_run_time, healthy = stored(running, "bad")
        with caplog.at_level(logging.WARNING, "gnomon.engine"):
            overwrite(running, "bad", next_run_time=0.0, job_state=b"garbage")
            wait_until(lambda: "bad" in running.health()["set_aside"])
            for _ in range(3):
                self.runs_once_more(running, "good")
            assert running.health()["status"] == "ok"
            complaints = [record for record in caplog.records if "'bad' is left alone" in record.getMessage()]
            assert len(complaints) == 1, "one warning says it"

            overwrite(running, "bad", next_run_time=next_run_time, job_state=healthy)
            self.runs_once_more(running, "bad")
        wait_until(lambda: not running.health()["set_aside"])
        assert running.get_job("bad")["state"] == "active"
