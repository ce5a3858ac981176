"""Start: a program declares its jobs over a store that holds them already."""

from __future__ import annotations

import sys
import time

from benchmarks.harness import Figure, Figures, FreshBench, Measurement, Sizes, Work
from benchmarks.workload import (
    add_to_apscheduler,
    apscheduler,
    fill_apscheduler,
    fill_gnomon,
    gnomon_scheduler,
    job_specs,
)


def fill_ours(work: Work) -> None:
    fill_gnomon(work.url, job_specs(work.jobs, work.due))


def fill_peers(work: Work) -> None:
    fill_apscheduler(work.url, job_specs(work.jobs, work.due))


def start_ours(work: Work) -> Figures:
    """Declare, then ``start_all_jobs()``, which compares every declaration with what the last start left."""
    began = time.perf_counter()
    scheduler = gnomon_scheduler(work.url, job_specs(work.jobs, work.due))
    declared = time.perf_counter()
    added = scheduler.start_all_jobs()
    ended = time.perf_counter()
    if added:
        sys.exit(f"{len(added)} jobs were added that had been stored")
    return {"start": ended - declared, "declare": declared - began, "both": ended - began}


def start_peers(work: Work) -> Figures:
    """The way that leaves stored jobs alone: look each one up, and add it if it is missing."""
    specs = list(job_specs(work.jobs, work.due))
    began = time.perf_counter()
    scheduler = apscheduler(work.url)
    scheduler.start(paused=True)
    for spec in specs:
        if scheduler.get_job(spec.id) is None:
            add_to_apscheduler(scheduler, spec)
    took = time.perf_counter() - began
    scheduler.shutdown()
    return {"start": took, "both": took}


def replace_peers(work: Work) -> Figures:
    """The way of most programs: ``replace_existing=True``, which undoes what operators have changed."""
    specs = list(job_specs(work.jobs, work.due))
    began = time.perf_counter()
    scheduler = apscheduler(work.url)
    scheduler.start(paused=True)
    for spec in specs:
        add_to_apscheduler(scheduler, spec, replace_existing=True)
    took = time.perf_counter() - began
    scheduler.shutdown()
    return {"replace": took / work.jobs * 1e6}


def _gnomon(fresh: FreshBench, _sizes: Sizes) -> Figures:
    bench = fresh()
    bench.step("start:fill_ours")
    return bench.step("start:start_ours")


def _apscheduler(fresh: FreshBench, sizes: Sizes) -> Figures:
    bench = fresh()
    bench.step("start:fill_peers")
    figures = bench.step("start:start_peers")
    fewer = fresh()
    fewer.step("start:fill_peers", jobs=sizes.peer_jobs)
    return figures | fewer.step("start:replace_peers", jobs=sizes.peer_jobs)


MEASUREMENT = Measurement(
    name="start",
    title="a program starts whose jobs are all stored; they keep what is stored",
    gnomon=_gnomon,
    apscheduler=_apscheduler,
    figures=(
        Figure(key="start", words="start_all_jobs() | get_job() each", unit="s", better="less", targets={"*": 4}),
        Figure(key="both", words="the same with the declarations", unit="s", better="less"),
        Figure(key="declare", words="the declarations alone", unit="s"),
        Figure(key="replace", words="replace_existing=True instead, a job", unit="µs"),
    ),
)
