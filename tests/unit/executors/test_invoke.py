"""Calling the function of a job inside its run."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any

import pytest

from gnomon.domain.run import RunState
from gnomon.executors import Outcome, current_run
from gnomon.executors.attempt import Attempt
from gnomon.executors.invoke import invoke
from tests.unit.executors.recording import Recorder, execution


def called(func: Callable[..., Any], *args: Any, **kwargs: Any) -> Outcome:
    return invoke(Attempt(execution(func, *args, **kwargs), Recorder()))


def error_of(outcome: Outcome) -> str:
    assert outcome.error is not None
    return outcome.error


def fail(error: BaseException) -> None:
    raise error


def test_a_function_that_returns_has_succeeded() -> None:
    outcome = called(divmod, 7, 2)
    assert (outcome.state, outcome.result, outcome.error) == (RunState.SUCCEEDED, (3, 1), None)


def test_arguments_are_passed() -> None:
    assert called(lambda one, *, two: (one, two), 1, two=2).result == (1, 2)


def test_a_function_that_raises_has_failed_with_its_traceback_and_not_ours() -> None:
    error = ValueError("no such report")
    outcome = called(fail, error)
    assert outcome.state is RunState.FAILED
    assert outcome.exception is error
    lines = error_of(outcome).splitlines()
    assert lines[-1] == "ValueError: no such report"
    assert "in fail" in lines[1]
    assert "gnomon/executors/invoke.py" not in error_of(outcome)


@pytest.mark.parametrize("error", [SystemExit(3), KeyboardInterrupt(), GeneratorExit()])
def test_what_would_end_the_process_ends_the_run_only(error: BaseException) -> None:
    outcome = called(fail, error)
    assert outcome.state is RunState.FAILED
    assert type(error).__name__ in error_of(outcome)


def test_exit_is_explained() -> None:
    assert "sys.exit()" in error_of(called(sys.exit, 0)).splitlines()[-1]


def test_wrong_arguments_are_a_failure() -> None:
    assert error_of(called(lambda: None, 1)).startswith("TypeError: ")


def test_cancelled_error_means_cancelled() -> None:
    assert called(fail, asyncio.CancelledError()).state is RunState.CANCELLED


def test_a_huge_error_is_cut_in_its_middle() -> None:
    error = error_of(called(fail, ValueError("x" * 1_000_000 + " the end")))
    assert len(error) < 17_000
    assert error.startswith("Traceback")
    assert "ValueError: xxx" in error
    assert error.endswith("xxx the end")
    assert "bytes cut" in error


def test_an_error_holds_nothing_that_a_database_refuses() -> None:
    error = error_of(called(fail, ValueError("a\0b\udcff")))
    assert error.endswith("ValueError: a␀b\\udcff")


def test_an_exception_that_cannot_be_shown_is_a_failure_all_the_same() -> None:
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError("no")

        @property
        def __notes__(self) -> list[str]:  # type: ignore[override]
            raise RuntimeError("no")

    assert "Broken" in error_of(called(fail, Broken()))


def test_endless_recursion_is_a_failure() -> None:
    def deeper() -> None:
        deeper()

    assert error_of(called(deeper)).splitlines()[-1].startswith("RecursionError")


def test_a_coroutine_function_is_refused_with_the_remedy() -> None:
    async def job() -> None: ...

    assert "executor='asyncio'" in error_of(called(job))


def test_the_run_is_known_inside() -> None:
    run = execution(lambda: current_run().id)
    assert invoke(Attempt(run, Recorder())).result == run.run_id


def test_a_run_sees_nothing_of_the_context_of_another() -> None:
    colour: ContextVar[str] = ContextVar("colour", default="none")

    def job() -> str:
        before = colour.get()
        colour.set("red")
        return before

    assert [called(job).result, called(job).result] == ["none", "none"]


def test_a_job_that_sees_that_it_is_cancelled_and_returns_was_cancelled() -> None:
    attempt = Attempt(execution(lambda: current_run().cancelled), Recorder())
    attempt.cancel_reason = "on request"
    assert invoke(attempt) == Outcome(RunState.CANCELLED, "on request")


def test_a_job_that_sees_that_it_is_cancelled_and_raises_was_cancelled_too() -> None:
    def job() -> None:
        if current_run().cancelled:
            raise RuntimeError("stopping")

    attempt = Attempt(execution(job), Recorder())
    attempt.cancel_reason = "on request"
    outcome = invoke(attempt)
    assert outcome.state is RunState.CANCELLED
    assert error_of(outcome).endswith("RuntimeError: stopping\non request")


def test_a_job_that_did_not_look_has_succeeded_however_late_it_was_cancelled() -> None:
    attempt = Attempt(execution(lambda: None), Recorder())
    attempt.cancel_reason = "on request"
    assert invoke(attempt).state is RunState.SUCCEEDED
