"""The first page: is all well, what runs, what runs next, what failed, what is not as the code says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import Response

from gnomon.api.needs import needs
from gnomon.domain.principal import Role
from gnomon.operations.list_jobs import JobQuery
from gnomon.operations.patrol import Found
from gnomon.scheduler import Scheduler
from gnomon.web import ledger
from gnomon.web.deviations import KINDS, Deviation, deviations
from gnomon.web.ledger import Trouble
from gnomon.web.rendering import Pages
from gnomon.web.timeline import timeline

_NEXT = 8
_MOST_LISTED = 8
#: Where there are more, the page is about those that run next.
_MOST_JOBS, _MOST_OVERRIDDEN = 500, 50
#: Later than this, a due job is told as overdue: longer than a node needs to take over from another.
_OVERDUE = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The answer at a glance. ``tone`` is good, warn or bad."""

    tone: str
    words: str
    more: tuple[str, ...] = ()


def router(pages: Pages) -> APIRouter:
    """The route."""
    routes = APIRouter(include_in_schema=False)
    scheduler = pages.scheduler

    @routes.get("/", dependencies=[needs(Role.VIEWER)])
    def overview(request: Request) -> Response:
        """What an operator asks first."""
        with scheduler.patrol.aside():
            return answer(request)

    def answer(request: Request) -> Response:
        now = scheduler.store.database.now()
        found = _soonest(scheduler)
        jobs = [job for job in found.jobs if job["state"] == "active" and job["next_run_time"]]
        nodes, wrong = ledger.nodes(scheduler), ledger.trouble(scheduler, now, shown=_MOST_LISTED)
        differing = deviations(found.jobs, now)
        counts = _counts(differing, found.looked_through)
        calendars = scheduler.store.calendars.of_jobs([job["id"] for job in jobs if job["calendar"]])
        overdue = [job for job in jobs if datetime.fromisoformat(job["next_run_time"]) < now - _OVERDUE]
        return pages.answer(
            request,
            "overview.html",
            now=now,
            verdict=verdict(found.jobs, wrong, nodes, counts, overdue),
            jobs=found.jobs,
            is_all=found.is_all,
            looked_through=found.looked_through,
            next_jobs=_starting(jobs),
            overdue=overdue[:_MOST_LISTED],
            timeline=timeline(jobs, now, pages.reader_zone(request), calendars),
            active=ledger.active(scheduler),
            trouble=wrong[:_MOST_LISTED],
            trouble_count=len(wrong),
            deviations=differing[:_MOST_LISTED],
            deviation_count=len(differing),
            kinds=KINDS,
            nodes=[node for node in nodes if node["state"] in {"alive", "silent"}],
        )

    return routes


@dataclass(frozen=True, slots=True)
class _Found:
    jobs: list[dict[str, Any]]
    is_all: bool
    looked_through: Found | None = None


def _soonest(scheduler: Scheduler) -> _Found:
    """The jobs that the page is about: all where they are not too many, otherwise those that run next, and of the
    others some that are overridden, and what wants a decision. In constant time however many there are."""
    page = scheduler.list_jobs(JobQuery(limit=_MOST_JOBS))
    if page.next is None:
        return _Found(page.jobs, is_all=True)
    looked_through = scheduler.patrol.ask()
    named = [] if looked_through is None else looked_through.named
    known = {job["id"] for job in page.jobs}
    wanted = [*named, *scheduler.store.records.overridden(limit=_MOST_OVERRIDDEN)]
    others = scheduler.get_some_jobs([job_id for job_id in dict.fromkeys(wanted) if job_id not in known])
    return _Found([*page.jobs, *others], False, looked_through)


def _counts(differing: Sequence[Deviation], looked_through: Found | None) -> Mapping[str, int]:
    """How many jobs want a decision, by kind: among those that the page is about, or among all."""
    here = Counter(each.kind for each in differing)
    there = {} if looked_through is None else looked_through.counts
    return {kind: max(here[kind], there.get(kind, 0)) for kind in KINDS}


def _starting(jobs: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """What really starts next: a job may skip the time that it is due at, or start later."""
    starting = [(datetime.fromisoformat(job["next_start"]), job) for job in jobs if job["next_start"]]
    return [job for _, job in sorted(starting, key=lambda each: each[0])[:_NEXT]]


def verdict(
    jobs: Sequence[Mapping[str, Any]],
    wrong: Sequence[Trouble],
    nodes: Sequence[Mapping[str, Any]],
    differing: Mapping[str, int],
    overdue: Sequence[Mapping[str, Any]],
) -> Verdict:
    """Is all well? The worst first, and all that there is."""
    still = [each for each in wrong if each.still]
    bad = []
    if jobs and not any(node["state"] == "alive" for node in nodes):
        bad.append("No node is alive: nothing fires")
    if still:
        bad.append(f"{_jobs(len(still))} {'is' if len(still) == 1 else 'are'} failing")
    if overdue:
        bad.append(f"{_jobs(len(overdue))} {'is' if len(overdue) == 1 else 'are'} overdue")
    if differing.get("quarantined"):
        bad.append(f"{_jobs(differing['quarantined'])} cannot be read")
    warned = []
    if differing.get("orphaned"):
        warned.append(f"{_jobs(differing['orphaned'])} without code on any node")
    if differing.get("moved"):
        warned.append(f"{_jobs(differing['moved'])} whose default moved")
    recovered = len(wrong) - len(still)
    past = [f"{_jobs(recovered)} failed in the last day, and recovered"] if recovered else []
    if bad:
        return Verdict("bad", f"{bad[0]}.", (*bad[1:], *warned))
    if not jobs:
        return Verdict("calm", "No jobs are stored here yet.")
    if warned:
        return Verdict("warn", f"{warned[0]}.", (*warned[1:], *past))
    return Verdict("good", "All is well.", tuple(past))


def _jobs(count: int) -> str:
    return f"{count:,} job" if count == 1 else f"{count:,} jobs"
