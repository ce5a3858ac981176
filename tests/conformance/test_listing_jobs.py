"""Jobs are listed page by page, there and back, in one order."""

from __future__ import annotations

from dataclasses import replace

import pytest

from gnomon import Scheduler
from gnomon.operations.list_jobs import JobQuery, JobsPage, Position, Sort
from tests.jobs import nothing


@pytest.fixture
def jobs(scheduler: Scheduler) -> Scheduler:
    """Twenty of them: eight at one time, a third of all paused."""
    for number in range(20):
        hour = 3 if number % 5 < 2 else 4 + number % 7
        scheduler.register(nothing, "cron", id=f"job {number:02}", hour=hour, enabled=number % 3 > 0)
    scheduler.start_all_jobs()
    return scheduler


QUERIES = [
    JobQuery(limit=6),
    JobQuery(limit=6, sort=Sort.ID),
    JobQuery(limit=5, states=frozenset({"paused"})),
    JobQuery(limit=5, states=frozenset({"active"})),
    JobQuery(limit=3, search="job 1", sort=Sort.ID),
    JobQuery(limit=4, search="03:00"),
]


def names(page: JobsPage) -> list[str]:
    return [job["id"] for job in page.jobs]


def there(scheduler: Scheduler, query: JobQuery) -> list[JobsPage]:
    found = [scheduler.list_jobs(query)]
    while found[-1].next is not None:
        found.append(scheduler.list_jobs(replace(query, after=found[-1].next)))
    return found


@pytest.mark.parametrize("query", QUERIES)
def test_pages_hold_each_job_once(jobs: Scheduler, query: JobQuery) -> None:
    seen = [name for page in there(jobs, query) for name in names(page)]
    expected = [job for job in jobs.get_all_jobs() if query.takes(job)]
    if query.sort is Sort.ID:
        expected.sort(key=lambda job: str(job["id"]))
    assert seen == [job["id"] for job in expected]
    assert len(seen) > query.limit


@pytest.mark.parametrize("query", QUERIES)
def test_going_back_shows_the_same_pages(jobs: Scheduler, query: JobQuery) -> None:
    pages = there(jobs, query)
    assert pages[0].previous is None
    back, before = [names(pages[-1])], pages[-1].previous
    while before is not None:
        page = jobs.list_jobs(replace(query, before=before))
        if page.jobs:
            back.insert(0, names(page))
            following = jobs.list_jobs(replace(query, after=page.next))
            assert names(following) == back[1]
        before = page.previous
    assert back == [names(page) for page in pages]


def test_the_last_page_says_that_nothing_follows_also_where_it_is_full(jobs: Scheduler) -> None:
    assert len(there(jobs, JobQuery(limit=10))) == 2
    assert len(there(jobs, JobQuery(limit=20))) == 1


def test_nothing_stands_before_the_first(jobs: Scheduler) -> None:
    first = jobs.list_jobs(JobQuery(limit=1)).jobs[0]
    page = jobs.list_jobs(JobQuery(limit=5, sort=Sort.ID, before=Position(None, first["id"])))
    assert page.previous is None
