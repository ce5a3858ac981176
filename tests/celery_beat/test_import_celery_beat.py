"""``gnomon import-celery-beat``, on databases that django-celery-beat itself has made."""

from __future__ import annotations

import importlib.util
import json
import subprocess
import sys
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest

from gnomon import Scheduler
from gnomon.domain.change import Origin
from tests.celery_beat.conftest import Beat, fill
from tests.cli.conftest import Gnomon

NIGHTLY = {"minute": "30", "hour": "3", "day_of_week": "1-5", "timezone": "Europe/Berlin"}
NOW = datetime.now(UTC)


def task(name: str, **more: Any) -> dict[str, Any]:
    """A task every five minutes, unless it is said otherwise."""
    schedules = {"interval", "crontab", "clocked", "solar"} & more.keys()
    default = {} if schedules else {"interval": {"every": 5, "period": "minutes"}}
    return {"name": name, "task": "proj.tasks.work", **default, **more}


def translated(gnomon: Gnomon, url: str, *more: str) -> tuple[dict[str, Any], dict[str, str]]:
    found = gnomon("import-celery-beat", url, "--json", *more).json
    return {job["name"]: job for job in found["jobs"]}, {row["name"]: row["reason"] for row in found["refused"]}


def imported(file: Path, monkeypatch: pytest.MonkeyPatch, **functions: Any) -> Scheduler:
    """The scheduler of a written module, where ``proj.tasks`` holds these functions."""
    tasks = ModuleType("proj.tasks")
    vars(tasks).update(functions)
    monkeypatch.setitem(sys.modules, "proj", ModuleType("proj"))
    monkeypatch.setitem(sys.modules, "proj.tasks", tasks)
    spec = importlib.util.spec_from_file_location(file.stem, file)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    scheduler: Scheduler = module.scheduler
    return scheduler


class TestTranslating:
    def test_schedules_keep_their_times(self, gnomon: Gnomon, beat: Beat) -> None:
        soon = (NOW + timedelta(days=30)).replace(microsecond=0)
        url = beat(
            task("crontab", crontab=NIGHTLY),
            task("both days", crontab={"minute": "0", "hour": "0", "day_of_month": "1-7", "day_of_week": "sun"}),
            task("interval", interval={"every": 90, "period": "seconds"}),
            task("clocked", clocked={"clocked_time": soon.isoformat()}, one_off=True),
        )
        jobs, refused = translated(gnomon, url)
        assert refused.keys() <= {"celery.backend_cleanup"}
        triggers = {name: (job["trigger"], job["trigger_args"]) for name, job in jobs.items()}
        assert triggers["crontab"] == (
            "cron",
            {"day_of_week": "mon-fri", "hour": "3", "minute": "30", "timezone": "Europe/Berlin"},
        )
        # All fields must match: the first Sunday of a month, and not every Sunday and each of seven days.
        assert triggers["both days"] == (
            "cron",
            {"day": "1-7", "day_of_week": "sun", "hour": "0", "minute": "0", "timezone": "UTC"},
        )
        assert triggers["interval"] == ("interval", {"seconds": 90})
        assert triggers["clocked"] == ("date", {"run_date": soon.isoformat(), "timezone": "UTC"})

    def test_what_stands_beside_the_schedule_is_kept(self, gnomon: Gnomon, beat: Beat) -> None:
        start, end = NOW + timedelta(days=3), NOW + timedelta(days=40)
        url = beat(
            task(
                "all of it",
                args='["eu", 3]',
                kwargs='{"deep": {"list": [1, null]}}',
                enabled=False,
                description="Imports\nthe orders.",
                expire_seconds=600,
            ),
            task("limits", crontab=NIGHTLY, start_time=start.isoformat(), expires=end.isoformat()),
            task("counted", raw={"last_run_at": start.isoformat()}, interval={"every": 2, "period": "days"}),
        )
        jobs, _ = translated(gnomon, url)
        all_of_it = jobs["all of it"]
        assert (all_of_it["args"], all_of_it["kwargs"]) == (["eu", 3], {"deep": {"list": [1, None]}})
        assert (all_of_it["enabled"], all_of_it["description"]) == (False, "Imports the orders.")
        assert (all_of_it["misfire_grace_time"], jobs["limits"]["misfire_grace_time"]) == (600, None)
        args = jobs["limits"]["trigger_args"]
        assert [datetime.fromisoformat(args[name]) for name in ("start_date", "end_date")] == [start, end]
        assert datetime.fromisoformat(jobs["counted"]["trigger_args"]["start_date"]) == start

    def test_what_runs_once_is_a_date(self, gnomon: Gnomon, beat: Beat) -> None:
        url = beat(
            task("crontab once", crontab={"minute": "0", "hour": "0", "timezone": "Asia/Tokyo"}, one_off=True),
            task("interval once", interval={"every": 3, "period": "hours"}, one_off=True),
            task("has run", one_off=True, raw={"total_run_count": 1}),
        )
        jobs, refused = translated(gnomon, url)
        when = {name: datetime.fromisoformat(job["trigger_args"]["run_date"]) for name, job in jobs.items()}
        assert jobs["crontab once"]["trigger"] == jobs["interval once"]["trigger"] == "date"
        assert (when["crontab once"] + timedelta(hours=9)).time().isoformat() == "00:00:00"
        assert timedelta(hours=2, minutes=50) < when["interval once"] - datetime.now(UTC) <= timedelta(hours=3)
        assert "has" in refused["has run"]

    def test_what_cannot_be_translated_is_listed_with_the_reason(self, gnomon: Gnomon, beat: Beat) -> None:
        past = (NOW - timedelta(days=1)).isoformat()
        solar = {"event": "sunset", "latitude": "52.5", "longitude": "13.4"}
        url = beat(
            task("solar", solar=solar),
            task("clocked", clocked={"clocked_time": past}, one_off=True),
            task("expired", raw={"expires": past}),
            task("never", crontab={"minute": "0", "hour": "0", "day_of_month": "31", "month_of_year": "2"}),
            task("seven", crontab={"minute": "0", "hour": "0", "day_of_week": "7"}),
            task("too fast", interval={"every": 10, "period": "microseconds"}),
            task("no module", task="work"),
            task("no JSON", args="[1,"),
            task("no list", args='"text"'),
            task("own JSON", args='[{"__type__": "date", "__value__": "2026-01-01"}]'),
            task("no number", args="[NaN]"),
            task("cleanup", task="celery.backend_cleanup"),
        )
        jobs, refused = translated(gnomon, url)
        assert jobs == {}
        for name, reason in {
            "solar": "by the sun (sunset at 52.5",
            "clocked": "has passed",
            "expired": "it expired at",
            "never": "within the next five years",
            "seven": "Celery does not run it either",
            "too fast": "seconds",
            "no module": "names no function",
            "no JSON": "no JSON",
            "no list": "no list",
            "own JSON": "Celery's own JSON",
            "no number": "no JSON",
            "cleanup": "Celery's own",
        }.items():
            assert reason in refused[name], name
        shown = gnomon("import-celery-beat", url)
        assert "solar is not translated: there is no schedule by the sun" in shown.err
        assert '# Not translated: "solar"' in shown.out

    def test_where_a_task_is_sent_is_left_out_and_told_unless_it_is_sent(self, gnomon: Gnomon, beat: Beat) -> None:
        url = beat(task("queued", queue="reports", priority=3, expire_seconds=60, headers='{"tenant": "x"}'))
        jobs, _ = translated(gnomon, url)
        assert "queue 'reports'" in jobs["queued"]["notes"][0]
        assert jobs["queued"]["misfire_grace_time"] == 60
        jobs, _ = translated(gnomon, url, "--send")
        assert jobs["queued"]["notes"] == []
        assert jobs["queued"]["sending"] == {
            "queue": "reports",
            "priority": 3,
            "expires": 60,
            "headers": {"tenant": "x"},
        }

    def test_names_that_no_id_can_be_become_ids_of_their_own(self, gnomon: Gnomon, beat: Beat) -> None:
        url = beat(task("reports/daily"), task("reports//daily"), task("täglich \x1b[31m"), task("///"))
        jobs, refused = translated(gnomon, url)
        assert sorted(job["job_id"] for job in jobs.values()) == ["reports-daily", "reports-daily-2", "täglich -31m"]
        assert "///" in refused
        assert "\x1b" not in gnomon("import-celery-beat", url).err

    @pytest.mark.postgresql
    def test_postgresql_is_read_likewise(self, gnomon: Gnomon, postgresql_url: str) -> None:
        start = (NOW + timedelta(days=3)).isoformat()
        fill(postgresql_url, [task("nightly", crontab=NIGHTLY, enabled=False, start_time=start)])
        jobs, _ = translated(gnomon, postgresql_url)
        assert (jobs["nightly"]["enabled"], jobs["nightly"]["trigger_args"]["day_of_week"]) == (False, "mon-fri")
        assert datetime.fromisoformat(jobs["nightly"]["trigger_args"]["start_date"]) == datetime.fromisoformat(start)


class TestModule:
    def test_it_is_written_and_declares_what_was_read(
        self, gnomon: Gnomon, beat: Beat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        url = beat(
            task(
                "nightly", crontab=NIGHTLY, args='["eu"]', kwargs='{"deep": [1]}', description='With "quotes" \\ in it'
            ),
            task("hourly", interval={"every": 1, "period": "hours"}, args='["us"]', enabled=False),
            task("other", task="proj.tasks.other"),
        )
        result = gnomon("import-celery-beat", url, "--write", "jobs.py", "--yes")
        assert (result.code, "3 jobs written to jobs.py" in result.out) == (0, True)
        called: list[Any] = []
        scheduler = imported(
            tmp_path / "jobs.py",
            monkeypatch,
            work=lambda *a, **k: called.append((a, k)),
            other=lambda: called.append("o"),
        )
        with closing(scheduler):
            assert sorted(scheduler.start_all_jobs()) == ["hourly", "nightly", "other"]
            shown = {job["id"]: job for job in scheduler.get_all_jobs()}
            assert shown["nightly"]["schedule"] == "at 03:30 on weekdays, Europe/Berlin"
            assert shown["nightly"]["description"] == 'With "quotes" \\ in it'
            assert (shown["hourly"]["schedule"], shown["hourly"]["state"]) == ("every hour", "paused")
            for declaration in scheduler.declarations.values():
                declaration.func(*declaration.args, **declaration.kwargs)
        assert sorted(called, key=str) == [(("eu",), {"deep": [1]}), (("us",), {}), "o"]

    def test_with_send_it_sends_the_tasks_as_beat_did(
        self, gnomon: Gnomon, beat: Beat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        sent: list[Any] = []

        def apply_async(args: Any, kwargs: Any, **options: Any) -> None:
            sent.append((args, kwargs, options))

        url = beat(task("plain", args="[1]"), task("queued", queue="reports", kwargs='{"a": 2}'))
        gnomon("import-celery-beat", url, "--send", "--write", "jobs.py", "--yes")
        with closing(
            imported(tmp_path / "jobs.py", monkeypatch, work=SimpleNamespace(apply_async=apply_async))
        ) as scheduler:
            for declaration in scheduler.declarations.values():
                declaration.func(*declaration.args, **declaration.kwargs)
        assert sorted(sent, key=str) == [([1], {}, {}), ([], {"a": 2}, {"queue": "reports"})]

    def test_hostile_rows_come_out_as_text(
        self, gnomon: Gnomon, beat: Beat, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        evil = "\"\"\"\nimport os; os.abort()\n'''\\\u2028"
        url = beat(
            task(evil, args=json.dumps([evil, {evil: evil}]), description=evil, queue=evil),
            task("solar " + evil, solar={"event": "dawn_civil", "latitude": "1", "longitude": "1"}),
            task("task", task="os;abort.x"),
        )
        gnomon("import-celery-beat", url, "--write", "jobs.py", "--yes")
        with closing(imported(tmp_path / "jobs.py", monkeypatch)) as scheduler:
            (declaration,) = scheduler.declarations.values()
        assert (declaration.name, declaration.args) == (evil, (evil, {evil: evil}))

    def test_the_same_database_gives_the_same_module(self, gnomon: Gnomon, beat: Beat) -> None:
        url = beat(task("nightly", crontab=NIGHTLY), task("other"))
        before = Path(url.removeprefix("sqlite:///")).read_bytes()
        first = gnomon("import-celery-beat", url)
        assert first.out == gnomon("import-celery-beat", url).out
        assert "at 03:30 on weekdays" in first.err
        assert Path(url.removeprefix("sqlite:///")).read_bytes() == before

    @pytest.mark.parametrize("send", [[], ["--send"]], ids=["", "send"])
    def test_it_is_formatted_as_people_format_python(
        self, gnomon: Gnomon, beat: Beat, tmp_path: Path, send: list[str]
    ) -> None:
        url = beat(task("nightly", crontab=NIGHTLY, queue="x"), task("plain"), task("other", task="proj.tasks.other"))
        gnomon("import-celery-beat", url, "--write", "jobs.py", "--yes", *send)
        formatting = [sys.executable, "-m", "ruff", "format", "--isolated", "--line-length", "100", "--diff", "jobs.py"]
        done = subprocess.run(formatting, cwd=tmp_path, capture_output=True, text=True)
        assert done.returncode == 0, done.stdout

    def test_a_file_that_is_there_is_not_overwritten(self, gnomon: Gnomon, beat: Beat, tmp_path: Path) -> None:
        url = beat(task("nightly", crontab=NIGHTLY))
        (tmp_path / "jobs.py").write_text("mine")
        result = gnomon("import-celery-beat", url, "--write", "jobs.py", "--yes")
        assert (result.code, (tmp_path / "jobs.py").read_text()) == (2, "mine")

    def test_nothing_is_written_without_a_yes(self, gnomon: Gnomon, beat: Beat, tmp_path: Path) -> None:
        result = gnomon("import-celery-beat", beat(task("nightly", crontab=NIGHTLY)), "--write", "jobs.py")
        assert (result.code, (tmp_path / "jobs.py").exists()) == (2, False)


class TestOverrides:
    APPLICATION = """\
from gnomon import Scheduler

scheduler = Scheduler("sqlite:///jobs.db", timezone="UTC")


@scheduler.job("cron", id="nightly", hour=3, minute=30, day_of_week="mon-fri", timezone="Europe/Berlin")
@scheduler.job("crontab", "0 4 * * 1", id="same crontab")
@scheduler.job("interval", id="same interval", minutes=5)
@scheduler.job("cron", id="moved", hour=1)
@scheduler.job("cron", id="stopped", hour=1)
@scheduler.job("cron", id="unknown to beat", hour=1)
def run(): ...


def work(): ...


scheduler.register(work, "interval", id="by its function", hours=1)
"""

    @pytest.fixture
    def app(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
        for module in ("application",):
            monkeypatch.delitem(sys.modules, module, raising=False)
        (tmp_path / "application.py").write_text(self.APPLICATION)
        return str(tmp_path / "application.py")

    @pytest.fixture
    def url(self, beat: Beat) -> str:
        at_one = {"minute": "0", "hour": "1"}
        return beat(
            task("nightly", crontab=NIGHTLY),
            task("same crontab", crontab={"minute": "0", "hour": "4", "day_of_week": "1"}),
            task("same interval", raw={"last_run_at": NOW.isoformat()}),
            task("moved", crontab={"minute": "15", "hour": "2"}),
            task("stopped", crontab=at_one, enabled=False),
            task("anything", task="application.work", interval={"every": 3, "period": "hours"}),
            task("nobody's", task="proj.tasks.gone"),
            task("solar", solar={"event": "sunset", "latitude": "52.5", "longitude": "13.4"}),
        )

    def test_what_differs_becomes_an_override_with_the_reason(self, gnomon: Gnomon, url: str, app: str) -> None:
        result = gnomon("import-celery-beat", url, "--app", app, "--yes", "--json").json
        assert [job["id"] for job in result["changed"]] == ["by its function", "moved", "stopped"]
        assert sorted(result["same"]) == ["nightly", "same crontab", "same interval"]
        assert result["unmatched"] == ["nobody's"]
        assert result["undeclared"] == ["unknown to beat"]
        assert "solar" in [row["name"] for row in result["refused"]]
        with closing(Scheduler("sqlite:///jobs.db")) as scheduler:
            jobs = {job["id"]: job for job in scheduler.get_all_jobs()}
            changes = {change.job_id: change for change in scheduler.changes()}
        assert (jobs["moved"]["schedule"], jobs["moved"]["source"]) == ("at 02:15 every day, UTC", "override")
        assert jobs["moved"]["default"]["trigger_args"]["hour"] == "1"
        assert jobs["stopped"]["state"] == "paused"
        assert jobs["by its function"]["schedule"] == "every 3 hours"
        assert changes.keys() == {"moved", "stopped", "by its function"}
        for change in changes.values():
            assert (change.author.reason, change.author.origin) == ("from django-celery-beat", Origin.CLI)

    def test_a_second_time_there_is_nothing_to_do(self, gnomon: Gnomon, url: str, app: str) -> None:
        gnomon("import-celery-beat", url, "--app", app, "--yes")
        again = gnomon("import-celery-beat", url, "--app", app)
        assert (again.code, "nothing to do" in again.out) == (0, True)

    def test_what_an_operator_changed_since_stays_where_beat_says_what_the_code_says(
        self, gnomon: Gnomon, url: str, app: str
    ) -> None:
        gnomon("import-celery-beat", url, "--app", app, "--yes")
        gnomon("set", "nightly", "cron", "hour=9", "--yes", "--store", "jobs.db")
        assert gnomon("import-celery-beat", url, "--app", app, "--yes", "--json").json["changed"] == []

    def test_nothing_is_stored_without_a_yes(self, gnomon: Gnomon, url: str, app: str, tmp_path: Path) -> None:
        result = gnomon("import-celery-beat", url, "--app", app)
        assert result.code == 2
        assert "at 02:15 every day, UTC" in result.out
        assert "no job is declared for nobody's" in result.out
        assert not (tmp_path / "jobs.db").exists()


class TestRefusals:
    def test_a_database_without_the_tables_is_said_to_have_none(self, gnomon: Gnomon, sqlite_url: str) -> None:
        with closing(Scheduler(sqlite_url)) as scheduler:
            scheduler.open()
        result = gnomon("import-celery-beat", sqlite_url)
        assert (result.code, "no table django_celery_beat_periodictask" in result.err) == (1, True)

    def test_a_file_that_is_not_there_is_not_made(self, gnomon: Gnomon, tmp_path: Path) -> None:
        assert gnomon("import-celery-beat", "missing.sqlite3").code == 1
        assert not (tmp_path / "missing.sqlite3").exists()

    def test_a_module_and_overrides_at_once_are_refused(self, gnomon: Gnomon) -> None:
        assert gnomon("import-celery-beat", "x.db", "--app", "x.py", "--write", "y.py").code == 2
