"""The examples for FastAPI and Starlette: the API is mounted under a path of the application."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import httpx
import pytest

from tests.examples.conftest import EXAMPLES, Example, answer, assert_each_time_ran_once, reschedule
from tests.processes import wait_until

pytestmark = pytest.mark.slow

#: One process of uvicorn's ends all that it has to, and then itself by the signal that it got.
ENDED = -signal.SIGTERM


@pytest.fixture(params=["with_fastapi", "with_starlette"])
def example(request: pytest.FixtureRequest, tmp_path: Path) -> Example:
    """A copy of each."""
    folder = tmp_path / "example"
    shutil.copytree(EXAMPLES / request.param, folder, ignore=shutil.ignore_patterns("__pycache__", "*.db*"))
    return Example(folder)


@pytest.fixture
def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


def test_two_workers_run_each_time_once_and_end_cleanly(example: Example, url: str, port: int) -> None:
    with example.process("uvicorn", "app:app", "--workers", "2", "--port", str(port)):
        assert "heartbeat" in answer(url)
        wait_until(lambda: example.nodes().count("alive") == 2, what="two workers that fire")
        wait_until(lambda: len(example.heartbeats()) >= 4)
    assert example.nodes() == ["stopped", "stopped"]
    assert_each_time_ran_once(example, example.heartbeats())


def test_the_api_works_below_its_path(example: Example, url: str, port: int) -> None:
    with example.process("uvicorn", "app:app", "--port", str(port), ends_with=ENDED):
        jobs = {job["id"]: job for job in answer(f"{url}/jobs/api/scheduler/jobs")["jobs"]}
        assert jobs["heartbeat"]["schedule"] == "every second"
        assert answer(f"{url}/jobs/health")["status"] == "ok"
        assert answer(f"{url}/jobs/api/scheduler/openapi.json")["servers"] == [{"url": "/jobs"}]
        job = f"{url}/jobs/api/scheduler/jobs/heartbeat"
        changed = httpx.patch(
            job,
            json={"trigger": "interval", "trigger_args": {"hours": 1}},
            headers={"Origin": url, "If-Match": httpx.get(job).headers["ETag"]},
        )
        assert (changed.status_code, changed.json()["schedule"]) == (200, "every hour")
        missing = httpx.get(f"{url}/jobs/api/scheduler/jobs/nobody")
        assert (missing.status_code, missing.json()["type"]) == (404, "/problems/job-not-found")
        assert httpx.get(f"{url}/jobs/health", headers={"Host": "evil.example"}).status_code == 400
        foreign = {"Origin": "http://evil.example"}
        assert httpx.patch(job, json={}, headers=foreign).status_code == 403
    assert example.nodes() == ["stopped"]


def test_what_another_process_changes_is_what_the_application_says(example: Example, url: str, port: int) -> None:
    with example.process("uvicorn", "app:app", "--port", str(port), ends_with=ENDED):
        before = answer(url)["heartbeat"]
        reschedule(example, "cron", "hour=4", "timezone=Asia/Tokyo")
        assert answer(url)["heartbeat"] != before
        assert answer(url)["heartbeat"].endswith("T04:00:00+09:00")
        job = answer(f"{url}/jobs/api/scheduler/jobs/heartbeat")
        assert (job["schedule"], job["source"]) == ("at 04:00 every day, Asia/Tokyo", "override")


def test_importing_the_application_starts_nothing(example: Example) -> None:
    (example.folder / "importing.py").write_text("import app, threading\nprint(threading.active_count())\n")
    assert example.run("importing.py").split() == ["1"]
    assert example.nodes() == []
