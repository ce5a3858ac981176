"""Burst: all jobs are due at one instant. How long until the last has started?"""

from __future__ import annotations

import sys
import time

from benchmarks.harness import Figure, Figures, FreshBench, Measurement, Sizes, Work, filled
from benchmarks.profiles import profiled
from benchmarks.workload import (
    apscheduler,
    fill_apscheduler,
    fill_gnomon,
    gnomon_scheduler,
    job_specs,
    starts,
)
from gnomon.domain.run import RunState

#: Where nothing has happened for so long, nothing will.
_STALLED_AFTER = 20.0
_LOOK_SECONDS = 0.02


def fill_ours(work: Work) -> None:
    fill_gnomon(work.url, job_specs(work.jobs, work.due))


def fill_peers(work: Work) -> None:
    fill_apscheduler(work.url, job_specs(work.jobs, work.due))


def run_ours(work: Work) -> Figures:
    """Fire them, and look that the ledger has a line for each."""
    with profiled(work.profile):
        scheduler = gnomon_scheduler(work.url, job_specs(work.jobs, work.due))
        scheduler.start()
        if work.is_warm:
            scheduler.get_all_jobs()
        figures = _measured(work)
        ledger = scheduler.store.ledger
        while (counts := ledger.counts()) != {RunState.SUCCEEDED: work.jobs}:
            if time.time() > starts[-1] + _STALLED_AFTER:
                sys.exit(f"the ledger does not have {work.jobs} succeeded runs but {counts}")
            time.sleep(_LOOK_SECONDS)
        figures["settled"] = time.time() - work.due
        scheduler.shutdown()
    if len(starts) != work.jobs:
        sys.exit(f"{work.jobs} jobs were started {len(starts)} times")
    return figures


def run_peers(work: Work) -> Figures:
    """Fire them."""
    scheduler = apscheduler(work.url)
    scheduler.start()
    figures = _measured(work)
    scheduler.shutdown()
    if len(starts) != work.jobs:
        sys.exit(f"{work.jobs} jobs were started {len(starts)} times")
    return figures


def _measured(work: Work) -> Figures:
    early = work.due - time.time()
    if early < 0.5:
        sys.exit(f"this process was ready {early:.1f} s before its jobs were due, which is too late to measure")
    time.sleep(early - 0.25)
    used = time.process_time()
    while len(starts) < work.jobs:
        if time.time() > max([work.due, *starts[-1:]]) + _STALLED_AFTER:
            sys.exit(f"{len(starts)} of {work.jobs} jobs had started, and then none for {_STALLED_AFTER:g} s")
        time.sleep(_LOOK_SECONDS)
    used = time.process_time() - used
    if min(starts) < work.due:
        sys.exit(f"the first job started {work.due - min(starts):.3f} s before it was due")
    took = max(starts) - work.due
    return {
        "rate": work.jobs / took,
        "last": took,
        "first": min(starts) - work.due,
        "cpu": used / work.jobs * 1e6,
        "jobs": work.jobs,
    }


def profile(fresh: FreshBench, sizes: Sizes, path: str) -> Figures:
    """Fire Gnomon's jobs once more, and write a profile of its threads into a file."""
    bench, due = filled(fresh, "burst:fill_ours", sizes.jobs)
    return bench.step("burst:run_ours", due=due, profile=path)


def _gnomon(fresh: FreshBench, sizes: Sizes) -> Figures:
    bench, due = filled(fresh, "burst:fill_ours", sizes.jobs)
    figures = bench.step("burst:run_ours", due=due)
    bench, due = filled(fresh, "burst:fill_ours", sizes.jobs)
    warm = bench.step("burst:run_ours", due=due, is_warm=True)
    return figures | {"rate_warm": warm["rate"], "cpu_warm": warm["cpu"]}


def _apscheduler(fresh: FreshBench, sizes: Sizes) -> Figures:
    bench, due = filled(fresh, "burst:fill_peers", sizes.peer_jobs)
    return bench.step("burst:run_peers", jobs=sizes.peer_jobs, due=due)


MEASUREMENT = Measurement(
    name="burst",
    title="all jobs due at one instant, a function that does nothing",
    gnomon=_gnomon,
    apscheduler=_apscheduler,
    figures=(
        Figure(key="rate", words="starts a second", unit="/s", better="more", targets={"sqlite": 15, "postgresql": 8}),
        Figure(key="rate_warm", words="the same, each row seen once before", unit="/s"),
        Figure(key="cpu", words="CPU time a run, until the last start", unit="µs", better="less"),
        Figure(key="cpu_warm", words="the same, each row seen once before", unit="µs"),
        Figure(key="jobs", words="jobs", unit=""),
        Figure(key="first", words="from the due instant to the first start", unit="s", better="less"),
        Figure(key="last", words="from the due instant to the last start", unit="s", better="less"),
        Figure(key="settled", words="from the due instant to the last line in the ledger", unit="s"),
    ),
)
