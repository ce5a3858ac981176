"""What a job can ask and tell of its run, and what is kept of what it says."""

from __future__ import annotations

import json
import logging
import sys
from collections.abc import Callable
from datetime import timedelta
from threading import Event

import pytest

from gnomon import Scheduler, Settings, current_run
from gnomon.errors import NoCurrentRun
from gnomon.operations.run_dicts import run_dict
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.processes import wait_until

ONE = NOON + timedelta(hours=1)


def test_a_job_knows_its_run(scheduler: Scheduler, engine: ManualEngine) -> None:
    seen: list[object] = []

    def job() -> None:
        run = current_run()
        seen.extend([run.id, run.job_id, run.scheduled_at, run.attempt, run.cancelled])

    scheduler.register(job, "cron", id="my job", hour=13)
    engine.clock.set(ONE + timedelta(seconds=7))
    (line,) = engine.step()
    assert seen == [line.id, "my job", ONE, 1, False]
    with pytest.raises(NoCurrentRun):
        current_run()


def test_progress_is_recorded_while_the_job_runs(scheduler: Scheduler, engine: ManualEngine, gate: Event) -> None:
    def job() -> None:
        current_run().progress(3, 12)
        gate.wait(30)
        current_run().progress(12, 12)

    scheduler.register(job, "cron", id="job", hour=13)
    engine.clock.set(ONE)
    (line,) = engine.step(wait=False)
    wait_until(lambda: scheduler.run(line.id).progress_done == 3)
    assert scheduler.run(line.id).progress_total == 12
    gate.set()
    engine.settle()
    assert scheduler.run(line.id).progress_done == 12


def test_what_it_prints_and_logs_is_kept_with_the_run_in_order(scheduler: Scheduler, engine: ManualEngine) -> None:
    def job() -> None:
        print("one\0two ü 🕐")
        print("three", file=sys.stderr)
        current_run().logger.info("four %d", 4)
        logging.getLogger("elsewhere").error("five")
        print("no end", end="")

    scheduler.register(job, "cron", id="job", hour=13)
    (line,) = engine.run_until(ONE)
    pieces = scheduler.output(line.id)
    assert [piece.stream for piece in pieces] == ["stdout", "stderr", "log", "stdout"]
    text = "".join(piece.text for piece in pieces)
    for said in ("two ü 🕐", "three", "INFO gnomon.job.job: four 4", "ERROR elsewhere: five", "no end"):
        assert said in text
    assert scheduler.output(line.id, after=pieces[-2].seq) == pieces[-1:]
    assert "".join(scheduler.output_text(line.id)) == "".join(piece.text for piece in pieces)
    assert scheduler.output_tail(line.id, limit=1).pieces == pieces[-1:]
    assert scheduler.output_page(line.id, after=pieces[-2].seq).pieces == pieces[-1:]


def test_output_is_seen_while_the_job_runs(scheduler: Scheduler, engine: ManualEngine, gate: Event) -> None:
    def job() -> None:
        print("begun")
        gate.wait(30)

    scheduler.register(job, "cron", id="job", hour=13)
    engine.clock.set(ONE)
    (line,) = engine.step(wait=False)
    wait_until(lambda: [piece.text for piece in scheduler.output(line.id)] == ["begun\n"])
    gate.set()
    engine.settle()


def test_of_huge_output_the_start_is_kept_and_marked_as_cut(another_engine: Callable[..., ManualEngine]) -> None:
    engine = another_engine(settings=Settings(output_limit=1000))

    def job() -> None:
        for number in range(10_000):
            print(f"line {number}")

    engine.scheduler.register(job, "cron", id="job", hour=13)
    (line,) = engine.run_until(ONE)
    text = "".join(piece.text for piece in engine.scheduler.output(line.id))
    assert text.startswith("line 0\nline 1\n")
    assert len(text) < 1200
    assert text.endswith("bytes more were not kept\n")


def test_what_runs_say_at_once_is_not_mixed_up(scheduler: Scheduler, engine: ManualEngine) -> None:
    for number in range(8):
        scheduler.register(lambda n=number: [print(n) for _ in range(50)], "cron", id=str(number), hour=13)
    for run in engine.run_until(ONE):
        said = "".join(piece.text for piece in scheduler.output(run.id)).split()
        assert said == [run.job_id] * 50


def test_everything_of_a_run_is_json_ready(scheduler: Scheduler, engine: ManualEngine) -> None:
    def job() -> None:
        current_run().progress(0.5)
        raise ValueError("\ud800 is no text")

    scheduler.register(job, "cron", id="job", hour=13)
    (line,) = engine.run_until(ONE)
    assert json.loads(json.dumps(run_dict(line)))["progress"] == {"done": 0.5, "total": None}
    assert json.loads(json.dumps(scheduler.get_job("job")))["last_run"]["state"] == "failed"
