"""``gnomon run``, ``runs`` and ``logs``, with a node in another process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Gnomon, process, reading
from tests.processes import wait_until

APPLICATION = """
import logging, sys, time
from gnomon import Scheduler, current_run

scheduler = Scheduler("sqlite:///node.db")

@scheduler.job("cron", hour=3, id="talks")
def talks():
    print("to out")
    print("to err", file=sys.stderr)
    current_run().logger.info("to the log")

@scheduler.job("cron", hour=3, id="fails", retries=1, retry_delay=0)
def fails():
    print(f"attempt {current_run().attempt}")
    raise RuntimeError("no luck today")

@scheduler.job("cron", hour=3, id="slow", enabled=False)
def slow():
    run = current_run()
    for done in range(30):
        print(f"step {done}", flush=True)
        run.progress(done + 1, 30)
        time.sleep(0.05)

@scheduler.job("cron", hour=3, id="sleeps")
def sleeps():
    while not current_run().cancelled:
        time.sleep(0.05)
"""


@pytest.fixture
def node(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A node that runs them, in the test's directory."""
    (tmp_path / "app.py").write_text(APPLICATION)
    with process("node", "app.py", cwd=tmp_path) as started:
        wait_until(lambda: _is_alive(tmp_path), what="the node")
        yield started


def _is_alive(folder: Path) -> bool:
    if not (folder / "node.db").exists():
        return False
    with reading(f"sqlite:///{folder}/node.db") as scheduler:
        return any(node.state == "alive" for node in scheduler.store.nodes.all())


@pytest.fixture
def here(node: subprocess.Popen[str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands work on that node's store."""
    monkeypatch.setenv("GNOMON_STORE", "sqlite:///node.db")


@pytest.mark.usefixtures("here")
def test_run_and_wait_shows_the_output_and_succeeds_with_the_run(gnomon: Gnomon) -> None:
    result = gnomon("run", "talks", "--wait")
    assert result.code == 0
    # Elsewhere than on a terminal: what the job wrote and nothing else.
    assert sorted(result.out.splitlines())[-2:] == ["to err", "to out"]
    assert "to the log" in result.out
    assert "✓ succeeded  run 1 of talks" in result.err


@pytest.mark.usefixtures("here")
def test_a_run_that_fails_is_exit_code_1_with_the_error(gnomon: Gnomon) -> None:
    result = gnomon("run", "fails", "--wait")
    assert result.code == 1
    assert result.out.splitlines() == ["attempt 1", "attempt 2"]
    assert "RuntimeError: no luck today" in result.err
    assert "✗ failed  run 1 of fails" in result.err
    as_json = gnomon("run", "fails", "--wait", "--json")
    assert (as_json.code, as_json.err) == (1, "")
    assert (as_json.json["state"], as_json.json["attempt"], as_json.json["cause"]) == ("failed", 2, "manual")


@pytest.mark.usefixtures("here")
def test_a_paused_job_can_be_run_and_followed(gnomon: Gnomon) -> None:
    queued = gnomon("run", "slow")
    assert queued.code == 0
    assert "run 1 of slow is queued" in queued.out
    followed = gnomon("logs", "1", "--follow")
    assert followed.code == 0
    assert followed.out.splitlines() == [f"step {number}" for number in range(30)]
    assert gnomon("show", "slow", "--json").json["state"] == "paused"


@pytest.mark.usefixtures("here")
def test_logs_of_a_job_are_those_of_its_newest_run(gnomon: Gnomon) -> None:
    gnomon("run", "talks", "--wait")
    gnomon("run", "talks", "--wait")
    whole = gnomon("logs", "talks", "--json").json
    assert whole["run"]["id"] == 2
    assert {(piece["stream"], piece["text"]) for piece in whole["output"]} >= {
        ("stdout", "to out\n"),
        ("stderr", "to err\n"),
    }
    assert gnomon("logs", "talks").out == gnomon("logs", "2").out
    not_run = gnomon("logs", "fails")
    assert (not_run.code, not_run.err) == (3, "gnomon: job 'fails' has not run yet; `gnomon run fails` runs it now\n")
    assert gnomon("logs", "4711").err == "gnomon: there is no run 4711; `gnomon runs` lists those in the ledger\n"
    assert gnomon("logs", "4711").code == 3


@pytest.mark.usefixtures("here")
def test_runs_are_listed_newest_first_and_filtered(gnomon: Gnomon) -> None:
    assert gnomon("runs").out == "Nothing has run yet.\n"
    gnomon("run", "talks", "--wait")
    gnomon("run", "fails", "--wait")
    assert [run["id"] for run in gnomon("runs", "--json").json] == [2, 1]
    assert [run["job_id"] for run in gnomon("runs", "--state", "failed", "--json").json] == ["fails"]
    assert [run["job_id"] for run in gnomon("runs", "talks", "--json").json] == ["talks"]
    assert gnomon("runs", "--state", "timed-out", "--json").json == []
    table = gnomon("runs").out
    assert "✗ failed" in table
    assert "manual, attempt 2, RuntimeError: no luck today" in table
    assert "The newest 1" in gnomon("runs", "--limit", "1").out
    assert gnomon("runs", "--state", "broken").code == 2
    assert gnomon("runs", "nobody").code == 3


@pytest.mark.usefixtures("here")
def test_a_second_run_of_a_busy_job_is_refused(gnomon: Gnomon) -> None:
    gnomon("run", "sleeps")
    result = gnomon("run", "sleeps", "--wait")
    assert result.code == 1
    assert "max_instances" in result.err


def test_a_run_without_a_node_waits_and_says_so(gnomon: Gnomon, store: str) -> None:
    result = gnomon("run", "nightly", "--store", store)
    assert result.code == 0
    assert "No node is alive" in result.err
    assert gnomon("runs", "--store", store, "--json").json[0]["state"] == "queued"
