"""``gnomon adopt``: what is shown, what is done, and what is left as it is."""

from __future__ import annotations

import functools
import pickle
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from apscheduler.triggers.combining import AndTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.interval import IntervalTrigger
from sqlalchemy import create_engine, text

from gnomon import Scheduler
from gnomon.domain.change import Origin
from gnomon.store import Store
from tests.adoption.conftest import FAR, Plain, rows_in
from tests.cli.conftest import Gnomon
from tests.processes import python

NOTE = "old_application:note"
ON_SQLITE = pytest.mark.parametrize("store_url", ["sqlite"], indirect=True)
ON_POSTGRESQL = pytest.mark.parametrize(
    "store_url", [pytest.param("postgresql", marks=pytest.mark.postgresql)], indirect=True
)

APPLICATION = """\
from old_application import note
from gnomon import Scheduler

scheduler = Scheduler("sqlite:///other.db", allow=["old_application"])
scheduler.register(note, "cron", id="declared", hour=3, args=(".",))
"""


@pytest.fixture
def old(plain: Plain, store_url: str) -> str:
    """A database with two jobs of a plain APScheduler, which has stopped."""
    scheduler = plain()
    scheduler.add_job(NOTE, "cron", id="nightly", args=["."], hour=3, timezone="Europe/Berlin", misfire_grace_time=60)
    scheduler.add_job(NOTE, "interval", id="paused", args=["."], hours=2).pause()
    scheduler.shutdown()
    return store_url


def changes_in(url: str) -> list[tuple[str, str, Origin]]:
    with closing(Scheduler(url)) as scheduler:
        return [(change.job_id, change.action, change.author.origin) for change in scheduler.changes()]


def tables_in(url: str) -> set[str]:
    engine = create_engine(url)
    with engine.connect() as connection:
        catalogue = "sqlite_master" if engine.dialect.name == "sqlite" else "pg_tables"
        column = "name" if engine.dialect.name == "sqlite" else "tablename"
        found = set(connection.execute(text(f"SELECT {column} FROM {catalogue}")).scalars())
    engine.dispose()
    return found


class TestLooking:
    def test_each_job_is_shown_and_nothing_is_changed(self, gnomon: Gnomon, old: str) -> None:
        before = rows_in(old)
        result = gnomon("adopt", old, "--dry-run")
        assert result.code == 0
        assert "at 03:00 every day, Europe/Berlin" in result.out
        assert NOTE in result.out
        assert "allow=['old_application']" in result.out
        assert "Nothing was changed." in result.out
        assert rows_in(old) == before
        assert not any(name.startswith("gnomon_") for name in tables_in(old))

    def test_programs_get_the_same(self, gnomon: Gnomon, old: str) -> None:
        found = gnomon("adopt", old, "--dry-run", "--json").json
        jobs = {job["id"]: job for job in found["jobs"]}
        assert (found["table"], found["version"], found["adopted"]) == ("apscheduler_jobs", None, [])
        assert (jobs["nightly"]["verdict"], jobs["nightly"]["module"]) == ("no code", "old_application")
        assert datetime.fromisoformat(jobs["nightly"]["next_run_time"]).hour == 3
        assert jobs["paused"]["next_run_time"] is None

    def test_without_a_yes_nothing_happens(self, gnomon: Gnomon, old: str) -> None:
        result = gnomon("adopt", old)
        assert (result.code, "--yes" in result.err) == (2, True)
        assert "Made: Gnomon's own tables" in result.out
        assert not any(name.startswith("gnomon_") for name in tables_in(old))

    @ON_SQLITE
    def test_a_file_is_not_touched_by_looking(self, gnomon: Gnomon, plain: Plain, store_url: str) -> None:
        plain().add_job(NOTE, "cron", id="nightly", args=["."], hour=3)
        file = Path(store_url.removeprefix("sqlite:///"))
        before = file.read_bytes()
        result = gnomon("adopt", str(file), "--dry-run")
        assert "delete; becomes wal" in result.out
        assert file.read_bytes() == before
        assert [path.name for path in file.parent.iterdir()] == [file.name]

    @pytest.mark.platform("only Linux tells which process has a file open")
    def test_another_program_that_has_it_open_is_named(self, gnomon: Gnomon, old: str) -> None:
        if old.startswith("sqlite") and not sys.platform.startswith("linux"):
            pytest.skip("only Linux tells which process has a file open")
        holding = """
            import sys, time
            from sqlalchemy import create_engine
            connection = create_engine(sys.argv[1]).connect()
            connection.exec_driver_sql("SELECT count(*) FROM apscheduler_jobs").all()
            print("open", flush=True)
            time.sleep(60)
        """
        other = python(holding, old)
        try:
            assert other.stdout is not None
            assert other.stdout.readline() == "open\n"
            found = gnomon("adopt", old, "--dry-run", "--json").json["open_in"]
            shown = gnomon("adopt", old, "--dry-run").out
        finally:
            other.kill()
            other.communicate()
        assert found
        assert str(other.pid) in found[0] or not old.startswith("sqlite")
        assert "stop it before a node starts" in shown


class TestTakingOver:
    def test_rows_stay_byte_for_byte_and_each_job_gets_a_change(self, gnomon: Gnomon, old: str) -> None:
        before = rows_in(old)
        result = gnomon("adopt", old, "--yes")
        assert result.code == 0
        assert "2 jobs adopted" in result.out
        assert "--allow old_application" in result.out
        assert rows_in(old) == before
        assert sorted(changes_in(old)) == [("nightly", "adopt", Origin.CLI), ("paused", "adopt", Origin.CLI)]
        shown = {job["id"]: job for job in gnomon("jobs", "--json", "--store", old).json}
        assert (shown["nightly"]["schedule"], shown["nightly"]["misfire_grace_time"]) == (
            "at 03:00 every day, Europe/Berlin",
            60,
        )
        assert "adopted" in gnomon("show", "nightly", "--store", old).out

    def test_a_second_time_there_is_nothing_to_do(self, gnomon: Gnomon, old: str) -> None:
        assert gnomon("adopt", old, "--yes", "--json").json["adopted"] == ["nightly", "paused"]
        again = gnomon("adopt", old)
        assert (again.code, "adopted already" in again.out) == (0, True)
        assert gnomon("adopt", old, "--yes", "--json").json["adopted"] == []
        assert len(changes_in(old)) == 2

    def test_what_comes_later_is_adopted_later(self, gnomon: Gnomon, old: str, plain: Plain) -> None:
        gnomon("adopt", old, "--yes")
        plain().add_job(NOTE, "cron", id="later", args=["."], hour=5)
        assert gnomon("adopt", old, "--yes", "--json").json["adopted"] == ["later"]

    def test_jobs_that_gnomon_declared_are_not_adopted(self, gnomon: Gnomon, old: str) -> None:
        gnomon("adopt", old, "--yes")
        with closing(Scheduler(old)) as scheduler:
            scheduler.register(print, "cron", id="ours", hour=1)
            scheduler.start_all_jobs()
        found = gnomon("adopt", old, "--dry-run", "--json").json
        assert [job["id"] for job in found["jobs"] if job["is_new"]] == []

    def test_a_store_that_gnomon_was_pointed_at_without_adopting_can_be_adopted(self, gnomon: Gnomon, old: str) -> None:
        with closing(Store(old)) as store:
            store.upgrade()
        assert gnomon("adopt", old, "--yes", "--json").json["adopted"] == ["nightly", "paused"]

    def test_what_is_declared_later_keeps_the_stored_schedule(self, gnomon: Gnomon, old: str) -> None:
        gnomon("adopt", old, "--yes")
        with closing(Scheduler(old)) as scheduler:
            scheduler.register(print, "cron", id="nightly", hour=7)
            scheduler.start_all_jobs()
            job = scheduler.get_job("nightly")
        assert (job["trigger_args"]["hour"], job["source"], job["default"]["trigger_args"]["hour"]) == (
            "3",
            "override",
            "7",
        )

    def test_an_empty_table_is_said_to_be_empty(self, gnomon: Gnomon, plain: Plain, store_url: str) -> None:
        plain().shutdown()
        result = gnomon("adopt", store_url)
        assert (result.code, "nothing to adopt" in result.out) == (0, True)


class TestAnotherTable:
    def test_its_rows_are_copied_byte_for_byte(self, gnomon: Gnomon, plain: Plain, store_url: str) -> None:
        theirs = plain("their_jobs")
        theirs.add_job(NOTE, "cron", id="nightly", args=["."], hour=3)
        theirs.shutdown()
        assert "their_jobs" in gnomon("adopt", store_url).err
        result = gnomon("adopt", store_url, "--table", "their_jobs", "--yes")
        assert (result.code, "leave out tablename=" in result.out) == (0, True)
        assert rows_in(store_url) == rows_in(store_url, "their_jobs")
        assert "adopted already" in gnomon("adopt", store_url, "--table", "their_jobs").out

    def test_an_id_that_both_tables_have_is_refused_and_nothing_is_copied(
        self, gnomon: Gnomon, plain: Plain, store_url: str
    ) -> None:
        for table, ids in (("their_jobs", ("a", "both")), ("apscheduler_jobs", ("both",))):
            scheduler = plain(table)
            for job_id in ids:
                scheduler.add_job(NOTE, "cron", id=job_id, args=["."], hour=3)
            scheduler.shutdown()
        result = gnomon("adopt", store_url, "--table", "their_jobs", "--yes")
        assert (result.code, "both" in result.err) == (1, True)
        assert "both" in gnomon("adopt", store_url, "--table", "their_jobs", "--dry-run").out
        assert rows_in(store_url).keys() == {"both"}
        with closing(Scheduler(store_url)) as scheduler, pytest.raises(Exception, match="both"):
            scheduler.adopt(table="their_jobs")
        assert rows_in(store_url).keys() == {"both"}

    @ON_POSTGRESQL
    def test_a_table_of_another_schema_is_named_with_it(self, gnomon: Gnomon, plain: Plain, store_url: str) -> None:
        plain().add_job(NOTE, "cron", id="nightly", args=["."], hour=3)
        engine = create_engine(store_url)
        with engine.begin() as connection:
            connection.execute(text('CREATE SCHEMA "their schema"'))
            connection.execute(text('ALTER TABLE apscheduler_jobs SET SCHEMA "their schema"'))
        engine.dispose()
        assert "their schema.apscheduler_jobs" in gnomon("adopt", store_url).err
        result = gnomon("adopt", store_url, "--table", "their schema.apscheduler_jobs", "--yes", "--json")
        assert result.json["adopted"] == ["nightly"]


class TestVerdicts:
    @pytest.fixture
    def application(self, tmp_path: Path) -> str:
        (tmp_path / "new_application.py").write_text(APPLICATION)
        return str(tmp_path / "new_application.py")

    def verdicts(self, gnomon: Gnomon, url: str, *more: str) -> dict[str, dict[str, object]]:
        return {job["id"]: job for job in gnomon("adopt", url, "--dry-run", "--json", *more).json["jobs"]}

    def test_what_the_application_declares_or_allows_runs(
        self, gnomon: Gnomon, plain: Plain, store_url: str, application: str
    ) -> None:
        scheduler = plain()
        scheduler.add_job(print, "cron", id="declared", hour=3)
        scheduler.add_job(NOTE, "cron", id="allowed", args=["."], hour=3)
        scheduler.add_job("shutil:disk_usage", "cron", id="of Python", args=["."], hour=3)
        scheduler.add_job(NOTE, "cron", id="pool", args=["."], hour=3, executor="default").modify(executor="default")
        found = self.verdicts(gnomon, store_url, "--app", application)
        assert {job_id: job["verdict"] for job_id, job in found.items()} == {
            "declared": "runs",
            "allowed": "runs",
            "of Python": "no code",
            "pool": "runs",
        }
        assert found["of Python"]["module"] is None
        assert "allow" not in str(found["of Python"]["remedy"])

    def test_an_executor_that_gnomon_does_not_have_is_named(
        self, gnomon: Gnomon, plain: Plain, store_url: str, application: str
    ) -> None:
        scheduler = plain()
        scheduler.add_executor("threadpool", "reports")
        scheduler.add_job(NOTE, "cron", id="job", args=["."], hour=3, executor="reports")
        (job,) = self.verdicts(gnomon, store_url, "--app", application).values()
        assert job["verdict"] == "no code"
        assert "executor 'reports'" in str(job["reason"])

    def test_a_class_that_would_have_to_be_allowed_is_named(
        self, gnomon: Gnomon, plain: Plain, store_url: str, application: str
    ) -> None:
        import old_application  # type: ignore[import-not-found]

        scheduler = plain()
        scheduler.add_job(old_application.Report(".", "x").write, "cron", id="method", hour=3)
        scheduler.add_job(NOTE, old_application.EachSecond(), id="own trigger", args=["."])
        scheduler.add_job(NOTE, "cron", id="hostile", args=["."], hour=3)
        state = pickle.loads(rows_in(store_url)["hostile"][1])
        state["args"] = (functools.partial(print),)
        engine = create_engine(store_url)
        with engine.begin() as connection:
            values = {"state": pickle.dumps(state)}
            connection.execute(text("UPDATE apscheduler_jobs SET job_state = :state WHERE id = 'hostile'"), values)
        engine.dispose()
        found = self.verdicts(gnomon, store_url)
        assert {job["verdict"] for job in found.values()} == {"quarantined"}
        assert {job_id: job["module"] for job_id, job in found.items()} == {
            "method": "old_application",
            "own trigger": "old_application",
            "hostile": None,
        }
        assert "old_application.Report" in str(found["method"]["remedy"])
        assert "no application should allow" in str(found["hostile"]["remedy"])
        allowed = self.verdicts(gnomon, store_url, "--app", application)
        assert (allowed["method"]["verdict"], allowed["own trigger"]["verdict"]) == ("runs", "runs")
        assert "can only be changed to one of another kind" in str(allowed["own trigger"]["notes"])

    def test_triggers_that_lead_nowhere_are_quarantined(self, gnomon: Gnomon, plain: Plain, store_url: str) -> None:
        scheduler = plain()
        never = AndTrigger([CronTrigger(minute=1, timezone="UTC"), CronTrigger(minute=2, timezone="UTC")])
        backwards = IntervalTrigger(hours=1, timezone="UTC")
        backwards.interval = timedelta(seconds=-5)
        for job_id, trigger in (("never", never), ("backwards", backwards)):
            scheduler.add_job(NOTE, trigger, id=job_id, args=["."], next_run_time=datetime.now(UTC) + timedelta(days=1))
        found = self.verdicts(gnomon, store_url)
        assert {job["verdict"] for job in found.values()} == {"quarantined"}
        assert "cannot be calculated" in str(found["never"]["reason"])
        assert "interval" in str(found["backwards"]["reason"])

    def test_what_becomes_of_times_that_have_passed_is_told(self, gnomon: Gnomon, plain: Plain, store_url: str) -> None:
        scheduler = plain()
        past = datetime.now(UTC) - timedelta(minutes=90)
        options = {"args": ["."], "next_run_time": past}
        hourly = IntervalTrigger(hours=1, start_date=past, timezone="UTC")
        scheduler.add_job(NOTE, hourly, id="beyond", **options)  # APScheduler's default: one second
        scheduler.add_job(NOTE, hourly, id="within", misfire_grace_time=None, coalesce=True, **options)
        scheduler.add_job(NOTE, hourly, id="each", misfire_grace_time=None, coalesce=False, max_instances=9, **options)
        found = self.verdicts(gnomon, store_url)
        assert found["beyond"]["overdue"] == "2 times missed (its misfire_grace_time is 1 s)"
        assert found["within"]["overdue"] == "one run at once, 1 time folded into it (coalesce)"
        assert found["each"]["overdue"] == "2 runs at once"
        assert "misfire_grace_time is 1 s" in str(found["beyond"]["notes"])

    def test_an_id_that_no_url_can_name_is_told(self, gnomon: Gnomon, plain: Plain, store_url: str) -> None:
        plain().add_job(NOTE, "cron", id="reports/\x1b[31mnightly", args=["."], hour=3)
        out = gnomon("adopt", store_url, "--dry-run").out
        assert "cannot stand in a URL" in out
        assert "\x1b" not in out


class TestRefusals:
    def test_a_file_that_is_not_there_is_not_made(self, gnomon: Gnomon, tmp_path: Path) -> None:
        result = gnomon("adopt", str(tmp_path / "missing.db"), "--yes")
        assert (result.code, "no file" in result.err) == (1, True)
        assert not (tmp_path / "missing.db").exists()

    def test_a_database_without_such_a_table_is_left_alone(self, gnomon: Gnomon, store_url: str) -> None:
        engine = create_engine(store_url)
        with engine.begin() as connection:
            connection.execute(text("CREATE TABLE other (id INT)"))
        engine.dispose()
        result = gnomon("adopt", store_url, "--yes")
        assert (result.code, "no table apscheduler_jobs" in result.err) == (1, True)
        assert not any(name.startswith("gnomon_") for name in tables_in(store_url))

    def test_a_file_that_is_no_database_is_said_to_be_none(self, gnomon: Gnomon, tmp_path: Path) -> None:
        (tmp_path / "text.db").write_text("not a database, but long enough to be taken for one" * 10)
        result = gnomon("adopt", "text.db", "--yes")
        assert (result.code, "file is something else" in result.err) == (1, True)

    def test_nothing_to_adopt_from_is_bad_input(self, gnomon: Gnomon) -> None:
        assert gnomon("adopt").code == 2


def test_the_store_of_the_application_itself_can_be_adopted(
    gnomon: Gnomon, plain: Plain, store_url: str, tmp_path: Path
) -> None:
    plain().add_job(NOTE, "cron", id="nightly", args=["."], hour=3, start_date=FAR)
    (tmp_path / "its_own.py").write_text(APPLICATION.replace("sqlite:///other.db", store_url))
    result = gnomon("adopt", "--app", "its_own.py", "--yes")
    assert (result.code, "gnomon serve its_own.py" in result.out) == (0, True)
    assert changes_in(store_url) == [("nightly", "adopt", Origin.CLI)]
