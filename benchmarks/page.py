"""The page: how long the server takes for it over many jobs, and how much comes over the wire."""

from __future__ import annotations

import gzip
import itertools
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime, timedelta
from http.client import HTTPConnection, HTTPResponse
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from benchmarks.harness import ROOT, Figure, Figures, FreshBench, Measurement, Sizes, Work
from benchmarks.workload import note_start
from gnomon import Scheduler
from gnomon.api.cursors import cursor_of
from gnomon.domain.change import Author, Origin
from gnomon.operations.list_jobs import JobQuery
from gnomon.store import Store, tables
from gnomon.web.jobs import PAGE

_TIMES = 15
_MOST_MILLISECONDS, _MOST_KILOBYTES = 100.0, 150.0
#: Every fifth job has a past of twenty runs.
_RUNNING, _RUNS = 5, 20
_LINES_AT_ONCE = 10_000
_TASKS = ("invoices", "import", "report", "sync", "cleanup", "thumbnails", "archive", "reminder")
_MIA = Author("mia", Origin.PAGE, "the bank exports later since Monday")
_ADDRESS, _ASSET = re.compile(r"http://127\.0\.0\.1:\d+"), re.compile(rb'(?:href|src)="(/static/[^"#]+)')


class _Asked(NamedTuple):
    """An answer that is measured."""

    key: str
    words: str
    path: Callable[[Work], str]
    is_page: bool = True


_ASKED = (
    _Asked("overview", "overview", lambda work: "/"),
    _Asked("jobs", "jobs", lambda work: "/jobs"),
    _Asked("few", "jobs, a search that finds eight", lambda work: f"/jobs?search=tenant-{work.jobs // 16:05}"),
    _Asked("none", "jobs, a search that finds none", lambda work: "/jobs?search=nowhere"),
    _Asked("deep", "jobs, 500 pages on", lambda work: f"/jobs?cursor={_cursor(work, min(500, work.jobs // 100))}"),
    _Asked("job", "one job", lambda work: f"/jobs/{_job_id(work.jobs // 2)}"),
    _Asked("runs", "runs", lambda work: "/runs"),
    _Asked("changes", "changes", lambda work: "/changes"),
    _Asked("rest", "REST, 100 jobs", lambda work: "/api/scheduler/jobs?limit=100", is_page=False),
)


# -- what is stored


def fill(work: Work) -> None:
    """Jobs of five kinds of trigger, declared and stored by a node; a twentieth overridden, some paused; every fifth
    one has a past."""
    store = Store(work.url)
    store.upgrade()
    store.close()
    scheduler = Scheduler(work.url, timezone="UTC")
    for number in range(work.jobs):
        _declare(scheduler, number, datetime.fromtimestamp(work.due, UTC))
    scheduler.start()
    with scheduler.store.database.transaction("fill"):
        for number in range(0, work.jobs, 20):
            scheduler.change_job(_job_id(number), trigger="interval", trigger_args={"hours": 30}, author=_MIA)
        for number in range(1, work.jobs, 200):
            scheduler.pause_job(_job_id(number), author=_MIA)
    _write_past(scheduler.store, work.jobs)
    # Without a farewell, as the node of a running application: ``measure`` lets it beat.


def _job_id(number: int) -> str:
    return f"tenant-{number // len(_TASKS):05}.{_TASKS[number % len(_TASKS)]}"


def _declare(scheduler: Scheduler, number: int, due: datetime) -> None:
    """Due at its minute of the 20 hours from ``due`` on: nothing is while the page is measured."""
    moment, hours = due + timedelta(minutes=number * 7919 % 1200), 1 + number // 8 % 24
    trigger: tuple[str, dict[str, Any]] = (
        ("cron", {"hour": moment.hour, "minute": moment.minute}),
        ("crontab", {"expression": f"{moment.minute} {moment.hour} * * *"}),
        ("interval", {"hours": hours, "start_date": moment}),
        ("calendarinterval", {"days": 1, "hour": moment.hour, "minute": moment.minute, "start_date": moment.date()}),
        ("date", {"run_date": moment}),
    )[number % 5]
    scheduler.register(
        note_start,
        trigger[0],
        id=_job_id(number),
        description=f"Does the {_TASKS[number % len(_TASKS)]} of tenant {number // len(_TASKS)}.",
        **trigger[1],
    )


def _write_past(store: Store, jobs: int) -> None:
    """One run in a hundred failed, within the last week, and most jobs succeeded after that."""
    now = int(time.time() * 1e6)
    minute = 60 * 1_000_000
    spaced, ids = 7 * 24 * 60 * minute // _RUNS, itertools.count(1)

    def lines() -> Iterator[dict[str, Any]]:
        for count in range(_RUNS, 0, -1):  # as they came about: the older first, or the indices take minutes
            for job in range(0, jobs, _RUNNING):
                run_id = next(ids)
                at = now - count * spaced + job % 1000 * (minute // 10)
                is_failed = (job // _RUNNING + 37 * count) % 100 == 0 and (count > 1 or job % 1000 == 315)
                yield {
                    "id": run_id,
                    "job_id": _job_id(job),
                    "scheduled_at": at,
                    "state": "failed" if is_failed else "succeeded",
                    "cause": "schedule",
                    "attempt": 1,
                    "node": "earlier",
                    "not_before": at,
                    "rerun_lost": False,
                    "created_at": at,
                    "started_at": at + 2_000,
                    "finished_at": at + 2_000 + run_id % 977 * 10_000,
                    "error": "Traceback …\nConnectionError: the bank hung up after 30 s" if is_failed else None,
                }

    left = lines()
    while some := list(itertools.islice(left, _LINES_AT_ONCE)):
        with store.database.engine.begin() as connection:
            connection.execute(tables.runs.insert(), some)


def _cursor(work: Work, pages: int) -> str:
    """Where a reader goes on who has turned so many pages."""
    position = None
    with closing(Scheduler(work.url, timezone="UTC")) as scheduler:
        for _ in range(pages):
            position = scheduler.list_jobs(JobQuery(limit=PAGE, after=position)).next
    return cursor_of(position) or ""


# -- what is measured


def measure(work: Work) -> Figures:
    """Each address from a process that was just started, as ``gnomon web`` serves it: the first time, and again."""
    figures: Figures = {}
    for asked in _ASKED:
        path = asked.path(work)
        _beat(work.url)
        with _served(work.url) as port, closing(HTTPConnection("127.0.0.1", port, timeout=60)) as connection:
            _timed(connection, "/health")  # it has started: what comes now is no part of that
            first, body = _timed(connection, path)
            again = [_timed(connection, path) for _ in range(_TIMES)]
            figures[f"{asked.key}.first"] = first * 1e3
            figures[f"{asked.key}.again"] = statistics.median(took for took, _ in again) * 1e3
            figures[f"{asked.key}.html"] = len(body.sent) / 1e3
            if asked.is_page:
                loaded = [_timed(connection, name.decode())[1] for name in sorted(set(_ASSET.findall(body.plain)))]
                figures[f"{asked.key}.weight"] = sum(len(each.sent) for each in [body, *loaded]) / 1e3
                figures[f"{asked.key}.plain"] = sum(len(each.plain) for each in [body, *loaded]) / 1e3
    return figures


class _Body(NamedTuple):
    """What came: as it was sent, and unpacked."""

    sent: bytes
    plain: bytes


def _timed(connection: HTTPConnection, path: str) -> tuple[float, _Body]:
    """Seconds up to the last byte, asking as a browser does."""
    began = time.perf_counter()
    connection.request("GET", path, headers={"Accept": "text/html, */*", "Accept-Encoding": "gzip"})
    answer: HTTPResponse = connection.getresponse()
    sent = answer.read()
    took = time.perf_counter() - began
    if answer.status != 200:
        sys.exit(f"{path} was answered with {answer.status}: {sent[:500]!r}")
    return took, _Body(sent, gzip.decompress(sent) if answer.getheader("Content-Encoding") == "gzip" else sent)


@contextmanager
def _served(url: str) -> Iterator[int]:
    """The port of a server in a process of its own."""
    command = [sys.executable, "-m", "gnomon", "web", "--store", url, "--port", "0", "--log-level", "warning"]
    with subprocess.Popen(command, cwd=ROOT, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None
            said = process.stderr.readline()
            address = _ADDRESS.search(said)
            if address is None:
                process.kill()
                sys.exit(f"the server did not start: {said}{process.stderr.read()}")
            yield urlsplit(address[0]).port or 0
        finally:
            process.terminate()


def _beat(url: str) -> None:
    with closing(Store(url)) as store:
        store.open()
        for node in store.nodes.alive():
            store.nodes.beat(node.id, at=datetime.now(UTC), health={})


def _gnomon(fresh: FreshBench, sizes: Sizes) -> Figures:
    bench = fresh()
    bench.step("page:fill", jobs=sizes.page_jobs)
    return bench.step("page:measure", jobs=sizes.page_jobs)


def _figures() -> Iterator[Figure]:
    for each in _ASKED:
        yield Figure(key=f"{each.key}.again", words=each.words, unit="ms", at_most=_MOST_MILLISECONDS)
        yield Figure(key=f"{each.key}.first", words="  as the first of a process", unit="ms")
        if each.is_page:
            yield Figure(
                key=f"{each.key}.weight", words="  with style, script, icons", unit="kB", at_most=_MOST_KILOBYTES
            )
            yield Figure(key=f"{each.key}.plain", words="  the same unpacked", unit="kB")
        yield Figure(key=f"{each.key}.html", words="  the answer alone", unit="kB")


MEASUREMENT = Measurement(
    name="page",
    title="the page over HTTP, from a process without the application's code",
    gnomon=_gnomon,
    figures=tuple(_figures()),
)
