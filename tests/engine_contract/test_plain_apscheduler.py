"""A plain APScheduler on our table, and we on its: each lists, pauses, reschedules and fires what the other stored."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from sqlalchemy import create_engine

from gnomon import RunState, Scheduler
from gnomon.engine import JobStore
from gnomon.store import Store
from tests.conformance.rows import stored
from tests.jobs import fail, nothing
from tests.processes import output_of, wait_until

Gnomon = Callable[..., Scheduler]
Plain = Callable[..., BackgroundScheduler]
KINDS: dict[str, dict[str, Any]] = {
    "cron": {"hour": "3", "jitter": 10, "timezone": "Europe/Berlin"},
    "interval": {"minutes": 5},
    "date": {"run_date": datetime.now(UTC) + timedelta(days=99), "timezone": "Europe/Berlin"},
    "calendarinterval": {"months": 1, "hour": 8},
    "crontab": {"expression": "0 3 * * 1-5", "timezone": "Europe/Berlin"},
}


@dataclass(frozen=True)
class Tenant:
    """A class of the application's, as an argument."""

    name: str


def write(folder: str, text: str) -> None:
    """A job that leaves a file, whoever fires it."""
    (Path(folder) / text).touch()


class TestPlainOnOurs:
    def test_it_lists_every_kind_of_job_as_we_show_them(self, gnomon: Gnomon, plain: Plain) -> None:
        scheduler = gnomon()
        for kind, args in KINDS.items():
            scheduler.register(nothing, kind, id=kind, name=f"Job {kind}", coalesce=False, **args)
        scheduler.register(nothing, "cron", id="paused", hour=1, enabled=False)
        scheduler.start_all_jobs()

        found = {job.id: job for job in plain(paused=True).get_jobs()}

        shown = {job["id"]: job for job in scheduler.get_all_jobs()}
        assert found.keys() == shown.keys() == {*KINDS, "paused"}
        for job_id, job in found.items():
            time = None if job.next_run_time is None else job.next_run_time.isoformat()
            assert time == shown[job_id]["next_run_time"]
            assert (job.name, job.coalesce) == (shown[job_id]["name"], shown[job_id]["coalesce"])
            assert (job.misfire_grace_time, job.max_instances) == (3600, 1)
            assert job.func is nothing

    def test_what_it_does_to_a_job_is_what_we_show_and_fire(self, gnomon: Gnomon, plain: Plain) -> None:
        scheduler = gnomon()
        for name in ("a", "b", "c", "d"):
            scheduler.register(nothing, "cron", id=name, hour=1)
        scheduler.start_all_jobs()
        other = plain(paused=True)

        other.pause_job("a")
        other.reschedule_job("b", trigger="interval", hours=7)
        other.modify_job("c", name="Another name", max_instances=4)
        other.remove_job("d")

        shown = {job["id"]: job for job in scheduler.get_all_jobs()}
        assert shown.keys() == {"a", "b", "c"}
        assert (shown["a"]["state"], shown["a"]["next_run_time"]) == ("paused", None)
        assert (shown["b"]["trigger"], shown["b"]["trigger_args"]["hours"]) == ("interval", 7)
        assert (shown["c"]["name"], shown["c"]["max_instances"]) == ("Another name", 4)
        assert {job["source"] for job in shown.values()} == {"outside"}

        other.resume_job("a")
        assert scheduler.get_job("a")["state"] == "active"

    def test_it_fires_our_jobs_and_we_read_what_it_did(self, gnomon: Gnomon, plain: Plain, tmp_path: Path) -> None:
        scheduler = gnomon()
        scheduler.register(write, "interval", id="job", seconds=1, args=(str(tmp_path),), kwargs={"text": "done"})
        scheduler.start_all_jobs()
        before = scheduler.get_job("job")

        plain()
        wait_until(lambda: (tmp_path / "done").exists())
        wait_until(lambda: scheduler.get_job("job")["next_run_time"] > before["next_run_time"])

        after = scheduler.get_job("job")
        assert (after["token"], after["source"]) == (before["token"], "code")
        assert scheduler.runs("job") == []  # the ledger is of what Gnomon did

    def test_a_job_rescheduled_by_us_under_its_eyes_is_fired_as_we_said(self, gnomon: Gnomon, plain: Plain) -> None:
        scheduler = gnomon()
        scheduler.register(nothing, "cron", id="job", hour=1)
        scheduler.start_all_jobs()
        other = plain(paused=True)
        assert scheduler.update_job_schedule("job", "interval", hours=3)
        assert other.get_job("job").trigger.interval == timedelta(hours=3)


class TestOursOnPlain:
    @pytest.fixture
    def migrated_url(self, store_url: str) -> str:
        """APScheduler was there first."""
        theirs = SQLAlchemyJobStore(url=store_url)
        theirs.start(BackgroundScheduler(), "default")
        theirs.shutdown()
        store = Store(store_url)
        store.upgrade()
        store.close()
        return store_url

    def test_its_jobs_are_adopted_listed_fired_and_rescheduled(
        self, gnomon: Gnomon, plain: Plain, tmp_path: Path
    ) -> None:
        theirs = plain(paused=True)
        soon = datetime.now(UTC) + timedelta(seconds=0.5)
        theirs.add_job(write, "date", id="theirs", run_date=soon, args=[str(tmp_path), "theirs"], misfire_grace_time=60)
        theirs.add_job(nothing, "cron", id="declared", hour=4, timezone="Asia/Tokyo", max_instances=3)
        either = OrTrigger([CronTrigger(hour=1, timezone="UTC"), CronTrigger(hour=2, timezone="UTC")])
        theirs.add_job(nothing, either, id="either")
        theirs.add_job(nothing, "interval", id="paused", hours=1).pause()

        scheduler = gnomon(allow=["tests.engine_contract"])
        scheduler.register(nothing, "cron", id="declared", hour=3)
        scheduler.start()

        wait_until(lambda: (tmp_path / "theirs").exists())
        wait_until(lambda: [run.state for run in scheduler.runs("theirs")] == [RunState.SUCCEEDED])
        shown = {job["id"]: job for job in scheduler.get_all_jobs()}
        assert shown["theirs"]["state"] == "finished"
        # What stood in the table counts as an operator's will, and what the code says is shown beside it.
        declared = shown["declared"]
        assert (declared["trigger_args"]["hour"], declared["timezone"], declared["max_instances"]) == (
            "4",
            "Asia/Tokyo",
            3,
        )
        assert (declared["source"], declared["default"]["trigger_args"]["hour"]) == ("override", "3")
        assert (shown["either"]["trigger"], shown["either"]["source"]) == ("or", "outside")
        assert shown["paused"]["enabled"] is False

        for job_id in ("declared", "either", "paused"):
            assert scheduler.update_job_schedule(job_id, "interval", hours=2)
        assert {job.id: job.trigger.interval for job in theirs.get_jobs() if job.id != "theirs"} == dict.fromkeys(
            ("declared", "either", "paused"), timedelta(hours=2)
        )
        assert theirs.get_job("paused").next_run_time is None

    def test_a_one_shot_job_of_theirs_in_the_past_is_fired_or_missed_by_its_own_grace_time(
        self, gnomon: Gnomon, plain: Plain
    ) -> None:
        theirs = plain(paused=True)
        past = datetime.now(UTC) - timedelta(minutes=5)
        theirs.add_job(nothing, "date", id="within", run_date=past, misfire_grace_time=3600)
        theirs.add_job(nothing, "date", id="beyond", run_date=past)  # APScheduler's default: one second
        scheduler = gnomon(allow=["tests.jobs"])
        scheduler.start()
        wait_until(lambda: len(scheduler.runs(states=[RunState.SUCCEEDED, RunState.MISSED])) == 2)
        assert {run.job_id: run.state for run in scheduler.runs()} == {
            "within": RunState.SUCCEEDED,
            "beyond": RunState.MISSED,
        }


class TestOurJobStoreAlone:
    """``JobStore(url=…)`` under a plain ``BackgroundScheduler``."""

    def test_it_stores_fires_and_removes_jobs(self, store_url: str, plain: Plain, tmp_path: Path) -> None:
        scheduler = plain(JobStore(url=store_url))
        scheduler.add_job(write, "interval", id="job", seconds=1, args=[str(tmp_path)], kwargs={"text": "fired"})
        first = scheduler.get_job("job").next_run_time
        wait_until(lambda: (tmp_path / "fired").exists())
        wait_until(lambda: scheduler.get_job("job").next_run_time > first)
        scheduler.remove_job("job")
        assert scheduler.get_jobs() == []

    def test_the_usual_changes_work(self, store_url: str, plain: Plain) -> None:
        scheduler = plain(JobStore(url=store_url), paused=True)
        for name in ("a", "b"):
            scheduler.add_job(nothing, "interval", id=name, hours=1)
        scheduler.reschedule_job("a", trigger="cron", hour=5)
        scheduler.modify_job("a", name="Renamed", max_instances=2)
        scheduler.pause_job("b")
        jobs = scheduler.get_jobs()
        assert [(job.id, job.name, job.max_instances) for job in jobs] == [("a", "Renamed", 2), ("b", "nothing", 1)]
        assert jobs[1].next_run_time is None
        jobs[1].resume()
        assert scheduler.get_job("b").next_run_time is not None
        with pytest.raises(Exception, match="conflicts"):
            scheduler.add_job(nothing, "interval", id="a", hours=1)
        scheduler.add_job(nothing, "interval", id="a", hours=9, replace_existing=True)
        assert scheduler.get_job("a").trigger.interval == timedelta(hours=9)
        scheduler.remove_all_jobs()
        assert scheduler.get_jobs() == []

    def test_it_works_on_an_engine_that_the_application_has(self, migrated_url: str, tmp_path: Path) -> None:
        engine = create_engine(migrated_url)
        scheduler = BackgroundScheduler(timezone="UTC", jobstores={"default": JobStore(engine=engine)})
        scheduler.start()
        scheduler.add_job(write, "interval", id="job", seconds=1, args=[str(tmp_path)], kwargs={"text": "fired"})
        wait_until(lambda: (tmp_path / "fired").exists())
        scheduler.shutdown()
        with engine.connect() as connection:  # it is the application's, and still open
            assert connection.exec_driver_sql("SELECT id FROM apscheduler_jobs").scalars().all() == ["job"]
        engine.dispose()

    def test_classes_of_the_application_are_read_where_it_allows_them_and_by_no_row(
        self, migrated_url: str, plain: Plain
    ) -> None:
        theirs = plain(paused=True)  # APScheduler's own store writes any class
        theirs.add_job(write, "cron", id="job", hour=1, args=["folder", Tenant("acme")])
        allowed, strict = JobStore(url=migrated_url, allow=[__name__]), JobStore(url=migrated_url)
        for store in (allowed, strict):
            store.start(BackgroundScheduler(timezone="UTC"), "default")
        assert [job.args for job in allowed.get_all_jobs()] == [("folder", Tenant("acme"))]
        assert strict.get_all_jobs() == []
        assert theirs.get_job("job") is not None, "who may not read a row removed it"
        for store in (allowed, strict):
            store.shutdown()

    def test_a_job_without_code_is_left_alone_and_no_reason_to_spin(
        self, gnomon: Gnomon, migrated_url: str, plain: Plain, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        writer = gnomon()
        writer.engine.add_job(fail, "interval", id="orphan", seconds=1)
        row = stored(writer, "orphan")
        store = JobStore(url=migrated_url)
        passes: list[int] = []
        due = store.get_due_jobs
        monkeypatch.setattr(store, "get_due_jobs", lambda now: (passes.append(1), due(now))[1])
        scheduler = plain(store)
        scheduler.add_job(nothing, "interval", id="own", seconds=1)
        wait_until(lambda: len(passes) > 3)
        assert stored(writer, "orphan") == row
        assert len(passes) < 50

    def test_a_read_by_a_process_without_the_code_deletes_nothing(
        self, gnomon: Gnomon, migrated_url: str, tmp_path: Path
    ) -> None:
        """Where APScheduler's own store removes the row."""
        (tmp_path / "their_application.py").write_text("def job(): pass\n")
        adding = """
            import sys
            sys.path.insert(0, sys.argv[2])
            import their_application
            from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
            from apscheduler.schedulers.background import BackgroundScheduler
            store = SQLAlchemyJobStore(url=sys.argv[1])
            scheduler = BackgroundScheduler(timezone="UTC", jobstores={"default": store})
            scheduler.start(paused=True)
            scheduler.add_job(their_application.job, "cron", id="job", hour=1)
            store.engine.dispose()
        """
        output_of(adding, migrated_url, str(tmp_path))
        scheduler = gnomon()
        row = stored(scheduler, "job")
        assert [job["id"] for job in scheduler.get_all_jobs()] == ["job"]
        assert [job.id for job in scheduler.engine.get_jobs()] == ["job"]
        alone = JobStore(url=migrated_url)
        assert [job.func_ref for job in alone.get_all_jobs()] == ["their_application:job"]
        alone.shutdown()
        assert stored(scheduler, "job") == row


class TestWritingBackWhatWasReadBefore:
    """A plain APScheduler reads a job, fires it, and writes it back whole. What others changed in between stays."""

    @pytest.fixture
    def reader(self, migrated_url: str) -> Any:
        store = JobStore(url=migrated_url, allow=["tests.jobs"])
        store.start(BackgroundScheduler(timezone="UTC"), "default")
        yield store
        store.shutdown()

    def fire(self, reader: JobStore, between: Callable[[], object]) -> datetime:
        job = reader.lookup_job("job")
        assert job is not None
        between()
        following: datetime = job.trigger.get_next_fire_time(job.next_run_time, job.next_run_time)
        job._modify(next_run_time=following)
        reader.update_job(job)
        return following

    def test_a_reschedule_stays(self, gnomon: Gnomon, reader: JobStore) -> None:
        scheduler = gnomon()
        scheduler.register(nothing, "cron", id="job", hour=1)
        scheduler.start_all_jobs()
        self.fire(reader, lambda: scheduler.update_job_schedule("job", "cron", hour=9))
        job = scheduler.get_job("job")
        assert job["trigger_args"]["hour"] == "9"
        assert datetime.fromisoformat(job["next_run_time"]).hour == 9

    def test_a_pause_stays(self, gnomon: Gnomon, reader: JobStore) -> None:
        scheduler = gnomon()
        scheduler.register(nothing, "cron", id="job", hour=1)
        scheduler.start_all_jobs()
        self.fire(reader, lambda: scheduler.pause_job("job"))
        assert scheduler.get_job("job")["state"] == "paused"
        assert scheduler.get_job("job")["source"] == "override"

    def test_a_change_of_another_field_stays_and_so_does_the_fire(self, gnomon: Gnomon, reader: JobStore) -> None:
        scheduler = gnomon()
        scheduler.register(nothing, "cron", id="job", hour=1)
        scheduler.start_all_jobs()
        following = self.fire(reader, lambda: scheduler.change_job("job", max_instances=7))
        job = scheduler.get_job("job")
        assert (job["max_instances"], datetime.fromisoformat(job["next_run_time"])) == (7, following)

    def test_two_changes_of_different_fields_both_stay(self, gnomon: Gnomon, reader: JobStore) -> None:
        scheduler = gnomon()
        scheduler.register(nothing, "cron", id="job", hour=1)
        scheduler.start_all_jobs()
        job = reader.lookup_job("job")
        assert job is not None
        scheduler.update_job_schedule("job", "cron", hour=9)
        job._modify(name="Renamed meanwhile")
        reader.update_job(job)
        shown = scheduler.get_job("job")
        assert (shown["name"], shown["trigger_args"]["hour"]) == ("Renamed meanwhile", "9")

    def test_a_job_that_was_removed_in_between_stays_removed(self, gnomon: Gnomon, reader: JobStore) -> None:
        scheduler = gnomon()
        scheduler.register(nothing, "cron", id="job", hour=1)
        scheduler.start_all_jobs()
        with pytest.raises(LookupError):
            self.fire(reader, lambda: scheduler.engine.remove_job("job"))
        assert scheduler.get_all_jobs() == []

    def test_apschedulers_own_store_would_have_taken_the_change_back(self, gnomon: Gnomon, migrated_url: str) -> None:
        """Why ours exists. When this fails, APScheduler has mended it."""
        scheduler = gnomon()
        scheduler.register(nothing, "cron", id="job", hour=1)
        scheduler.start_all_jobs()
        store = SQLAlchemyJobStore(url=migrated_url)
        store.start(BackgroundScheduler(timezone="UTC"), "default")
        self.fire(store, lambda: scheduler.update_job_schedule("job", "cron", hour=9))  # type: ignore[arg-type]
        store.shutdown()
        assert scheduler.get_job("job")["trigger_args"]["hour"] == "1"
