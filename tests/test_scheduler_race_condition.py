"""The defect that started Gnomon, and what must hold for good: what you see is what will fire.

The names of these classes stay.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
from collections.abc import Iterator
from datetime import datetime
from itertools import pairwise
from typing import Any

import pytest
from starlette.testclient import TestClient

from gnomon import Scheduler
from tests.jobs import nothing
from tests.processes import output_of, python, wait_until

READ = """
    import json, sys
    from gnomon import Scheduler
    print(json.dumps(Scheduler(sys.argv[1]).get_all_jobs()))
"""


def seen_elsewhere(url: str) -> list[dict[str, Any]]:
    """The jobs as another process reads them."""
    jobs: list[dict[str, Any]] = json.loads(output_of(READ, url))
    return [timeless(job) for job in jobs]


def timeless(job: dict[str, Any]) -> dict[str, Any]:
    """A job's dict without the moment at which it was read."""
    return {key: value for key, value in job.items() if key != "as_of"}


def declared(url: str) -> Scheduler:
    scheduler = Scheduler(url, timezone="Europe/Berlin")
    scheduler.register(nothing, "cron", id="report", hour=3, description="Writes the report.")
    scheduler.register(nothing, "interval", id="sync", minutes=5)
    scheduler.register(nothing, "crontab", "0 6 * * 1-5", id="bill")
    return scheduler


@pytest.fixture
def url(request: pytest.FixtureRequest, migrated_url: str) -> str:
    return migrated_url


@pytest.fixture
def scheduler(url: str) -> Iterator[Scheduler]:
    scheduler = declared(url)
    scheduler.start_all_jobs()
    yield scheduler
    scheduler.close()


class TestUpdateScheduleRollback:
    def test_a_refusal_of_the_engine_leaves_everything_as_it_was(
        self, scheduler: Scheduler, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
    ) -> None:
        here, elsewhere = [timeless(job) for job in scheduler.get_all_jobs()], seen_elsewhere(url)

        def refuse(*_args: object, **_kwargs: object) -> None:
            raise RuntimeError("the engine said no")

        monkeypatch.setattr(scheduler.engine, "reschedule_job", refuse)
        with caplog.at_level(logging.WARNING):
            assert scheduler.update_job_schedule("report", "cron", hour=4) is False

        assert "the engine said no" in caplog.text
        assert [timeless(job) for job in scheduler.get_all_jobs()] == here
        assert seen_elsewhere(url) == elsewhere
        assert scheduler.changes() == []

    def test_a_failure_after_the_engine_said_yes_takes_the_schedule_back_too(
        self, scheduler: Scheduler, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        before = timeless(scheduler.get_job("report"))

        def fail(*_args: object, **_kwargs: object) -> None:
            raise RuntimeError("the disk said no")

        monkeypatch.setattr(scheduler.store.records, "log", fail)
        assert scheduler.update_job_schedule("report", "cron", hour=4) is False
        assert timeless(scheduler.get_job("report")) == before
        assert before in seen_elsewhere(url)

    @pytest.mark.parametrize(
        ("trigger", "args"),
        [
            ("cron", {"hour": 24}),
            ("cron", {"our": 4}),
            ("interval", {"seconds": -5}),
            ("interval", {}),
            ("crontab", {"expression": "61 * * * *"}),
            ("never", {}),
            ("date", {"run_date": "2001-01-01"}),
            ("cron", {"hour": 4, "timezone": "Europe"}),
        ],
    )
    def test_a_bad_trigger_is_refused_and_changes_nothing(
        self, scheduler: Scheduler, trigger: str, args: dict[str, Any]
    ) -> None:
        before = timeless(scheduler.get_job("report"))
        assert scheduler.update_job_schedule("report", trigger, **args) is False
        assert timeless(scheduler.get_job("report")) == before

    def test_an_unknown_job_is_refused(self, scheduler: Scheduler) -> None:
        assert scheduler.update_job_schedule("no such job", "cron", hour=4) is False
        assert len(scheduler.get_all_jobs()) == 3

    def test_nobody_is_told_of_a_change_that_was_not_committed(
        self, scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        told: list[object] = []
        scheduler.engine.add_listener(told.append)

        def fail(*_args: object, **_kwargs: object) -> None:
            raise RuntimeError("no")

        with monkeypatch.context() as patched:
            patched.setattr(scheduler.store.records, "log", fail)
            scheduler.update_job_schedule("report", "cron", hour=4)
        assert told == []
        assert scheduler.update_job_schedule("report", "cron", hour=4)
        assert len(told) == 1


class TestStartAllJobsPreservesPersistedTrigger:
    def test_a_changed_trigger_survives_starting_twice(self, scheduler: Scheduler) -> None:
        assert scheduler.update_job_schedule("report", "interval", hours=7)
        changed = timeless(scheduler.get_job("report"))
        assert scheduler.start_all_jobs() == []
        assert scheduler.start_all_jobs() == []
        assert timeless(scheduler.get_job("report")) == changed
        assert (changed["trigger"], changed["trigger_args"]["hours"]) == ("interval", 7)
        assert changed["source"] == "override"
        assert changed["default"]["trigger"] == "cron"

    def test_a_pause_survives_starting_twice(self, scheduler: Scheduler) -> None:
        scheduler.pause_job("sync")
        paused = timeless(scheduler.get_job("sync"))
        scheduler.start_all_jobs()
        assert timeless(scheduler.get_job("sync")) == paused
        assert (paused["enabled"], paused["state"], paused["next_run_time"]) == (False, "paused", None)

    def test_a_new_process_finds_what_was_changed(self, scheduler: Scheduler, url: str) -> None:
        scheduler.update_job_schedule("report", "cron", hour=5)
        scheduler.pause_job("sync")
        before = [timeless(job) for job in scheduler.get_all_jobs()]
        restart = """
            import sys
            from tests.test_scheduler_race_condition import declared
            scheduler = declared(sys.argv[1])
            scheduler.start()
            scheduler.shutdown()
        """
        output_of(restart, url)
        assert [timeless(job) for job in scheduler.get_all_jobs()] == before

    def test_an_interval_that_is_declared_again_does_not_move(self, url: str) -> None:
        times = set()
        for _ in range(3):
            scheduler = declared(url)
            scheduler.start_all_jobs()
            times.add(scheduler.get_job("sync")["next_run_time"])
            scheduler.close()
        assert len(times) == 1

    def test_what_was_acknowledged_survives_kill_9(self, scheduler: Scheduler, url: str) -> None:
        server = """
            import json, sys, time
            from tests.test_scheduler_race_condition import declared
            scheduler = declared(sys.argv[1])
            scheduler.start()
            assert scheduler.update_job_schedule("report", "crontab", expression="15 5 * * *")
            scheduler.pause_job("sync")
            print(json.dumps(scheduler.get_all_jobs()), flush=True)
            time.sleep(60)
        """
        process = python(server, url)
        assert process.stdout is not None
        acknowledged = [timeless(job) for job in json.loads(process.stdout.readline())]
        os.kill(process.pid, signal.SIGKILL)
        process.communicate()

        for _ in range(2):
            assert scheduler.start_all_jobs() == []
            assert [timeless(job) for job in scheduler.get_all_jobs()] == acknowledged
        # What fires from here on is a new process, and it starts from the same.
        restart = """
            import json, sys
            from tests.test_scheduler_race_condition import declared
            with declared(sys.argv[1]) as scheduler:
                print(json.dumps(scheduler.get_all_jobs()))
        """
        assert [timeless(job) for job in json.loads(output_of(restart, url))] == acknowledged
        report, sync = scheduler.get_job("report"), scheduler.get_job("sync")
        assert report["trigger_args"]["expression"] == "15 5 * * *"
        assert report["next_run_time"][11:16] == "05:15"
        assert (sync["enabled"], sync["next_run_time"]) == (False, None)
        assert [change.action for change in scheduler.changes()] == ["pause", "reschedule"]


class TestConcurrentUpdateSchedule:
    def test_threads_lose_no_update_and_readers_see_only_states_that_existed(self, scheduler: Scheduler) -> None:
        hours = range(24)
        seen: list[tuple[str, str]] = []
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                job = scheduler.get_job("report")
                seen.append((job["trigger_args"]["hour"], job["next_run_time"][11:13]))

        def write(start: int) -> None:
            for hour in hours[start::4]:
                assert scheduler.update_job_schedule("report", "cron", hour=hour)

        readers = [threading.Thread(target=read) for _ in range(2)]
        writers = [threading.Thread(target=write, args=(start,)) for start in range(4)]
        for thread in readers + writers:
            thread.start()
        for thread in writers:
            thread.join()
        done.set()
        for thread in readers:
            thread.join()

        assert seen
        assert all(int(hour) == int(fires) for hour, fires in seen), "a reader saw half of a change"
        log = scheduler.changes(limit=100)
        # The write of 3 changes nothing, and is not logged, if it comes while 3 still stands.
        assert {int(change.after["trigger_args"]["hour"]) for change in log} | {3} == set(hours)
        assert len(log) in {23, 24}
        assert scheduler.get_job("report")["trigger_args"]["hour"] == log[0].after["trigger_args"]["hour"]
        assert_a_chain(log)

    def test_processes_lose_no_update_and_a_reader_sees_only_states_that_existed(
        self, scheduler: Scheduler, url: str
    ) -> None:
        writer = """
            import sys
            from gnomon import Scheduler
            scheduler = Scheduler(sys.argv[1])
            for minute in range(int(sys.argv[2]), 40, 4):
                assert scheduler.update_job_schedule("report", "cron", hour=1, minute=minute)
        """
        seen: set[tuple[str, str]] = set()
        done = threading.Event()

        def read() -> None:
            while not done.is_set():
                job = scheduler.get_job("report")
                seen.add((job["trigger_args"].get("minute", "0"), job["next_run_time"][14:16]))

        reader = threading.Thread(target=read)
        reader.start()
        processes = [python(writer, url, str(start)) for start in range(4)]
        for process in processes:
            _, errors = process.communicate(timeout=100)
            assert process.returncode == 0, errors
        done.set()
        reader.join()
        assert all(int(minute) == int(fires) for minute, fires in seen), "a reader saw half of a change"
        log = scheduler.changes(limit=100)
        assert len(log) == 40
        assert_a_chain(log)
        now = scheduler.get_job("report")
        assert now["trigger_args"]["minute"] == log[0].after["trigger_args"]["minute"]
        assert now["source"] == "override"

    def test_a_fire_between_read_and_write_does_not_take_a_change_back(self, url: str) -> None:
        scheduler = Scheduler(url, timezone="UTC")
        jobs = [f"busy {number}" for number in range(20)]
        for job_id in jobs:
            scheduler.register(nothing, "interval", id=job_id, seconds=1)
        with scheduler:
            for seconds in (2, 1, 2, 1, 2):
                for job_id in jobs:
                    assert scheduler.update_job_schedule(job_id, "interval", seconds=seconds, jitter=seconds)
                    assert scheduler.get_job(job_id)["trigger_args"]["seconds"] == seconds
            for job_id in jobs[::2]:
                scheduler.pause_job(job_id)
            # A fire that had read a row before it was changed has long written by then.
            at = scheduler.store.database.now()
            wait_until(lambda: all(fired_after(scheduler, job_id, at) for job_id in jobs[1::2]), what="a later run")
        after = {job["id"]: job for job in scheduler.get_all_jobs()}
        assert {job["trigger_args"]["seconds"] for job in after.values()} == {2}
        assert {job["id"] for job in after.values() if not job["enabled"]} == set(jobs[::2])
        scheduler.close()


def fired_after(scheduler: Scheduler, job_id: str, at: datetime) -> bool:
    return any(run.scheduled_at > at for run in scheduler.runs(job_id, limit=1))


def assert_a_chain(log: list[Any]) -> None:
    """Each change starts from what the one before it left: none was lost, none was made on an old copy."""
    in_order = list(reversed(log))
    for earlier, later in pairwise(in_order):
        for field in set(earlier.after) & set(later.before):
            assert later.before[field] == earlier.after[field]


class TestSchedulerRoutes:
    @pytest.fixture
    def client(self, scheduler: Scheduler) -> Iterator[TestClient]:
        with TestClient(
            scheduler.asgi(), base_url="http://localhost", client=("127.0.0.1", 50000), headers={"If-Match": "*"}
        ) as client:
            yield client

    def test_the_list_is_what_python_returns(self, scheduler: Scheduler, client: TestClient) -> None:
        answer = client.get("/api/scheduler/jobs")
        assert answer.status_code == 200
        assert [timeless(job) for job in answer.json()["jobs"]] == [timeless(job) for job in scheduler.get_all_jobs()]

    def test_one_job_is_what_python_returns(self, scheduler: Scheduler, client: TestClient) -> None:
        answer = client.get("/api/scheduler/jobs/report")
        assert timeless(answer.json()) == timeless(scheduler.get_job("report"))

    def test_a_change_by_python_is_what_the_route_shows_next(self, scheduler: Scheduler, client: TestClient) -> None:
        scheduler.update_job_schedule("report", "calendarinterval", weeks=2, hour=4)
        shown = client.get("/api/scheduler/jobs/report").json()
        assert (shown["trigger"], shown["trigger_args"]["weeks"]) == ("calendarinterval", 2)

    def test_a_patch_is_what_everybody_reads_next(self, scheduler: Scheduler, client: TestClient, url: str) -> None:
        change = {"trigger": "cron", "trigger_args": {"hour": 4, "timezone": "Asia/Tokyo"}, "reason": "late export"}
        answer = client.patch("/api/scheduler/jobs/report", json=change)
        assert answer.status_code == 200
        assert timeless(answer.json()) == timeless(scheduler.get_job("report"))
        assert timeless(answer.json()) in seen_elsewhere(url)
        assert answer.json()["timezone"] == "Asia/Tokyo"
        assert scheduler.changes()[0].author.reason == "late export"

    def test_a_patch_touches_only_what_it_names(self, client: TestClient) -> None:
        before = client.get("/api/scheduler/jobs/report").json()
        after = client.patch("/api/scheduler/jobs/report", json={"max_instances": 3}).json()
        assert after["max_instances"] == 3
        same = ("trigger", "trigger_args", "enabled", "next_run_time", "coalesce", "misfire_grace_time")
        assert [after[name] for name in same] == [before[name] for name in same]
        assert after["token"] != before["token"]

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            ({"trigger": "cron", "trigger_args": {"hour": 99}}, "hour"),
            ({"trigger": "sometimes"}, "trigger"),
            ({"trigger_args": {"hour": 1}}, "trigger"),
            ({"max_instances": 0}, "max_instances"),
            ({"max_instances": True}, "max_instances"),
            ({"misfire_grace_time": -1}, "misfire_grace_time"),
            ({"func": "os:system"}, "func"),
            ({"enabled": "yes"}, "enabled"),
            ([], "body"),
        ],
    )
    def test_bad_input_is_422_names_the_field_and_changes_nothing(
        self, scheduler: Scheduler, client: TestClient, body: Any, field: str
    ) -> None:
        before = timeless(scheduler.get_job("report"))
        answer = client.patch("/api/scheduler/jobs/report", json=body)
        assert answer.status_code == 422, answer.text
        assert answer.headers["content-type"] == "application/problem+json"
        told = answer.json()
        assert field in told["field"]
        assert told["value"]
        assert told["allowed"]
        assert told["detail"].startswith(f"{told['field']}: ")
        assert timeless(scheduler.get_job("report")) == before

    def test_an_unknown_job_is_404(self, client: TestClient) -> None:
        for answer in (
            client.get("/api/scheduler/jobs/nope"),
            client.patch("/api/scheduler/jobs/nope", json={"enabled": False}),
        ):
            assert answer.status_code == 404
            assert answer.json()["type"] == "/problems/job-not-found"

    def test_a_page_of_somebody_else_changes_nothing(self, scheduler: Scheduler, client: TestClient) -> None:
        before = timeless(scheduler.get_job("report"))
        path = "/api/scheduler/jobs/report"
        foreign = client.patch(path, json={"enabled": False}, headers={"Origin": "http://evil.example"})
        rebound = client.patch(path, json={"enabled": False}, headers={"Host": "evil.example"})
        form = client.patch(path, content='{"enabled": false}', headers={"Content-Type": "text/plain"})
        assert (foreign.status_code, rebound.status_code) == (403, 400)
        assert form.status_code in {415, 422}
        assert timeless(scheduler.get_job("report")) == before

    def test_a_huge_body_is_refused(self, client: TestClient) -> None:
        answer = client.patch("/api/scheduler/jobs/report", json={"reason": "x" * 1_000_000})
        assert answer.status_code == 413
