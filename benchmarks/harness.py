"""Two sides, the same work: each in fresh processes with a fresh database, by turns, several times over."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Literal

from tests.servers.postgresql import PostgresqlServer

ROOT = Path(__file__).resolve().parent.parent

#: What a step measured, by name.
Figures = dict[str, float]


class StepFailed(Exception):
    """A step ended with an error, or did not end in time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Work:
    """What a step is to do. ``due`` is in seconds since 1970; with ``is_warm`` every row has been read once
    before; ``profile`` is a file to write a profile into."""

    url: str
    jobs: int
    due: float
    changes: int
    writers: int
    is_warm: bool = False
    profile: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Sizes:
    """How much each side has to do; figures are rates where the two differ."""

    jobs: int = 10_000
    peer_jobs: int = 2_000
    changes: int = 2_000
    peer_changes: int = 600
    writers: int = 8
    page_jobs: int = 100_000


class Bench:
    """What one side gets for one repetition: a fresh database, and processes to work on it."""

    def __init__(self, url: str, sizes: Sizes, *, limit: float) -> None:
        self._limit = limit
        self._work = Work(url=url, jobs=sizes.jobs, due=_in(7200), changes=sizes.changes, writers=sizes.writers)

    def step(self, name: str, **work: object) -> Figures:
        """Run ``module:function`` in a process of its own. Raises ``StepFailed``."""
        given = replace(self._work, **work)  # type: ignore[arg-type]
        path = os.pathsep.join([str(ROOT / "src"), *filter(None, [os.environ.get("PYTHONPATH")])])
        try:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.step", name],
                input=json.dumps(asdict(given)),
                capture_output=True,
                text=True,
                cwd=ROOT,
                env={**os.environ, "PYTHONPATH": path},
                timeout=self._limit,
            )
        except subprocess.TimeoutExpired as late:
            said = late.stderr.decode(errors="replace") if isinstance(late.stderr, bytes) else late.stderr
            raise StepFailed(f"{name} was ended after {self._limit:g} s; it wrote: {_ends_of(said or '')}") from None
        if done.returncode:
            raise StepFailed(f"{name} failed; it wrote: {_ends_of(done.stderr)}")
        figures: Figures = json.loads(done.stdout.strip().rpartition("\n")[2])
        return figures


def filled(fresh: FreshBench, fill: str, jobs: int) -> tuple[Bench, float]:
    """A database filled by a step with jobs that are due at one instant soon, and the instant.

    How long filling takes isn't known before, and the process that fires them has to start as well: where it took
    too long, another database is filled for a later time.
    """
    lead = 6 + jobs / 1500
    while True:
        bench, due = fresh(), _in(lead)
        bench.step(fill, jobs=jobs, due=due)
        if due - time.time() > 4 + jobs / 5000:
            return bench, due
        lead *= 2


#: Makes a fresh database with each call.
FreshBench = Callable[[], Bench]
#: One repetition of one side.
Ask = Callable[[FreshBench, Sizes], Figures]


@dataclass(frozen=True, slots=True, kw_only=True)
class Figure:
    """One line of the result. ``better`` says which way, if the sides are compared in it; ``targets`` holds by store
    how many times better Gnomon is to be; where there is no other side, ``at_most`` is the most that may be."""

    key: str
    words: str
    unit: str
    better: Literal["more", "less"] | None = None
    targets: Mapping[str, float] = field(default_factory=dict)
    at_most: float | None = None

    def target(self, store: str) -> float | None:
        """What is to be reached on a store (``*`` stands for any)."""
        return self.targets.get(store, self.targets.get("*"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Measurement:
    """One question to both sides, or to Gnomon alone where APScheduler has no such thing. Each is asked for one
    repetition at a time, and given a function that makes a fresh database with each call."""

    name: str
    title: str
    gnomon: Ask
    apscheduler: Ask | None = None
    figures: tuple[Figure, ...]


@dataclass(frozen=True, slots=True)
class Spread:
    """A figure over the repetitions."""

    median: float
    least: float
    most: float

    @classmethod
    def of(cls, values: list[float]) -> Spread:
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Result:
    """A measurement on one store: by side, every figure over the repetitions."""

    measurement: Measurement
    store: str
    gnomon: Mapping[str, Spread]
    apscheduler: Mapping[str, Spread]

    def ratio(self, figure: Figure) -> float | None:
        """How many times better Gnomon's median is; ``None`` for what is not compared."""
        ours, peers = self.gnomon.get(figure.key), self.apscheduler.get(figure.key)
        if ours is None or peers is None or figure.better is None:
            return None
        return ours.median / peers.median if figure.better == "more" else peers.median / ours.median


class Databases:
    """Fresh databases of one kind."""

    def __init__(self, store: str, directory: Path | None, server: PostgresqlServer | None) -> None:
        self.store = store
        self._directory = directory
        self._server = server

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """The URL of an empty database, which is removed again."""
        if self._server is not None:
            url = self._server.create_database()
            try:
                yield url
            finally:
                self._server.drop_database(url)
        else:
            with tempfile.TemporaryDirectory(prefix="gnomon-bench-", dir=self._directory) as folder:
                yield f"sqlite:///{folder}/jobs.db"


def measure(
    measurement: Measurement,
    databases: Databases,
    sizes: Sizes,
    *,
    repeat: int,
    limit: float,
    tell: Callable[[str], None],
) -> Result:
    """Ask the sides by turns, ``repeat`` times. No step may take longer than ``limit`` seconds."""
    sides = {"gnomon": measurement.gnomon}
    if measurement.apscheduler is not None:
        sides["apscheduler"] = measurement.apscheduler
    seen: dict[str, dict[str, list[float]]] = {"gnomon": {}, "apscheduler": {}}
    for repetition in range(1, repeat + 1):
        for side, ask in sides.items():
            tell(f"{measurement.name} on {databases.store}, {repetition} of {repeat}: {side}")
            for key, value in once(ask, databases, sizes, limit=limit).items():
                seen[side].setdefault(key, []).append(value)
    spreads = {side: {key: Spread.of(values) for key, values in of.items()} for side, of in seen.items()}
    return Result(measurement, databases.store, spreads["gnomon"], spreads["apscheduler"])


def once(ask: Ask, databases: Databases, sizes: Sizes, *, limit: float) -> Figures:
    """One repetition of one side."""
    with ExitStack() as opened:
        return ask(lambda: Bench(opened.enter_context(databases.fresh()), sizes, limit=limit), sizes)


def _ends_of(text: str) -> str:
    """How a long text begins and ends."""
    text = text.strip()
    return text if len(text) <= 4000 else f"{text[:1000]}\n…\n{text[-3000:]}"


def _in(seconds: float) -> float:
    """A whole second, at least so many seconds from now."""
    return float(int(time.time() + seconds) + 1)
