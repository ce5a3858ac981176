"""``python -m benchmarks``: see README.md."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks import burst, listing, page, start, update
from benchmarks.harness import Databases, Measurement, Result, Sizes, Spread, StepFailed, measure, once
from benchmarks.workload import APSCHEDULER_SETTINGS, GNOMON_SETTINGS
from tests.servers.postgresql import PostgresqlServer, PostgresqlUnavailable

_MEASUREMENTS: dict[str, Measurement] = {
    module.MEASUREMENT.name: module.MEASUREMENT for module in (burst, listing, update, start, page)
}


def main() -> None:
    asked = _arguments()
    names = list(_MEASUREMENTS) if "all" in asked.measurements else list(dict.fromkeys(asked.measurements))
    stores = ["sqlite", "postgresql"] if asked.store == "both" else [asked.store]
    sizes = Sizes(
        jobs=asked.jobs,
        peer_jobs=asked.peer_jobs or max(asked.jobs // 5, 1),
        changes=asked.changes,
        peer_changes=max(asked.changes // 4, asked.writers),
        writers=asked.writers,
        page_jobs=asked.page_jobs,
    )
    surroundings = _surroundings(asked.directory)
    print("\n".join(f"{key}: {value}" for key, value in surroundings.items()))
    results = []
    for store in stores:
        with _databases(store, asked.directory) as databases:
            try:
                for name in names:
                    measurement = _MEASUREMENTS[name]
                    result = measure(measurement, databases, sizes, repeat=asked.repeat, limit=asked.limit, tell=_tell)
                    _show(result)
                    results.append(result)
                if asked.profile is not None:
                    _profile(asked.profile.with_suffix(f".{store}.txt"), databases, sizes, asked.limit)
            except StepFailed as failure:
                sys.exit(str(failure))
    if asked.json is not None:
        asked.json.write_text(json.dumps(_as_json(surroundings, sizes, results), indent=2) + "\n")


def _profile(path: Path, databases: Databases, sizes: Sizes, limit: float) -> None:
    _tell(f"profile of burst on {databases.store} into {path}")
    once(lambda fresh, sizes: burst.profile(fresh, sizes, str(path.resolve())), databases, sizes, limit=limit)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Gnomon and APScheduler 3, side by side.")
    parser.add_argument(
        "measurements", nargs="*", default=["all"], metavar="MEASUREMENT", help=f"{', '.join(_MEASUREMENTS)}, or all"
    )
    parser.add_argument("--store", choices=["sqlite", "postgresql", "both"], default="sqlite")
    parser.add_argument("--jobs", type=int, default=10_000, help="jobs in the store (10000)")
    parser.add_argument(
        "--peer-jobs", type=int, help="jobs of APScheduler where rates are compared (a fifth of --jobs)"
    )
    parser.add_argument("--changes", type=int, default=2000, help="changes in 'update' (2000; APScheduler a fourth)")
    parser.add_argument("--writers", type=int, default=8, help="threads in 'update' (8)")
    parser.add_argument("--page-jobs", type=int, default=100_000, help="jobs in the store in 'page' (100000)")
    parser.add_argument("--repeat", type=int, default=3, help="repetitions of each side, by turns (3)")
    parser.add_argument("--limit", type=float, default=300.0, help="seconds after which a step is ended (300)")
    parser.add_argument("--directory", type=Path, help="where SQLite files are made; on a disk, not in memory")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the results there, too")
    parser.add_argument("--profile", type=Path, metavar="FILE", help="at the end, profile Gnomon's threads in a burst")
    asked = parser.parse_args()
    unknown = set(asked.measurements) - {*_MEASUREMENTS, "all"}
    if unknown:
        parser.error(f"unknown: {', '.join(sorted(unknown))}; there are {', '.join(_MEASUREMENTS)}, and all")
    if min(asked.jobs, asked.page_jobs, asked.repeat, asked.writers) < 1 or asked.changes < asked.writers:
        parser.error("give numbers above 0, and a change for each writer")
    return asked


@contextmanager
def _databases(store: str, directory: Path | None) -> Iterator[Databases]:
    if store == "sqlite":
        yield Databases(store, directory, None)
        return
    try:
        server = PostgresqlServer()
    except PostgresqlUnavailable as unavailable:
        sys.exit(str(unavailable))
    try:
        yield Databases(store, None, server)
    finally:
        server.close()


def _surroundings(directory: Path | None) -> dict[str, str]:
    """What the figures depend on and a reader cannot know."""
    libraries = ", ".join(f"{name} {version(name)}" for name in ("gnomon", "APScheduler", "SQLAlchemy", "psycopg"))
    return {
        "machine": f"{os.cpu_count()} CPUs, load {os.getloadavg()[0]:.2f}, {platform.platform()}",
        "disk": f"one synced write takes {_synced_write(directory) * 1e3:.2f} ms",
        "software": f"Python {platform.python_version()}, SQLite {sqlite3.sqlite_version}, {libraries}",
        "Gnomon": GNOMON_SETTINGS,
        "APScheduler": APSCHEDULER_SETTINGS,
    }


def _synced_write(directory: Path | None) -> float:
    """Median seconds. Where this is next to nothing, the disk is memory, or only says that it has written."""
    took = []
    with tempfile.TemporaryFile(dir=directory) as file:
        for _ in range(51):
            began = time.perf_counter()
            file.write(b"x" * 4096)
            file.flush()
            os.fsync(file.fileno())
            took.append(time.perf_counter() - began)
    return statistics.median(took)


def _tell(what: str) -> None:
    print(f"… {what}", file=sys.stderr, flush=True)


def _show(result: Result) -> None:
    measurement = result.measurement
    print(f"\n{measurement.name} on {result.store}: {measurement.title}")
    if measurement.apscheduler is None:
        _show_alone(result)
        return
    print(f"  {'':46}{'Gnomon':>28}{'APScheduler':>28}{'ratio':>9}{'target':>8}")
    for figure in measurement.figures:
        ours, peers = (side.get(figure.key) for side in (result.gnomon, result.apscheduler))
        if ours is None and peers is None:
            continue
        ratio, target = result.ratio(figure), figure.target(result.store)
        print(
            f"  {figure.words:46}{_shown(ours, figure.unit):>28}{_shown(peers, figure.unit):>28}"
            f"{'' if ratio is None else f'{ratio:.1f}×':>9}{'' if target is None else f'{target:g}×':>8}"
        )
    sys.stdout.flush()


def _show_alone(result: Result) -> None:
    """Where there is no other side: beside the most that may be."""
    print(f"  {'':46}{'Gnomon':>28}{'at most':>12}")
    for figure in result.measurement.figures:
        most = "" if figure.at_most is None else f"{figure.at_most:g} {figure.unit}"
        print(f"  {figure.words:46}{_shown(result.gnomon.get(figure.key), figure.unit):>28}{most:>12}")
    sys.stdout.flush()


def _shown(spread: Spread | None, unit: str) -> str:
    """Median, and from least to most: the noise."""
    if spread is None:
        return "–"
    numbers = [_number(value) for value in (spread.median, spread.least, spread.most)]
    if len(set(numbers)) == 1:
        return f"{numbers[0]} {unit}".rstrip()
    return f"{numbers[0]} {unit} ({numbers[1]}–{numbers[2]})"


def _number(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def _as_json(surroundings: dict[str, str], sizes: Sizes, results: list[Result]) -> dict[str, Any]:
    return {
        "surroundings": surroundings,
        "sizes": asdict(sizes),
        "results": [
            {
                "measurement": result.measurement.name,
                "store": result.store,
                "figures": [
                    {
                        "figure": figure.key,
                        "unit": figure.unit,
                        "gnomon": _spread(result.gnomon.get(figure.key)),
                        "apscheduler": _spread(result.apscheduler.get(figure.key)),
                        "ratio": result.ratio(figure),
                        "target": figure.target(result.store),
                        "at_most": figure.at_most,
                    }
                    for figure in result.measurement.figures
                ],
            }
            for result in results
        ],
    }


def _spread(spread: Spread | None) -> dict[str, float] | None:
    return None if spread is None else asdict(spread)


if __name__ == "__main__":
    main()
