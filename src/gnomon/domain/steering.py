"""What an operator may do to a run, by how it stands. Pure decisions; refusals say what to do instead."""

from __future__ import annotations

from enum import StrEnum

from gnomon.domain.run import MAY_BE_TRIED_AGAIN, Run, RunState
from gnomon.errors import ChangeRefused, InvalidInput

#: Executors that can end what runs in them. A thread cannot be ended from outside.
ENDS_RUNS = frozenset({"asyncio", "command", "processes"})
_LONGEST_KEY = 255


class Cancellation(StrEnum):
    """What asking a run to end led to."""

    #: It had not started, and now will not.
    CANCELLED = "cancelled"
    #: It runs, and its executor ends it as soon as its node has heard of it.
    ENDING = "ending"
    #: It runs in a thread, which ends only if its code looks at ``current_run().cancelled``.
    ASKED = "asked"


def cancellation_of(run: Run, executor: str | None) -> Cancellation:
    """What to do about a run that somebody wants to end, and tell him. Raises ``ChangeRefused`` if it ended otherwise.

    To be asked again changes nothing: a run that is cancelled already is told as cancelled.
    """
    if run.state in {RunState.QUEUED, RunState.CANCELLED}:
        return Cancellation.CANCELLED
    if run.state is RunState.RUNNING:
        return Cancellation.ENDING if executor in ENDS_RUNS else Cancellation.ASKED
    verb = "never started" if run.started_at is None else "has ended already"
    raise ChangeRefused(f"run {run.id} of job {run.job_id!r} {verb}: it is {_said(run.state)}; nothing was cancelled")


def check_may_be_tried_again(run: Run) -> None:
    """Raises ``ChangeRefused`` for a run that must not become a further attempt, with what to do instead."""
    if run.state.is_active:
        raise ChangeRefused(f"run {run.id} of job {run.job_id!r} is {_said(run.state)} already; wait for its end")
    if run.state not in MAY_BE_TRIED_AGAIN:
        why = "has succeeded" if run.state is RunState.SUCCEEDED else "was folded into a later run"
        raise ChangeRefused(f"run {run.id} of job {run.job_id!r} {why}; run the job now instead")
    if run.covers_until is not None:
        raise ChangeRefused(
            f"run {run.id} of job {run.job_id!r} stands for many due times that passed; run the job now instead"
        )


def cancelled_by(actor: str | None, more: str | None = None) -> str:
    """The error of a run that ended because somebody asked for it; ``more`` is what else is known of its end."""
    words = f"cancelled on request of {actor}" if actor else "cancelled on request"
    return words if more is None else f"{more.rstrip()}\n{words}"


def check_key(key: str) -> None:
    """Check what makes a repeated request the same one. Raises ``InvalidInput``."""
    if not isinstance(key, str) or not 0 < len(key) <= _LONGEST_KEY or not key.isprintable():
        raise InvalidInput("key", key, f"give 1 to {_LONGEST_KEY} printable characters")


def _said(state: RunState) -> str:
    return state.value.replace("_", " ")
