"""Update: several threads give jobs other schedules."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable
from typing import Any

from benchmarks.harness import Figure, Figures, FreshBench, Measurement, Sizes, Work
from benchmarks.workload import apscheduler, fill_apscheduler, fill_gnomon, gnomon_scheduler, job_specs

_JOBS = 1000


def fill_ours(work: Work) -> None:
    fill_gnomon(work.url, job_specs(_JOBS, work.due))


def fill_peers(work: Work) -> None:
    fill_apscheduler(work.url, job_specs(_JOBS, work.due))


def update_ours(work: Work) -> Figures:
    """Each change is one transaction, with override and change log."""
    scheduler = gnomon_scheduler(work.url, job_specs(_JOBS, work.due))
    scheduler.start()
    figures = _timed(work, scheduler.update_job_schedule)
    scheduler.shutdown()
    return figures


def update_peers(work: Work) -> Figures:
    """Each change is one transaction."""
    scheduler = apscheduler(work.url)
    scheduler.start()

    def update(job_id: str, trigger: str, **trigger_args: Any) -> bool:
        return bool(scheduler.reschedule_job(job_id, trigger=trigger, timezone="UTC", **trigger_args))

    figures = _timed(work, update)
    scheduler.shutdown()
    return figures


def _timed(work: Work, update: Callable[..., bool]) -> Figures:
    ids = [spec.id for spec in job_specs(_JOBS, work.due)]
    together = threading.Barrier(work.writers + 1)
    failed: list[BaseException | str] = []

    def write(writer: int) -> None:
        mine = ids[writer :: work.writers]
        together.wait()
        try:
            for number in range(work.changes // work.writers):
                job_id, lap = mine[number % len(mine)], number // len(mine)
                # Another schedule in each lap, so that there is something to change.
                if number % 2:
                    done = update(job_id, "cron", hour=3, minute=(number + lap) % 60)
                else:
                    done = update(job_id, "interval", hours=2, minutes=(number + lap) % 60)
                if not done:
                    failed.append(f"job {job_id} was not changed")
        except BaseException as error:
            failed.append(error)

    threads = [threading.Thread(target=write, args=(writer,)) for writer in range(work.writers)]
    for thread in threads:
        thread.start()
    together.wait()
    began, used = time.perf_counter(), time.process_time()
    for thread in threads:
        thread.join()
    took, used = time.perf_counter() - began, time.process_time() - used
    if failed:
        sys.exit(f"{len(failed)} changes failed, the first: {failed[0]!r}")
    changes = work.changes // work.writers * work.writers
    return {"rate": changes / took, "cpu": used / changes * 1e6, "changes": changes}


def _gnomon(fresh: FreshBench, sizes: Sizes) -> Figures:
    bench = fresh()
    bench.step("update:fill_ours")
    return bench.step("update:update_ours", changes=sizes.changes)


def _apscheduler(fresh: FreshBench, sizes: Sizes) -> Figures:
    bench = fresh()
    bench.step("update:fill_peers")
    return bench.step("update:update_peers", changes=sizes.peer_changes)


MEASUREMENT = Measurement(
    name="update",
    title=f"threads of one running scheduler change the triggers of {_JOBS:,} jobs, each its own",
    gnomon=_gnomon,
    apscheduler=_apscheduler,
    figures=(
        Figure(key="rate", words="changes a second", unit="/s", better="more", targets={"*": 5}),
        Figure(key="cpu", words="CPU time a change", unit="µs", better="less"),
        Figure(key="changes", words="changes", unit=""),
    ),
)
