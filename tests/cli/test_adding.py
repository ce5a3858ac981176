"""``gnomon tasks``, ``add`` and ``remove``, and the arguments of a job elsewhere at the command line."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from gnomon import Scheduler
from gnomon.testing import ManualClock, ManualEngine
from tests import tasks
from tests.cli.conftest import SOURCE, Gnomon, nightly, reading
from tests.cli.test_terminal import Terminal

ADD = ("add", "acme", "report", "cron", "hour=3", "--arg", "folder=/tmp", "--arg", "tenant=acme")


@contextmanager
def node(url: str) -> Iterator[Scheduler]:
    """A node with two tasks and a job, which fires nothing."""
    scheduler = Scheduler(url, timezone="UTC", clock=ManualClock(datetime.now(UTC)))
    scheduler.task(retries=2, timeout=60, executor="processes")(tasks.report)
    scheduler.task(tasks.greet)
    scheduler.register(nightly, "cron", hour=3)
    with ManualEngine(scheduler):
        yield scheduler


@pytest.fixture
def store(sqlite_url: str) -> Iterator[str]:
    with node(sqlite_url):
        yield sqlite_url


def test_tasks_are_listed_with_their_arguments_in_words_and_who_has_them(gnomon: Gnomon, store: str) -> None:
    result = gnomon("tasks", "--store", store)
    assert (result.code, result.err) == (0, "")
    lines = [" ".join(line.split()) for line in result.out.splitlines()]
    assert lines[:3] == ["greet", "Greets.", "tenant text, needed"]
    for line in (
        "report",
        "Sends the report of a tenant.",
        "limits an object, each value a whole number or null; null if left out",
        'mode one of "full", "delta"; "full" if left out',
        "pages a whole number from 1 to 100; 1 if left out",
        "runs tests.tasks:report, executor processes, 2 retries, timeout 60 s",
    ):
        assert line in lines
    told = gnomon("tasks", "--json", "--store", store).json
    assert [task["name"] for task in told] == ["greet", "report"]
    assert f"on {told[0]['nodes'][0]}" in lines


def test_where_there_are_no_tasks_it_says_how_to_make_one(gnomon: Gnomon, sqlite_url: str) -> None:
    with closing(Scheduler(sqlite_url)) as scheduler:
        scheduler.open()
    result = gnomon("tasks", "--store", sqlite_url)
    assert result.code == 0
    assert "@scheduler.task" in result.out
    assert gnomon("tasks", "--json", "--store", sqlite_url).json == []


def test_tasks_that_the_last_node_had_are_still_listed(gnomon: Gnomon, sqlite_url: str) -> None:
    with node(sqlite_url):
        pass
    assert "no living node" in gnomon("tasks", "--store", sqlite_url).out
    assert gnomon(*ADD, "--yes", "--store", sqlite_url).code == 0


def test_add_shows_the_next_fire_times_and_adds(gnomon: Gnomon, store: str) -> None:
    result = gnomon(*ADD, "--arg", 'limits={"rows": 5}', "--reason", "a new tenant", "--yes", "--store", store)
    assert (result.code, result.err) == (0, "")
    assert 'arguments  folder=/tmp tenant=acme limits={"rows": 5}' in result.out
    assert len([line for line in result.out.splitlines() if " 03:00:00 " in line]) == 5
    assert "✓ acme added: at 03:00 every day" in result.out
    with reading(store) as scheduler:
        job = scheduler.get_job("acme")
        (change,) = scheduler.changes("acme")
    assert job["kwargs"] == {"folder": "/tmp", "tenant": "acme", "limits": {"rows": 5}}
    assert (change.author.reason, change.author.origin.value) == ("a new tenant", "cli")


def test_add_names_a_calendar_and_shows_what_it_leaves_out(gnomon: Gnomon, store: str) -> None:
    tomorrow = datetime.now(UTC).date() + timedelta(days=1)
    gnomon("calendar", "set", "closed", "--dates", f"{tomorrow}", "--yes", "--store", store)
    result = gnomon(*ADD, "--calendar", "closed", "--yes", "--store", store)
    assert (result.code, result.err) == (0, "")
    assert "calendar   closed" in result.out
    assert len([line for line in result.out.splitlines() if line.endswith("excluded by calendar closed")]) == 1
    assert gnomon("show", "acme", "--json", "--store", store).json["calendar"] == "closed"
    assert "calendar closed" in gnomon("changes", "acme", "--store", store).out


def test_json_is_the_job_as_python_has_it(gnomon: Gnomon, store: str) -> None:
    result = gnomon(
        *ADD, "--paused", "--name", "Acme", "--description", "Their report", "--yes", "--json", "--store", store
    )
    assert result.code == 0
    job = result.json
    assert (job["state"], job["name"], job["description"]) == ("paused", "Acme", "Their report")
    assert "paused" in gnomon(*ADD[:1], "b", *ADD[2:], "--paused", "--yes", "--store", store).out


@pytest.mark.parametrize(
    ("given", "value"),
    [
        ("tenant=acme", "acme"),
        ("tenant=123", "123"),
        ("tenant=true", "true"),
        ('tenant="acme"', "acme"),
        ("tenant=", ""),
        ("tenant=a=b", "a=b"),
        ("tenant={", "{"),
        ("tenant=NaN", "NaN"),
        ("pages=5", 5),
        ("ratio=1.5", 1.5),
        ("ratio=null", None),
        ('limits={"rows": 5}', {"rows": 5}),
        ('tags=["a", "5"]', ["a", "5"]),
        ("mode=delta", "delta"),
    ],
)
def test_values_are_json_where_the_task_takes_that_and_text_otherwise(
    gnomon: Gnomon, store: str, given: str, value: object
) -> None:
    base = ("add", "acme", "report", "cron", "hour=3", "--arg", "folder=/tmp")
    others = () if given.startswith("tenant") else ("--arg", "tenant=acme")
    result = gnomon(*base, *others, "--arg", given, "--yes", "--json", "--store", store)
    assert result.code == 0, result.err
    assert result.json["kwargs"][given.partition("=")[0]] == value


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (("acme", "report", "cron", "hour=3"), 2, "kwargs.folder: "),
        ((*ADD[1:], "--arg", "tenants=1"), 2, "kwargs.tenants: "),
        ((*ADD[1:], "--arg", "pages=0"), 2, "kwargs.pages: 0 is not allowed; give a whole number from 1 to 100"),
        ((*ADD[1:], "--arg", "pages=many"), 2, "kwargs.pages: 'many'"),
        ((*ADD[1:], "--arg", "tenant=b"), 2, "--arg: tenant is given twice"),
        ((*ADD[1:], "--arg", "tenant"), 2, "--arg: 'tenant' is not NAME=VALUE"),
        (("acme", "reports", "cron", "hour=3"), 3, "there is no task 'reports'; there are 'greet', 'report'"),
        (("acme", "greet", "cron", "hour=25", "--arg", "tenant=a"), 2, "hour: "),
        (("acme", "greet", "weekly", "--arg", "tenant=a"), 2, "trigger: "),
        (("a/b", "greet", "cron", "hour=3", "--arg", "tenant=a"), 2, "id: "),
        ((*ADD[1:], "--calendar", "no-such"), 3, "there is no calendar 'no-such'"),
        (("nightly", "greet", "cron", "hour=3", "--arg", "tenant=a"), 1, "there is a job 'nightly' already"),
    ],
)
def test_what_is_refused_is_one_line_with_the_reason_and_adds_nothing(
    gnomon: Gnomon, store: str, arguments: tuple[str, ...], code: int, message: str
) -> None:
    result = gnomon("add", *arguments, "--yes", "--store", store)
    assert result.code == code
    assert result.err.startswith(f"gnomon: {message}"), result.err
    assert result.err.count("\n") == 1
    assert [job["id"] for job in gnomon("jobs", "--json", "--store", store).json] == ["nightly"]


def test_without_a_terminal_and_without_yes_nothing_is_added_or_removed(gnomon: Gnomon, store: str) -> None:
    assert gnomon(*ADD, "--store", store).code == 2
    assert gnomon("show", "acme", "--store", store).code == 3
    gnomon(*ADD, "--yes", "--store", store)
    assert gnomon("remove", "acme", "--store", store).code == 2
    assert gnomon("show", "acme", "--store", store).code == 0


def test_a_job_shows_its_task_its_arguments_and_what_it_was_added_with(gnomon: Gnomon, store: str) -> None:
    gnomon(*ADD, "--yes", "--store", store)
    result = gnomon("set", "acme", "--arg", "tenant=b", "--arg", "pages=7", "--yes", "--store", store)
    assert result.code == 0, result.err
    assert "folder=/tmp tenant=acme" in result.out
    assert "folder=/tmp tenant=b pages=7" in result.out
    shown = [" ".join(line.split()) for line in gnomon("show", "acme", "--store", store).out.splitlines()]
    assert "task report" in shown
    assert "arguments folder=/tmp tenant=b pages=7" in shown
    assert "it was added with folder=/tmp tenant=acme" in shown
    log = gnomon("changes", "acme", "--store", store).out
    assert "kwargs folder=/tmp tenant=acme → folder=/tmp pages=7 tenant=b" in log
    assert "added, at 03:00 every day" in log
    gnomon("revert", "acme", "--yes", "--store", store)
    assert gnomon("show", "acme", "--json", "--store", store).json["kwargs"] == {"folder": "/tmp", "tenant": "acme"}


@pytest.mark.parametrize(("job", "given"), [("acme", "pages=0"), ("acme", "nothing=1"), ("nightly", "tenant=b")])
def test_set_refuses_arguments_that_do_not_fit(gnomon: Gnomon, store: str, job: str, given: str) -> None:
    gnomon(*ADD, "--yes", "--store", store)
    result = gnomon("set", job, "--arg", given, "--yes", "--store", store)
    assert result.code == 2
    assert gnomon("changes", "nightly", "--json", "--store", store).json == []


def test_remove_shows_what_and_removes(gnomon: Gnomon, store: str) -> None:
    gnomon(*ADD, "--yes", "--store", store)
    result = gnomon("remove", "acme", "--reason", "the contract has ended", "--yes", "--store", store)
    assert (result.code, result.err) == (0, "")
    assert "report folder=/tmp tenant=acme" in result.out
    assert "✓ acme removed" in result.out
    assert gnomon("show", "acme", "--store", store).code == 3


def test_a_removal_and_an_addition_can_be_undone(gnomon: Gnomon, store: str) -> None:
    gnomon(*ADD, "--yes", "--store", store)
    before = gnomon("remove", "acme", "--yes", "--json", "--store", store).json
    removal = gnomon("changes", "acme", "--json", "--store", store).json[0]["id"]
    undone = gnomon("undo", str(removal), "--yes", "--store", store)
    assert undone.code == 0, undone.err
    assert "✓ acme is as before" in undone.out
    after = gnomon("show", "acme", "--json", "--store", store).json
    assert {name: after[name] for name in ("token", "kwargs", "next_run_time")} == {
        name: before[name] for name in ("token", "kwargs", "next_run_time")
    }
    addition = gnomon("changes", "acme", "--json", "--store", store).json[0]["id"]
    undone = gnomon("undo", str(addition), "--yes", "--store", store)
    assert "✓ acme removed" in undone.out
    assert gnomon("show", "acme", "--store", store).code == 3
    assert f"undid change {addition}: removed" in gnomon("changes", "--store", store).out


def test_of_several_what_can_be_removed_is(gnomon: Gnomon, store: str) -> None:
    gnomon(*ADD, "--yes", "--store", store)
    result = gnomon("remove", "nightly", "acme", "--yes", "--store", store)
    assert result.code == 1
    assert "job 'nightly' is declared in code" in result.err
    assert "1 of 2 jobs were not removed" in result.err
    assert [job["id"] for job in gnomon("jobs", "--json", "--store", store).json] == ["nightly"]
    assert gnomon("remove", "nobody", "--yes", "--store", store).code == 3


def test_doctor_does_not_miss_the_code_of_what_was_added(gnomon: Gnomon, store: str, tmp_path: Path) -> None:
    gnomon(*ADD, "--yes", "--store", store)
    (tmp_path / "app.py").write_text(
        f"from gnomon import Scheduler\nfrom tests.cli.conftest import nightly\nfrom tests import tasks\n"
        f"scheduler = Scheduler({store!r}, timezone='UTC')\nscheduler.task(tasks.report)\n"
        "scheduler.register(nightly, 'cron', hour=3)\n"
    )
    assert "not declared by this code" not in gnomon("doctor", "app.py").out


# Python warns of a fork in a process with threads; the child does nothing but become another program.
@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_person_is_shown_what_would_be_added_and_asked(store: str, tmp_path: Path) -> None:
    for answer, code in (("n", 1), ("y", 0)):
        terminal = Terminal(*ADD, "--store", store, columns=100, cwd=tmp_path)
        terminal.wait_for("Add acme?")
        assert "folder=/tmp tenant=acme" in terminal.plain
        terminal.type(answer)
        assert terminal.end() == code
    with reading(store) as scheduler:
        assert scheduler.get_job("acme")["task"] == "report"
        assert json.dumps(scheduler.get_job("acme"))


def test_a_job_that_the_main_script_adds_finds_its_task_where_others_import_the_script(
    gnomon: Gnomon, tmp_path: Path
) -> None:
    url = f"sqlite:///{tmp_path / 'script.db'}"
    (tmp_path / "script.py").write_text(
        "from gnomon import Scheduler\n"
        f"scheduler = Scheduler({url!r}, timezone='UTC')\n"
        "@scheduler.task\n"
        "def report(tenant: str): ...\n"
        "if __name__ == '__main__':\n"
        "    scheduler.add_job('acme', 'report', 'cron', hour=3, kwargs={'tenant': 'acme'})\n"
    )
    environment = {**os.environ, "PYTHONPATH": SOURCE}
    subprocess.run([sys.executable, "script.py"], cwd=tmp_path, env=environment, check=True, timeout=60)
    job = gnomon("show", "acme", "--json", "--app", "script.py").json
    assert (job["state"], job["problem"]) == ("active", None)
    assert [task["func"] for task in gnomon("tasks", "--json", "--app", "script.py").json] == ["script:report"]
