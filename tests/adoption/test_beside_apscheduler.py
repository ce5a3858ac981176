"""Code of APScheduler works on after its table was adopted, and Gnomon runs what such code has stored."""

from __future__ import annotations

import base64
import json
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import create_engine, text

from gnomon import RunState, Scheduler, Settings
from tests.adoption.conftest import Plain, rows_in
from tests.cli.conftest import Gnomon
from tests.processes import wait_until

#: Rows as five releases of APScheduler wrote them, on Python 3.11 with pytz; arguments name FOLDER. The functions are
#: those of ``old_application.py``.
OLD_ROWS: dict[str, dict[str, list[Any]]] = json.loads(
    (Path(__file__).parent / "rows_of_old_releases.json").read_text(encoding="utf-8")
)


@pytest.fixture
def node(store_url: str) -> Any:
    """Gnomon on the database, firing what the old application's module holds."""

    def start() -> Any:
        settings = Settings(longest_sleep=0.5)
        return Scheduler(store_url, timezone="UTC", allow=["old_application"], settings=settings)

    return start


class TestAfterAdopting:
    def test_a_plain_apscheduler_adds_pauses_reschedules_and_fires(
        self, gnomon: Gnomon, plain: Plain, store_url: str, tmp_path: Path
    ) -> None:
        scheduler = plain()
        for job_id in ("a", "b", "c", "d"):
            scheduler.add_job("old_application:note", "cron", id=job_id, args=[str(tmp_path), job_id], hour=3)
        scheduler.shutdown()
        assert gnomon("adopt", store_url, "--yes").code == 0

        later = plain(paused=False)
        later.add_job("old_application:note", "interval", id="new", args=[str(tmp_path), "new"], seconds=1)
        later.pause_job("a")
        later.reschedule_job("b", trigger="interval", hours=7)
        later.modify_job("c", name="Another name", max_instances=4)
        later.remove_job("d")
        wait_until(lambda: (tmp_path / "new").exists())
        assert {job.id for job in later.get_jobs()} == {"a", "b", "c", "new"}
        later.shutdown()

        shown = {job["id"]: job for job in gnomon("jobs", "--json", "--store", store_url).json}
        assert shown.keys() == {"a", "b", "c", "new"}
        assert shown["a"]["state"] == "paused"
        assert (shown["b"]["trigger"], shown["b"]["trigger_args"]["hours"]) == ("interval", 7)
        assert (shown["c"]["name"], shown["c"]["max_instances"]) == ("Another name", 4)

    def test_gnomon_runs_functions_coroutines_and_methods_with_the_arguments_that_are_stored(
        self, gnomon: Gnomon, plain: Plain, store_url: str, tmp_path: Path, node: Any
    ) -> None:
        import old_application  # type: ignore[import-not-found]

        folder = str(tmp_path)
        scheduler = plain()
        options = {"trigger": "interval", "seconds": 1, "misfire_grace_time": 60}
        scheduler.add_job(old_application.note, args=[folder, "mutable", ["a", {"b": [1, 2]}]], id="mutable", **options)
        scheduler.add_job(old_application.note, kwargs={"folder": folder, "text": "kwargs"}, id="kwargs", **options)
        scheduler.add_job(old_application.note_soon, args=[folder, "coroutine"], id="coroutine", **options)
        scheduler.add_job(old_application.Report(folder, "method").write, id="method", **options)
        scheduler.add_job(old_application.note, old_application.EachSecond(), args=[folder, "own"], id="own trigger")
        scheduler.shutdown()
        assert gnomon("adopt", store_url, "--yes").code == 0

        jobs = ["mutable", "kwargs", "coroutine", "method", "own trigger"]
        with closing(node()) as scheduler, scheduler:
            for job_id in jobs:
                wait_until(
                    lambda job_id=job_id: len(scheduler.runs(job_id, states=[RunState.SUCCEEDED])) > 1, what=job_id
                )
        assert {path.name for path in tmp_path.iterdir()} >= {"mutable", "kwargs", "coroutine", "method", "own"}
        # The job changes the list that it is given; the next run gets what is stored.
        assert (tmp_path / "mutable").read_text() == "(['a', {'b': [1, 2]}],)"

    def test_it_can_be_adopted_while_the_old_scheduler_runs(
        self, gnomon: Gnomon, plain: Plain, store_url: str, tmp_path: Path
    ) -> None:
        scheduler = plain(paused=False)
        scheduler.add_job("old_application:note", "interval", id="a", args=[str(tmp_path), "noted"], seconds=1)
        wait_until(lambda: (tmp_path / "noted").exists())
        assert gnomon("adopt", store_url, "--yes", "--json").json["adopted"] == ["a"]
        (tmp_path / "noted").unlink()
        wait_until(lambda: (tmp_path / "noted").exists())

    def test_going_back_is_starting_the_old_scheduler_again(
        self, gnomon: Gnomon, plain: Plain, store_url: str, tmp_path: Path, node: Any
    ) -> None:
        scheduler = plain()
        options = {"args": [str(tmp_path), "noted"], "misfire_grace_time": 60}
        scheduler.add_job("old_application:note", "interval", id="fired", seconds=1, **options)
        scheduler.add_job("old_application:note", "cron", id="changed", hour=3, **options)
        scheduler.shutdown()
        gnomon("adopt", store_url, "--yes")
        with closing(node()) as scheduler, scheduler:
            wait_until(lambda: scheduler.runs("fired", states=[RunState.SUCCEEDED]))
        gnomon("set", "changed", "interval", "hours=9", "--yes", "--store", store_url)
        assert gnomon("pause", "fired", "--store", store_url).code == 0

        back = plain()
        found = {job.id: job for job in back.get_jobs()}
        assert found["changed"].trigger.interval == timedelta(hours=9)
        assert found["fired"].next_run_time is None
        back.resume_job("fired")
        (tmp_path / "noted").unlink()
        back.resume()
        wait_until(lambda: (tmp_path / "noted").exists())

    def test_gnomons_tables_can_be_dropped_and_the_rest_is_what_it_was(
        self, gnomon: Gnomon, plain: Plain, store_url: str
    ) -> None:
        plain().add_job("old_application:note", "cron", id="a", args=["."], hour=3)
        before = rows_in(store_url)
        gnomon("adopt", store_url, "--yes")
        engine = create_engine(store_url)
        with engine.begin() as connection:
            for table in gnomon("adopt", store_url, "--dry-run", "--json").json["own_tables"]:
                connection.execute(text(f"DROP TABLE {table}"))
            if engine.dialect.name == "postgresql":
                connection.execute(text("DROP SEQUENCE gnomon_runs_id"))
        engine.dispose()
        assert rows_in(store_url) == before
        assert gnomon("adopt", store_url, "--yes", "--json").json["adopted"] == ["a"]


@pytest.fixture(params=OLD_ROWS)
def old_release(request: pytest.FixtureRequest, store_url: str) -> str:
    """A database with the rows of an old release; the release."""
    store = SQLAlchemyJobStore(url=store_url)
    store.start(BackgroundScheduler(), "default")
    with store.engine.begin() as connection:
        for job_id, (next_run_time, state) in OLD_ROWS[request.param].items():
            values = {"id": job_id, "next_run_time": next_run_time, "job_state": base64.b64decode(state)}
            connection.execute(store.jobs_t.insert().values(**values))
    store.shutdown()
    release: str = request.param
    return release


def test_rows_of_old_releases_are_adopted_and_run(
    gnomon: Gnomon, old_release: str, store_url: str, tmp_path: Path, node: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = rows_in(store_url)
    assert gnomon("adopt", store_url, "--yes").code == 0
    assert rows_in(store_url) == before
    scheduler = node()
    with closing(scheduler):
        shown = {job["id"]: job for job in scheduler.get_all_jobs()}
        assert shown.keys() == OLD_ROWS[old_release].keys()
        assert {job["state"] for job in shown.values()} == {"active", "paused"}
        assert shown["cron"]["schedule"] == (
            "every 15 minutes from 03:00 to 03:59 on weekdays from 2099-01-01 00:00, Europe/Berlin"
        )
        assert (shown["cron"]["name"], shown["cron"]["max_instances"], shown["cron"]["misfire_grace_time"]) == (
            "A name",
            2,
            3600,
        )
        forms = shown["forms"]["trigger_args"]
        assert (forms["month"], forms["day"], forms["hour"], forms["second"]) == (
            "1-12/2",
            "last,2nd fri",
            "8-10",
            "5,7",
        )
        assert shown["interval"]["trigger_args"]["minutes"] == 5
        assert datetime.fromisoformat(shown["date"]["next_run_time"]) == datetime(2098, 12, 31, 23, tzinfo=UTC)
        assert shown["paused"]["state"] == "paused"
        if "or" in shown:
            assert shown["or"]["trigger"] == "or"
        # Their arguments name a folder that is relative: the runs leave their files there.
        (tmp_path / "FOLDER").mkdir()
        monkeypatch.chdir(tmp_path)
        jobs = [job_id for job_id in ("cron", "mutable", "coroutine") if job_id in shown]
        if old_release not in {"3.0.6", "3.3.1"}:  # they stored a method without its object, and could not run it
            jobs.append("method")
        with scheduler:
            for job_id in jobs:
                run = scheduler.run_job(job_id)
                wait_until(lambda run=run: scheduler.run(run).finished_at is not None)
                assert scheduler.run(run).state is RunState.SUCCEEDED, scheduler.run(run).error
    assert (tmp_path / "FOLDER" / "noted").exists()
