"""What pages show of the ledger and the nodes, asked for in one place."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gnomon.domain.run import FAILURES, Cause, Run, RunState
from gnomon.domain.run_query import JobSummary, RunOutline, RunQuery
from gnomon.scheduler import Scheduler

#: How far back is looked for what still fails, and for what has recovered since.
TROUBLE_SPAN, RECOVERED_SPAN = timedelta(days=7), timedelta(hours=24)

_MOST_RUNNING = 50
#: Seconds. Where no node is left to notice that the last one died, the clock has to do.
_SILENT_AFTER = 30.0


@dataclass(frozen=True, slots=True)
class Trouble:
    """What went wrong with a job lately. ``run`` is the newest of the runs that failed, where it was asked for."""

    summary: JobSummary
    run: Run | None

    @property
    def still(self) -> bool:
        """Whether it has not succeeded since."""
        return self.summary.failing_since is not None

    @property
    def counts(self) -> list[tuple[RunState, int]]:
        """How many failed in each way."""
        return [
            (state, self.summary.counts[state]) for state in RunState if state in FAILURES & set(self.summary.counts)
        ]


def strips(scheduler: Scheduler, job_ids: Sequence[str]) -> dict[str, list[RunOutline]]:
    """The last runs of each job, oldest first."""
    return scheduler.last_runs(job_ids, each=20) if job_ids else {}


def active(scheduler: Scheduler) -> list[Run]:
    """What runs, and what waits to; not what was moved to a time ahead, whose line is written already."""
    query, now = RunQuery(states=frozenset({RunState.RUNNING, RunState.QUEUED})), scheduler.store.database.now()
    return sorted(
        (
            run
            for run in scheduler.find_runs(query, limit=_MOST_RUNNING).runs
            if run.cause is not Cause.EXCEPTION or run.not_before <= now
        ),
        key=lambda run: (run.state.value != "running", run.started_at or run.created_at),
    )


def trouble(scheduler: Scheduler, now: datetime, *, shown: int) -> list[Trouble]:
    """What fails since its last success, and what failed or was missed lately and has recovered. The newest failure is
    read of those that are shown."""
    found = [
        each
        for each in scheduler.run_summary(now - TROUBLE_SPAN, now)
        if each.failing_since or (FAILURES & set(each.counts) and each.last_at > now - RECOVERED_SPAN)
    ]
    return [
        Trouble(each, _newest_failure(scheduler, each.job_id) if place < shown else None)
        for place, each in enumerate(found)
    ]


def nodes(scheduler: Scheduler) -> list[dict[str, Any]]:
    """The nodes; one that has not been heard of for long is called ``silent``."""
    return [node | {"state": _state(node)} for node in scheduler.nodes()]


def _state(node: dict[str, Any]) -> str:
    is_silent = node["state"] == "alive" and node["seen_seconds_ago"] > _SILENT_AFTER
    return "silent" if is_silent else str(node["state"])


def _newest_failure(scheduler: Scheduler, job_id: str) -> Run | None:
    return next(iter(scheduler.runs(job_id, states=FAILURES, limit=1)), None)
