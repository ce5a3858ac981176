"""What the code of a job can ask and tell of its run."""

from __future__ import annotations

import logging
import math
import threading
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any

import pytest

from gnomon.errors import InvalidInput, NoCurrentRun
from gnomon.executors import CurrentRun, current_run, router
from gnomon.executors.attempt import HERE, Attempt
from tests.unit.executors.recording import DUE, Recorder, execution


@pytest.fixture(autouse=True)
def installed() -> Iterator[None]:
    router.install()
    yield
    router.remove()


def inside_a_run(job: Callable[[CurrentRun], Any]) -> Recorder:
    recorder = Recorder()
    attempt = Attempt(execution(job), recorder)
    context = Context()
    context.run(HERE.set, attempt)
    context.run(lambda: job(current_run()))
    attempt.close()
    return recorder


def test_outside_of_a_run_there_is_none() -> None:
    with pytest.raises(NoCurrentRun, match="inside a job"):
        current_run()


def test_a_run_knows_its_id_job_time_and_attempt() -> None:
    run = execution(print)
    context = Context()
    context.run(HERE.set, Attempt(run, Recorder()))
    current = context.run(current_run)
    assert (current.id, current.job_id, current.scheduled_at, current.attempt) == (run.run_id, "report", DUE, 2)
    assert repr(current) == f"<run {run.run_id} of 'report', attempt 2>"


def test_progress_is_told() -> None:
    recorder = inside_a_run(lambda run: run.progress(3, 10))
    assert recorder.progress == [(3, 10)]


def test_the_total_may_be_unknown() -> None:
    assert inside_a_run(lambda run: run.progress(0.5)).progress == [(0.5, None)]


def test_much_progress_is_told_now_and_then_and_the_last_always() -> None:
    def job(run: CurrentRun) -> None:
        for done in range(10_001):
            run.progress(done, 10_000)

    progress = inside_a_run(job).progress
    assert progress[0] == (0, 10_000)
    assert progress[-1] == (10_000, 10_000)
    assert len(progress) < 100


def test_the_last_progress_of_a_burst_is_told_while_the_job_goes_on() -> None:
    recorder = Recorder()
    attempt = Attempt(execution(print), recorder)
    run = CurrentRun(attempt)
    run.progress(1)
    run.progress(2)
    recorder.wait_until(lambda: recorder.progress == [(1, None), (2, None)])


@pytest.mark.parametrize("number", [-1, math.nan, math.inf, 10**400, True, "3", None])
def test_progress_in_anything_but_finite_numbers_is_refused(number: Any) -> None:
    def job(run: CurrentRun) -> None:
        with pytest.raises(InvalidInput) as refused:
            run.progress(number, 1)
        assert refused.value.field == "done"
        if number is not None:
            with pytest.raises(InvalidInput) as refused:
                run.progress(1, number)
            assert refused.value.field == "total"

    assert inside_a_run(job).progress == []


def test_progress_after_the_end_is_not_told() -> None:
    runs: list[CurrentRun] = []
    recorder = inside_a_run(runs.append)
    runs[0].progress(1)
    assert recorder.progress == []


def test_info_is_kept_where_logging_is_not_configured_and_goes_nowhere_else(caplog: pytest.LogCaptureFixture) -> None:
    recorder = inside_a_run(lambda run: run.logger.info("counted %d", 3))
    assert recorder.output("log").endswith(" INFO gnomon.job.report: counted 3\n")
    assert caplog.records == []


def test_info_goes_to_the_handlers_of_the_application_too(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, logger="gnomon"):
        recorder = inside_a_run(lambda run: run.logger.info("counted", extra={"shop": 1}))
    assert recorder.output("log").count("counted") == 1
    (record,) = caplog.records
    assert (record.name, record.filename) == ("gnomon.job.report", "test_current.py")


def test_debug_is_kept_only_where_the_logger_is_enabled_for_it(caplog: pytest.LogCaptureFixture) -> None:
    assert inside_a_run(lambda run: run.logger.debug("detail")).writes == []
    with caplog.at_level(logging.DEBUG, logger="gnomon.job"):
        assert "DEBUG" in inside_a_run(lambda run: run.logger.debug("detail")).output("log")


def test_the_logger_works_in_threads_that_the_job_starts() -> None:
    def job(run: CurrentRun) -> None:
        thread = threading.Thread(target=run.logger.info, args=("from afar",))
        thread.start()
        thread.join()

    assert "from afar" in inside_a_run(job).output("log")


def test_a_run_that_nobody_cancelled_is_not_cancelled() -> None:
    def job(run: CurrentRun) -> None:
        assert not run.cancelled

    inside_a_run(job)
