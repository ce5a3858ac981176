"""The example for Django: gunicorn's workers fire, or a management command; ``ready()`` starts nothing."""

from __future__ import annotations

from contextlib import closing

import pytest

from tests.examples.conftest import Example, answer, assert_each_time_ran_once, reschedule
from tests.processes import wait_until

pytestmark = pytest.mark.slow

EXAMPLE = "with_django"


@pytest.fixture
def url(port: int) -> str:
    return f"http://127.0.0.1:{port}/"


@pytest.fixture(autouse=True)
def _migrated(example: Example) -> None:
    example.run("manage.py", "migrate", "--verbosity", "0")


def evidence(url: str) -> list[tuple[str, str]]:
    return [tuple(row) for row in answer(f"{url}reports")["reports"]]


def test_management_commands_start_nothing(example: Example) -> None:
    example.run("manage.py", "check")
    example.run("manage.py", "test", "--verbosity", "0")
    shown = example.run("manage.py", "shell", "-v0", "-c", "import threading; print(threading.active_count())")
    assert shown.split()[-1] == "1"
    assert example.nodes() == []
    assert not (example.folder / "jobs.db").exists()


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "preload"])
def test_two_workers_run_each_time_once_and_end_cleanly(
    example: Example, url: str, port: int, preload: list[str]
) -> None:
    bind = ["--bind", f"127.0.0.1:{port}"]
    with example.process("gunicorn", "--workers", "2", *preload, *bind, "site_project.wsgi"):
        assert "heartbeat" in answer(url)
        wait_until(lambda: example.nodes().count("alive") == 2, what="two workers that fire")
        wait_until(lambda: len(evidence(url)) >= 4)
        assert len(evidence(url)) == len({scheduled_at for scheduled_at, _ in evidence(url)})
        reschedule(example, "cron", "hour=4", "timezone=Asia/Tokyo")
        assert answer(url)["heartbeat"].endswith("T04:00:00+09:00")
        wait_until(lambda: _has_settled(example))
        written = evidence(url)
    assert example.nodes() == ["stopped", "stopped"]
    assert_each_time_ran_once(example, written)


def test_runserver_reloads_and_fires_nothing_and_a_command_beside_it_fires(
    example: Example, url: str, port: int
) -> None:
    with example.process("manage.py", "runserver", str(port)):
        answer(url)
        assert example.nodes() == []
        with example.process("manage.py", "run_jobs"):
            wait_until(lambda: len(evidence(url)) >= 2)
        assert example.nodes() == ["stopped"]
        assert_each_time_ran_once(example, evidence(url))


def _has_settled(example: Example) -> bool:
    with closing(example.scheduler()) as scheduler:
        return all(run.finished_at is not None for run in scheduler.runs("heartbeat", limit=1000))
