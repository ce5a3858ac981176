"""What may be done to a run depends on how it stands, and on nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gnomon.domain.run import ACTIVE, FINISHED, MAY_BE_TRIED_AGAIN, NEVER_STARTED, Cause, Run, RunState
from gnomon.domain.steering import (
    Cancellation,
    cancellation_of,
    cancelled_by,
    check_key,
    check_may_be_tried_again,
)
from gnomon.errors import ChangeRefused, InvalidInput

NOON = datetime(2026, 3, 2, 12, tzinfo=UTC)


def run(state: RunState, **changes: Any) -> Run:
    fields: dict[str, Any] = {
        "id": 7,
        "job_id": "job",
        "scheduled_at": NOON,
        "state": state,
        "cause": Cause.SCHEDULE,
        "attempt": 1,
        "node": None,
        "not_before": NOON,
        "created_at": NOON,
        "started_at": None if state in NEVER_STARTED | {RunState.QUEUED} else NOON,
        "finished_at": None if state.is_active else NOON,
        "covers": 1,
        "covers_until": None,
        "error": None,
        "progress_done": None,
        "progress_total": None,
    }
    return Run(**{**fields, **changes})


def test_each_state_is_active_finished_or_never_started_and_only_one_of_them() -> None:
    assert sorted([*ACTIVE, *FINISHED, *NEVER_STARTED]) == sorted(RunState)


@pytest.mark.parametrize("state", list(RunState))
def test_what_has_not_ended_can_be_cancelled(state: RunState) -> None:
    if state.is_active or state is RunState.CANCELLED:
        expected = Cancellation.ASKED if state is RunState.RUNNING else Cancellation.CANCELLED
        assert cancellation_of(run(state), "threads") is expected
    else:
        with pytest.raises(ChangeRefused, match=state.value.replace("_", " ")):
            cancellation_of(run(state), "threads")


@pytest.mark.parametrize("executor", ["asyncio", "command", "processes", "threads", "default", None])
def test_whether_a_running_run_can_be_ended_depends_on_its_executor(executor: str | None) -> None:
    ends = executor in {"asyncio", "command", "processes"}
    expected = Cancellation.ENDING if ends else Cancellation.ASKED
    assert cancellation_of(run(RunState.RUNNING), executor) is expected


@pytest.mark.parametrize("state", list(RunState))
def test_what_ended_badly_or_never_started_may_be_tried_again(state: RunState) -> None:
    if state in MAY_BE_TRIED_AGAIN:
        check_may_be_tried_again(run(state))
        with pytest.raises(ChangeRefused, match="stands for many due times"):
            check_may_be_tried_again(run(state, covers=None, covers_until=NOON))
    else:
        with pytest.raises(ChangeRefused, match="run 7 of job 'job'"):
            check_may_be_tried_again(run(state))


def test_the_error_of_a_cancelled_run_says_who_wanted_it_and_what_else_is_known() -> None:
    assert cancelled_by("alice") == "cancelled on request of alice"
    assert cancelled_by(None) == "cancelled on request"
    assert cancelled_by("alice", "its node died\n") == "its node died\ncancelled on request of alice"


@pytest.mark.parametrize("key", ["", "k" * 256, "a\nb", "\x00", None, 7])
def test_a_key_is_a_short_line_of_text(key: Any) -> None:
    check_key("import of 2026-03-02 / 1")
    with pytest.raises(InvalidInput, match="key"):
        check_key(key)
