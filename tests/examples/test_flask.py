"""The example for Flask: gunicorn's workers fire, and ``gnomon web`` stands beside."""

from __future__ import annotations

import httpx
import pytest

from tests.examples.conftest import Example, answer, assert_each_time_ran_once, reschedule
from tests.processes import wait_until

pytestmark = pytest.mark.slow

EXAMPLE = "with_flask"


@pytest.fixture
def url(port: int) -> str:
    return f"http://127.0.0.1:{port}"


@pytest.mark.parametrize("preload", [[], ["--preload"]], ids=["", "preload"])
def test_two_workers_run_each_time_once_and_end_cleanly(
    example: Example, url: str, port: int, preload: list[str]
) -> None:
    with example.process("gunicorn", "--workers", "2", *preload, "--bind", f"127.0.0.1:{port}", "app:app"):
        assert "heartbeat" in answer(url)
        wait_until(lambda: example.nodes().count("alive") == 2, what="two workers that fire")
        wait_until(lambda: len(example.heartbeats()) >= 4)
    assert example.nodes() == ["stopped", "stopped"]
    assert_each_time_ran_once(example, example.heartbeats())


def test_the_application_says_what_the_command_line_and_the_api_beside_change(
    example: Example, url: str, port: int
) -> None:
    with example.process("gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "app:app"):
        assert answer(f"{url}/schedules/heartbeat")["schedule"] == "every second"
        reschedule(example, "cron", "hour=4", "timezone=Asia/Tokyo")
        assert answer(f"{url}/schedules/heartbeat")["schedule"] == "at 04:00 every day, Asia/Tokyo"
        assert httpx.get(f"{url}/schedules/nobody").status_code == 404
        beside = port + 1
        with example.process("gnomon", "web", "--app", "app.py", "--port", str(beside)):
            api = f"http://127.0.0.1:{beside}/api/scheduler/jobs/heartbeat"
            assert answer(api)["schedule"] == "at 04:00 every day, Asia/Tokyo"
            paused = httpx.patch(api, json={"enabled": False}, headers={"If-Match": httpx.get(api).headers["ETag"]})
            assert paused.status_code == 200
        assert answer(f"{url}/schedules/heartbeat")["state"] == "paused"


def test_flask_run_serves_and_a_node_beside_it_fires(example: Example, url: str, port: int) -> None:
    with example.process("flask", "--app", "app", "run", "--debug", "--port", str(port)):
        answer(url)
        assert example.nodes() == []
        with example.process("gnomon", "node", "app.py"):
            wait_until(lambda: len(example.heartbeats()) >= 2)
        assert example.nodes() == ["stopped"]
        assert_each_time_ran_once(example, example.heartbeats())


def test_flasks_own_commands_start_nothing(example: Example) -> None:
    assert "next_runs" in example.run("flask", "--app", "app", "routes")
    assert example.nodes() == []
