"""Two operators change the same thing at the same moment, over a real server: one does, the other is told."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from gnomon import Scheduler
from gnomon.domain.principal import Role
from tests.cli.test_http_server import served
from tests.jobs import nothing

JOB, CALENDAR = "/api/scheduler/jobs/job", "/api/scheduler/calendars/closed"
NAMES, ROUNDS = ("ann", "bob"), 5


@pytest.fixture
def scheduler(another_scheduler: Callable[..., Scheduler]) -> Scheduler:
    """Of a web process: it fires nothing."""
    scheduler = another_scheduler()
    scheduler.register(nothing, "cron", id="job", hour=3)
    scheduler.start_all_jobs()
    scheduler.set_calendar("closed", dates=["2050-03-09"])
    return scheduler


@pytest.fixture
def operators(scheduler: Scheduler) -> Iterator[list[httpx.Client]]:
    """Two who have shown a token of their own."""
    with served(scheduler.asgi(loopback=False)) as port:
        clients = [
            httpx.Client(
                base_url=f"http://127.0.0.1:{port}",
                headers={"Authorization": f"Bearer {scheduler.access.tokens.create(name, Role.OPERATOR)[0]}"},
                timeout=30,
            )
            for name in NAMES
        ]
        yield clients
        for client in clients:
            client.close()


def at_once(
    operators: list[httpx.Client], method: str, path: str, bodies: list[dict[str, Any]], headers: dict[str, str]
) -> dict[str, httpx.Response]:
    """What each is answered, by name."""
    together = threading.Barrier(len(operators))

    def ask(client: httpx.Client, body: dict[str, Any]) -> httpx.Response:
        together.wait()
        return client.request(method, path, json=body, headers=headers)

    with ThreadPoolExecutor(len(operators)) as threads:
        return dict(zip(NAMES, threads.map(ask, operators, bodies), strict=True))


@pytest.mark.parametrize(
    ("method", "path", "bodies"),
    [
        ("PATCH", JOB, lambda number: [{"max_instances": 2 * number + 2}, {"max_instances": 2 * number + 3}]),
        ("PUT", CALENDAR, lambda number: [{"dates": [f"2050-0{month}-1{number}"]} for month in (4, 5)]),
    ],
    ids=["job", "calendar"],
)
def test_one_changes_it_and_the_other_is_told_by_whom_and_what_and_both_are_logged(
    scheduler: Scheduler,
    operators: list[httpx.Client],
    caplog: pytest.LogCaptureFixture,
    method: str,
    path: str,
    bodies: Callable[[int], list[dict[str, Any]]],
) -> None:
    caplog.set_level(logging.INFO, logger="gnomon.api")
    logged_as = "job" if path == JOB else "calendar/closed"
    for number in range(ROUNDS):
        seen = operators[0].get(path).headers["ETag"]
        answers = at_once(operators, method, path, bodies(number), {"If-Match": seen})
        by_status = {answer.status_code: name for name, answer in answers.items()}
        assert set(by_status) == {200, 412}
        winner, loser = by_status[200], by_status[412]
        told = answers[loser].json()
        assert [change["actor"] for change in told["changes"]] == [winner]
        assert told["differing"] == (["max_instances"] if path == JOB else ["dates"])
        stands = told["job"] if path == JOB else told["calendar"]
        assert stands["token"] == answers[winner].json()["token"] == operators[0].get(path).json()["token"]
        assert scheduler.changes(logged_as)[0].author.actor == winner
        assert caplog.messages[-1].startswith(f"{loser!r} was refused: ")
        assert f"by {winner!r} since you looked at it" in caplog.messages[-1]
    assert len(scheduler.changes(logged_as)) == ROUNDS + (path == CALENDAR)
