"""Listing: every job as the API shows it."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any

from benchmarks.harness import Figure, Figures, FreshBench, Measurement, Sizes, Work
from benchmarks.workload import apscheduler, fill_apscheduler, fill_gnomon, job_specs
from gnomon import Scheduler

_TIMES = 5


def fill_ours(work: Work) -> None:
    fill_gnomon(work.url, job_specs(work.jobs, work.due))


def fill_peers(work: Work) -> None:
    fill_apscheduler(work.url, job_specs(work.jobs, work.due))


def list_ours(work: Work) -> Figures:
    """In a process that was just started and has no application code, as a web server would be."""
    scheduler = Scheduler(work.url, timezone="UTC")
    scheduler.open()
    return _timed(work, scheduler.get_all_jobs)


def list_peers(work: Work) -> Figures:
    """The three fields that people build such a page from; Gnomon's dicts have twenty."""
    scheduler = apscheduler(work.url)
    scheduler.start(paused=True)

    def all_jobs() -> list[dict[str, Any]]:
        return [
            {"id": job.id, "trigger": str(job.trigger), "next_run_time": job.next_run_time.isoformat()}
            for job in scheduler.get_jobs()
        ]

    figures = _timed(work, all_jobs)
    scheduler.shutdown()
    return figures


def _timed(work: Work, list_all: Callable[[], list[dict[str, Any]]]) -> Figures:
    took = []
    for _ in range(1 + _TIMES):
        began = time.perf_counter()
        listed = list_all()
        took.append(time.perf_counter() - began)
        if len(listed) != work.jobs:
            sys.exit(f"{len(listed)} of {work.jobs} jobs were listed")
        del listed  # to give it back is no part of the next listing
    return {"first": took[0], "again": sorted(took[1:])[_TIMES // 2]}


def _gnomon(fresh: FreshBench, _sizes: Sizes) -> Figures:
    bench = fresh()
    bench.step("listing:fill_ours")
    return bench.step("listing:list_ours")


def _apscheduler(fresh: FreshBench, _sizes: Sizes) -> Figures:
    bench = fresh()
    bench.step("listing:fill_peers")
    return bench.step("listing:list_peers")


MEASUREMENT = Measurement(
    name="listing",
    title="every job as a dict for JSON, in a process without the application's code",
    gnomon=_gnomon,
    apscheduler=_apscheduler,
    figures=(
        Figure(key="again", words="again in the same process", unit="s", better="less", targets={"*": 5}),
        Figure(key="first", words="for the first time in a process", unit="s", better="less"),
    ),
)
