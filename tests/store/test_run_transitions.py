"""Whatever nodes, operators and deaths do to runs in whatever order: each attempt starts at most once, at most so many
runs of a job are active as may, and what has ended stays so until somebody tries it again."""

from __future__ import annotations

from contextlib import closing, suppress
from datetime import UTC, datetime

from hypothesis import given, settings
from hypothesis import strategies as st

from gnomon import Run, RunState, Scheduler
from gnomon.domain.ledger import Finish
from gnomon.domain.run import FINISHED, MAY_BE_TRIED_AGAIN
from gnomon.errors import ChangeRefused
from gnomon.testing import ManualClock, temporary_store
from tests.jobs import nothing
from tests.store.conftest import living

#: Of each job, how many runs may be active. The second is one whose lost runs run again.
_JOBS = {"one": 1, "two": 2}
_NODES = ["n0", "n1"]
_ENDS = [RunState.SUCCEEDED, RunState.FAILED, RunState.TIMED_OUT, RunState.CANCELLED]
#: What happens, and of which node, run or key: often things that let a run get on.
_STEPS = st.tuples(
    st.sampled_from(
        ["run_now", "run_now", "claim", "start", "work", "work", "finish", "fail", "cancel", "retry", "die"]
    ),
    st.integers(0, 7),
)
#: What may follow a state without an operator. A run that is tried again becomes queued, with the next attempt.
_FOLLOWS = {
    RunState.QUEUED: {RunState.RUNNING, RunState.CANCELLED},
    RunState.RUNNING: FINISHED,
}


class History:
    """Runs of two jobs in a store, and two nodes that do with them what nodes do."""

    def __init__(self, scheduler: Scheduler, clock: ManualClock) -> None:
        self.scheduler, self.clock = scheduler, clock
        self.ledger = scheduler.store.ledger
        self.claims: dict[str, set[tuple[int, int]]] = {name: set() for name in _NODES}
        self.started: list[tuple[int, int]] = []
        self.before: dict[int, Run] = {}
        self.retried: int | None = None
        for job_id, limit in _JOBS.items():
            options = {"max_instances": limit, "rerun_lost": limit == 2}
            scheduler.register(nothing, "cron", id=job_id, hour=3, **options)
        scheduler.start_all_jobs()
        living(scheduler.store, *_NODES)

    @property
    def runs(self) -> list[Run]:
        return self.scheduler.runs(limit=1000)

    # -- what happens

    def run_now(self, which: int) -> None:
        self.clock.advance(seconds=1)
        with suppress(ChangeRefused):
            self.scheduler.run_job(sorted(_JOBS)[which % 2], key=[None, None, "k1", "k2"][which // 2])

    def claim(self, which: int) -> None:
        node = _NODES[which % 2]
        claimed = self.ledger.claim_waiting(node, now=self.clock(), exclude=(), limit=1 + which // 2)
        self.claims[node] |= {(run.id, run.attempt) for run in claimed}

    def start(self, which: int) -> None:
        """Whatever it ever claimed and has not tried to start: also what has long passed to others."""
        node = _NODES[which % 2]
        for run_id, attempt in sorted(self.claims[node]):
            if self.ledger.start([(run_id, node, attempt)], at=self.clock()):
                self.started.append((run_id, attempt))
        self.claims[node].clear()

    def work(self, which: int) -> None:
        """Claim and start at once, as is usual."""
        self.claim(which)
        self.start(which)

    def finish(self, which: int) -> None:
        """One of the last attempts ends, or is told to have ended once more, by the right node or another."""
        if self.started:
            run_id, attempt = self.started[-1 - which // 2 % len(self.started)]
            end = Finish(run_id, _NODES[which % 2], attempt, _ENDS[which % 4], "what became of it", attempt, None)
            self.ledger.finish([end], at=self.clock())

    def fail(self, which: int) -> None:
        """The same, of one that is to be tried again."""
        if self.started:
            run_id, attempt = self.started[-1 - which // 2 % len(self.started)]
            node, now = _NODES[which % 2], self.clock()
            end = Finish(run_id, node, attempt, RunState.QUEUED, "again", attempt + 1, now, RunState.FAILED)
            self.ledger.finish([end], at=now)

    def cancel(self, which: int) -> None:
        if runs := self.runs:
            with suppress(ChangeRefused):
                self.scheduler.cancel_run(runs[which % len(runs)].id)

    def retry(self, which: int) -> None:
        if runs := self.runs:
            run = runs[which % len(runs)]
            try:
                self.scheduler.retry_run(run.id)
            except ChangeRefused:
                return
            assert run.state in MAY_BE_TRIED_AGAIN
            self.retried = run.id

    def die(self, which: int) -> None:
        """A node is given up, and wakes up: it will go on with all that it ever claimed."""
        node = _NODES[which % 2]
        with self.scheduler.store.database.transaction("sweep"):
            self.ledger.release_queued(node)
            self.ledger.lose_running(node, at=self.clock(), error="it died")

    # -- what holds

    def check(self) -> None:
        """After each step."""
        now = {run.id: run for run in self.runs}
        assert len(set(self.started)) == len(self.started), "an attempt was started twice"
        for job_id, limit in _JOBS.items():
            assert sum(run.state.is_active for run in now.values() if run.job_id == job_id) <= limit
        for run_id, before in self.before.items():
            self._check_followed(before, now[run_id])
        for run in now.values():
            attempts = self.scheduler.store.run_queries.attempts(run.id)
            assert [attempt.number for attempt in attempts] == list(range(1, run.attempt))
            assert (run.finished_at is None) is run.state.is_active
        self.before, self.retried = now, None

    def _check_followed(self, before: Run, run: Run) -> None:
        if run.id == self.retried:
            assert (run.state, run.attempt) == (RunState.QUEUED, before.attempt + 1)
        elif run.attempt > before.attempt:
            # By itself, only what ran goes on to a further attempt.
            assert (before.state, run.state, run.attempt) == (RunState.RUNNING, RunState.QUEUED, before.attempt + 1)
            assert before.cancel_requested_at is None, "it was to end, and goes on"
        else:
            assert run.attempt == before.attempt
            assert run.state in {before.state, *_FOLLOWS.get(before.state, set())}


@settings(max_examples=60)
@given(st.lists(_STEPS, min_size=60, max_size=60))
def test_runs_go_on_as_they_may_whatever_happens(steps: list[tuple[str, int]]) -> None:
    clock = ManualClock(datetime(2026, 3, 2, 12, tzinfo=UTC))
    with temporary_store() as url, closing(Scheduler(url, timezone="UTC", clock=clock)) as scheduler:
        history = History(scheduler, clock)
        for step, which in steps:
            getattr(history, step)(which)
            history.check()
