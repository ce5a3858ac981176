"""``gnomon demo``: jobs that do real work on this machine."""

from __future__ import annotations

import os
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from gnomon import RunState, Scheduler
from gnomon.cli.demonstration import declare_jobs
from gnomon.testing import ManualClock, ManualEngine
from tests.cli.conftest import Gnomon, process
from tests.cli.test_serving import free_port, get, wait_for_api
from tests.processes import wait_until


def test_the_demo_does_its_work_and_keeps_what_was_changed(gnomon: Gnomon, tmp_path: Path) -> None:
    port, home = free_port(), {"HOME": str(tmp_path), "XDG_DATA_HOME": ""}
    database = tmp_path / ".local" / "share" / "gnomon" / "demo.db"
    store = ["--store", str(database)]
    with process("demo", "--port", str(port), "--no-open", cwd=tmp_path, **home) as demo:
        wait_for_api(port, demo)
        wait_until(lambda: (get(port, "/api/scheduler/jobs") or {}).get("jobs"))
        jobs = {job["id"]: job for job in get(port, "/api/scheduler/jobs")["jobs"]}
        assert {"health-check", "flaky", "uptime", "disk-usage", "checksums", "backup"} <= set(jobs)
        for job in ("health-check", "disk-usage", "uptime", "backup"):
            result = gnomon("run", job, "--wait", *store)
            assert result.code == 0, result.err
            assert result.out
        (backup,) = (database.parent / "backups").glob("*.db")
        with closing(sqlite3.connect(backup)) as connection:
            assert connection.execute("SELECT count(*) FROM apscheduler_jobs").fetchone() == (len(jobs),)
        assert gnomon("set", "health-check", "interval", "minutes=7", "--yes", *store).code == 0
        demo.kill()
        out = demo.communicate()[0]
    assert f"http://127.0.0.1:{port}/" in out
    assert "What runs next" in out
    assert f"export GNOMON_STORE=sqlite:///{database}" in out
    assert "-m gnomon set health-check interval" in out
    assert "✓ succeeded  run 1 of health-check" in out
    # What jobs print is kept with their runs and does not get between the lines.
    assert "says ok after" not in out
    with process("demo", "--port", str(port), "--no-open", cwd=tmp_path, **home) as demo:
        wait_for_api(port, demo)
        wait_until(lambda: get(port, "/api/scheduler/jobs/health-check"))
        assert get(port, "/api/scheduler/jobs/health-check")["schedule"] == "every 7 minutes"
        demo.send_signal(signal.SIGINT)
        assert demo.wait(timeout=30) == 0


def test_lines_of_the_users_crontab_are_paused_command_jobs(gnomon: Gnomon, tmp_path: Path) -> None:
    programs = tmp_path / "bin"
    programs.mkdir()
    (programs / "crontab").write_text("#!/bin/sh\necho '7 4 * * * touch ran-by-the-demo'\n")
    (programs / "crontab").chmod(0o755)
    path, store = f"{programs}{os.pathsep}{os.environ['PATH']}", ["--store", str(tmp_path / "demo.db")]

    def imported() -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = gnomon("jobs", "--json", *store).json
        return [job for job in jobs if "touch ran-by-the-demo" in job["description"]]

    for _ in range(2):  # on the second start they are not imported once more
        with process("demo", "--port", "0", "--no-open", *store, cwd=tmp_path, HOME=str(tmp_path), PATH=path):
            wait_until((tmp_path / "demo.db").exists)
            wait_until(lambda: gnomon("jobs", *store).code == 0 and imported(), what="the line of the crontab")
            (job,) = imported()
            assert (job["state"], job["executor"], job["trigger"]) == ("paused", "command", "crontab")
            assert gnomon("run", job["id"], "--wait", *store).code == 0
            assert (tmp_path / "ran-by-the-demo").exists()
            (tmp_path / "ran-by-the-demo").unlink()


def test_the_job_that_fails_now_and_then_is_tried_again_and_gets_through(sqlite_url: str) -> None:
    begin = datetime(2050, 3, 7, 12, tzinfo=UTC)
    scheduler = Scheduler(sqlite_url, timezone="UTC", clock=ManualClock(begin))
    declare_jobs(scheduler, address="http://127.0.0.1:1", database=None)
    scheduler.start_all_jobs()
    for job in scheduler.get_all_jobs():
        if job["id"] != "flaky":
            scheduler.pause_job(job["id"])
    with ManualEngine(scheduler) as engine:
        engine.run_until(begin + timedelta(minutes=20))
        runs = scheduler.runs("flaky", limit=100)
    ended = {(run.state, run.attempt > 1) for run in runs}
    assert {(RunState.SUCCEEDED, False), (RunState.SUCCEEDED, True)} <= ended


def test_the_slow_job_tells_its_progress(gnomon: Gnomon, tmp_path: Path) -> None:
    store = ["--store", str(tmp_path / "demo.db")]
    with process("demo", "--port", "0", "--no-open", *store, cwd=tmp_path, HOME=str(tmp_path)) as demo:
        wait_until((tmp_path / "demo.db").exists)
        wait_until(lambda: gnomon("run", "checksums", *store).code == 0)

        def progress() -> bool:
            assert demo.poll() is None
            (run,) = gnomon("runs", "checksums", "--json", *store).json
            return run["progress"] is not None and run["progress"]["done"] > 10

        wait_until(progress)


def test_a_demo_whose_home_cannot_be_written_says_what_to_do(
    gnomon: Gnomon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "file"))
    result = gnomon("demo", "--no-open")
    assert result.code == 1
    assert "gnomon demo --store sqlite:///demo.db" in result.err
