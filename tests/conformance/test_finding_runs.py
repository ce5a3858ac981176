"""What an operator asks of the ledger first: what failed and since when, and how the last runs went."""

from __future__ import annotations

from datetime import timedelta

import pytest

from gnomon import RunState, Scheduler
from gnomon.domain.run_query import RunQuery
from gnomon.errors import InvalidInput, RunNotFound
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import fail, nothing

ONE = NOON + timedelta(hours=1)
FAILED = frozenset({RunState.FAILED})


def test_what_fails_and_since_when_is_one_question(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(fail, "interval", id="broken", hours=1, start_date=ONE)
    scheduler.register(nothing, "interval", id="well", hours=1, start_date=ONE)
    engine.run_until(ONE + timedelta(hours=2))
    (broken,) = scheduler.run_summary(NOON)
    assert (broken.job_id, broken.counts, broken.failing_since) == ("broken", {RunState.FAILED: 2}, ONE)
    assert scheduler.run_summary(NOON, ONE) == []
    every = {summary.job_id: summary.counts for summary in scheduler.run_summary(NOON, every_state=True)}
    assert every == {"broken": {RunState.FAILED: 2}, "well": {RunState.SUCCEEDED: 2}}


def test_the_last_runs_of_jobs_are_one_question(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(nothing, "interval", id="job", hours=1, start_date=ONE)
    engine.run_until(NOON + timedelta(hours=30))
    strips = scheduler.last_runs(["job", "nobody"])
    assert list(strips) == ["job"]
    assert [run.scheduled_at for run in strips["job"]] == [NOON + timedelta(hours=hour) for hour in range(11, 31)]
    assert strips["job"][0].finished_at is not None


def test_runs_are_found_page_by_page(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.register(fail, "interval", id="job", hours=1, start_date=ONE)
    engine.run_until(NOON + timedelta(hours=5))
    first = scheduler.find_runs(RunQuery(states=FAILED, search="always FAILS"), limit=3)
    assert first.following is not None
    second = scheduler.find_runs(RunQuery(states=FAILED, search="always FAILS"), limit=3, after=first.following)
    found = [run.scheduled_at for run in [*first.runs, *second.runs]]
    assert found == [NOON + timedelta(hours=hour) for hour in range(5, 0, -1)]
    assert second.following is None
    assert len(scheduler.find_runs().runs) == 5


def test_what_cannot_be_answered_is_refused(scheduler: Scheduler) -> None:
    for limit in (0, 1001):
        with pytest.raises(InvalidInput, match="limit"):
            scheduler.find_runs(limit=limit)
        with pytest.raises(InvalidInput, match="limit"):
            scheduler.output_page(1, limit=limit)
        with pytest.raises(InvalidInput, match="limit"):
            scheduler.last_runs(["job"], each=limit)
    for question in (scheduler.get_run, scheduler.output_text):
        with pytest.raises(RunNotFound):
            question(4711)
