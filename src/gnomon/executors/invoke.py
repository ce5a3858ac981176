"""Calling the function of a job inside its run."""

from __future__ import annotations

from contextvars import Context
from types import CoroutineType
from typing import Any

from gnomon.executors import outcomes
from gnomon.executors.attempt import HERE, Attempt
from gnomon.executors.contract import Outcome


def invoke(attempt: Attempt) -> Outcome:
    """Call the function here and now, and say how it ended. Never raises.

    The function has a context of its own, so what it sets there is not seen by the run that comes after it on the
    same thread.
    """
    try:
        result = Context().run(_call, attempt)
    except BaseException as exception:
        return judged(attempt, outcomes.raised(exception))
    if type(result) is CoroutineType:
        result.close()
        return outcomes.failed(
            "the function is a coroutine function, which only the executor 'asyncio' can run; "
            "declare the job with executor='asyncio'"
        )
    if attempt.cancel_seen:
        return judged(attempt, outcomes.succeeded(result))
    return outcomes.succeeded(result)


def judged(attempt: Attempt, outcome: Outcome) -> Outcome:
    """The outcome as it counts: a job that saw that it was cancelled, and ended, was cancelled, however it ended."""
    if attempt.cancel_seen and attempt.cancel_reason is not None:
        return outcomes.cancelled(attempt.cancel_reason, outcome.error)
    return outcome


def _call(attempt: Attempt) -> Any:
    HERE.set(attempt)
    execution = attempt.execution
    return execution.func(*execution.args, **execution.kwargs)
