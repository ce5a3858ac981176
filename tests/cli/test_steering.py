"""``gnomon cancel``, ``retry`` and ``nodes``, one run with its attempts, with a node in another process."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.conftest import Gnomon, process, reading
from tests.processes import wait_until

APPLICATION = """
import time
from pathlib import Path
from gnomon import Scheduler, current_run
from gnomon.executors import run_command

scheduler = Scheduler("sqlite:///node.db")
scheduler.register(run_command, "cron", id="command", hour=3, executor="command", args=("echo begun; sleep 60",))

@scheduler.job("cron", hour=3, id="looks")
def looks():
    while not current_run().cancelled:
        time.sleep(0.01)

@scheduler.job("cron", hour=3, id="mends", retries=1, retry_delay=0)
def mends():
    print(f"this is attempt {current_run().attempt}")
    if not Path("mended").exists():
        raise RuntimeError("no luck today")
"""


@pytest.fixture
def node(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[subprocess.Popen[str]]:
    """A node that runs them, on whose store commands work."""
    (tmp_path / "app.py").write_text(APPLICATION)
    monkeypatch.setenv("GNOMON_STORE", "sqlite:///node.db")
    with process("node", "app.py", cwd=tmp_path) as started:
        wait_until(lambda: (tmp_path / "node.db").exists() and is_alive(tmp_path), what="the node")
        yield started


def is_alive(folder: Path) -> bool:
    with reading(f"sqlite:///{folder}/node.db") as scheduler:
        return any(node["state"] == "alive" for node in scheduler.nodes())


def wait_for(gnomon: Gnomon, run: str, state: str) -> None:
    wait_until(lambda: gnomon("runs", run, "--json").json["state"] == state, what=f"run {run} to be {state}")


@pytest.mark.usefixtures("node")
def test_runs_in_another_process_are_ended(gnomon: Gnomon) -> None:
    gnomon("run", "command")
    gnomon("run", "looks")
    for run in ("1", "2"):
        wait_for(gnomon, run, "running")
    result = gnomon("cancel", "1", "2", "--reason", "it locks the table")
    assert (result.code, result.err) == (0, "")
    assert "✓ run 1 of command is being ended by its node" in result.out
    assert "✓ run 2 of looks is asked to end; it runs in a thread" in result.out
    for run in ("1", "2"):
        wait_for(gnomon, run, "cancelled")
    shown = gnomon("runs", "1").out
    assert "– cancelled" in shown
    assert "it locks the table" in shown
    refused = gnomon("retry", "4711")
    assert (refused.code, refused.out) == (3, "")


@pytest.mark.usefixtures("node")
def test_a_failed_run_is_tried_again_and_shown_with_its_attempts(gnomon: Gnomon, tmp_path: Path) -> None:
    assert gnomon("run", "mends", "--wait").code == 1
    (tmp_path / "mended").touch()
    result = gnomon("retry", "1", "--reason", "mended it")
    assert (result.code, result.out) == (0, "✓ run 1 of mends is queued, attempt 3\n")
    wait_for(gnomon, "1", "succeeded")
    run = gnomon("runs", "1", "--json").json
    assert [(attempt["number"], attempt["state"]) for attempt in run["attempts"]] == [
        (1, "failed"),
        (2, "failed"),
        (3, "succeeded"),
    ]
    done = [(change["action"], change["reason"]) for change in run["changes"]]
    assert done == [("run", None), ("retry", "mended it")]
    shown = gnomon("runs", "1").out
    assert "Attempts" in shown
    assert shown.count("RuntimeError: no luck today") == 2
    logs = gnomon("logs", "1")
    assert logs.out.splitlines() == [f"this is attempt {number}" for number in (1, 2, 3)]
    assert "attempt 1 failed: RuntimeError: no luck today" in logs.err
    assert gnomon("logs", "1", "--tail", "1").out == "this is attempt 3\n"
    assert [piece["text"] for piece in gnomon("logs", "1", "--json").json["output"]] == logs.out.splitlines(True)


@pytest.mark.usefixtures("node")
def test_the_nodes_are_listed_with_what_they_run(gnomon: Gnomon, node: subprocess.Popen[str]) -> None:
    gnomon("run", "command")
    wait_for(gnomon, "1", "running")
    (found,) = gnomon("nodes", "--json").json
    assert (found["pid"], found["state"], found["running"]) == (node.pid, "alive", 1)
    shown = gnomon("nodes").out
    assert f":{node.pid}" in shown
    assert "● alive" in shown
    gnomon("cancel", "1")
    wait_for(gnomon, "1", "cancelled")


def test_without_a_node_it_says_so(gnomon: Gnomon, store: str) -> None:
    assert gnomon("nodes", "--store", store).out == "No node has ever been here; start one: gnomon serve TARGET\n"
    assert gnomon("nodes", "--store", store, "--json").json == []


def test_a_queued_run_is_cancelled_and_tried_again_without_a_node(gnomon: Gnomon, store: str) -> None:
    gnomon("run", "nightly", "--store", store)
    assert gnomon("cancel", "1", "--store", store).out == "✓ run 1 of nightly cancelled\n"
    again = gnomon("cancel", "1", "--store", store, "--json")
    assert (again.code, again.json["state"], again.json["cancellation"]) == (0, "cancelled", "cancelled")
    result = gnomon("retry", "1", "--store", store, "--json")
    assert (result.code, result.json["state"], result.json["attempt"]) == (0, "queued", 2)
    assert "No node is alive" in result.err
    refused = gnomon("retry", "1", "--store", store)
    assert (refused.code, refused.err) == (
        1,
        "gnomon: run 1 of job 'nightly' is queued already; wait for its end\n",
    )
    shown = gnomon("show", "nightly", "--store", store).out
    assert "retried run 1" in shown
    assert "cancelled run 1" in shown


def test_one_that_is_refused_does_not_keep_the_others_from_it(gnomon: Gnomon, store: str) -> None:
    gnomon("run", "nightly", "--store", store)
    result = gnomon("cancel", "4711", "1", "--store", store)
    assert result.code == 3
    assert result.out == "✓ run 1 of nightly cancelled\n"
    assert "there is no run 4711" in result.err
    assert "1 of 2 runs were refused" in result.err


def test_a_run_is_named_by_its_number(gnomon: Gnomon, store: str) -> None:
    for command in ("cancel", "retry"):
        result = gnomon(command, "nightly", "--store", store)
        assert (result.code, result.out) == (2, "")
        assert "is no number of a run" in result.err


def test_a_key_makes_a_repeated_run_the_same(gnomon: Gnomon, store: str) -> None:
    first = gnomon("run", "nightly", "--key", "Monday", "--reason", "it came late", "--store", store, "--json").json
    second = gnomon("run", "nightly", "--key", "Monday", "--store", store, "--json").json
    assert first == second
    other = gnomon("run", "tick", "--key", "Monday", "--store", store)
    assert other.code == 1
    assert "the key 'Monday' was given for a run of job 'nightly'" in other.err
    assert "it came late" in gnomon("runs", "1", "--store", store).out


def test_runs_are_narrowed_down(gnomon: Gnomon, store: str) -> None:
    gnomon("run", "nightly", "--store", store)
    gnomon("run", "tick", "--store", store)
    gnomon("cancel", "1", "--store", store)

    def found(*options: str) -> list[int]:
        return [run["id"] for run in gnomon("runs", *options, "--store", store, "--json").json]

    assert found() == [2, 1]
    assert found("--cause", "manual", "--since", "1h") == [2, 1]
    assert found("--until", "1h") == []
    assert found("--since", "2026-01-01", "--until", "2026-01-02T00:00:00+02:00") == []
    assert found("--search", "CANCELLED ON request") == [1]
    assert found("--state", "queued", "--state", "running") == [2]
    assert found("--node", "nobody") == []
    assert gnomon("runs", "--node", "nobody", "--store", store).out == "No runs like that are in the ledger.\n"


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (("--since", "yesterday"), "--since: 'yesterday' is no time; give a time such as 2026-03-01T04:00"),
        (("--until", "999999d"), "--until: '999999d' is no time"),
        (("--cause", "magic"), "--cause: 'magic' is no cause of a run; give schedule, manual"),
        (("--search", ""), "search: '' is not allowed; give 1 to 200 characters"),
        (("4711",), "there is no run 4711"),
    ],
)
def test_what_cannot_be_meant_is_refused(gnomon: Gnomon, store: str, options: tuple[str, ...], said: str) -> None:
    result = gnomon("runs", *options, "--store", store)
    assert result.code == (3 if options == ("4711",) else 2)
    assert said in result.err
