"""Schemathesis: our own OpenAPI against our own answers, with every kind of input that it can think of."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis import Case
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from gnomon import Scheduler
from gnomon.domain.principal import Role
from gnomon.testing import temporary_store
from tests.cli.test_http_server import served
from tests.jobs import fail, nothing

#: The live stream does not end; tests/faults/test_live_stream.py reads it.
ENDLESS = "/api/scheduler/events"
CHECKED = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
]


@pytest.fixture(scope="module")
def scheduler() -> Iterator[Scheduler]:
    """With jobs, overrides, changes and a failed run to be found."""
    with temporary_store() as url, ExitStack() as stack:
        scheduler = Scheduler(url, timezone="UTC")
        stack.callback(scheduler.close)
        for number in range(3):
            scheduler.register(nothing, "cron", id=f"job {number}", hour=number)
        scheduler.register(fail, "interval", id="failing", hours=1)
        scheduler.start_all_jobs()
        scheduler.change_job("job 1", max_instances=3)
        scheduler.pause_job("job 2")
        scheduler.run_job("failing")
        yield scheduler


@pytest.fixture(scope="module")
def server(scheduler: Scheduler) -> Iterator[str]:
    """Where a real server answers to this machine, which needs no token."""
    with served(scheduler.asgi()) as port:
        yield f"http://127.0.0.1:{port}"


def operations() -> list[Any]:
    """What the description tells, asked of an application whose store is never opened."""
    app = Scheduler("sqlite:///never-opened.db").asgi()
    schema = schemathesis.openapi.from_dict(app.openapi()).exclude(path=ENDLESS)
    return [found.ok() for found in schema.get_all_operations()]


# Not by its plugin for pytest, which does not fit this one.
each_operation = pytest.mark.parametrize("operation", operations(), ids=lambda operation: operation.label)
thorough = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
brief = settings(max_examples=5, deadline=None, suppress_health_check=list(HealthCheck))


@each_operation
def test_every_answer_is_one_that_the_description_tells(operation: Any, server: str) -> None:
    @thorough
    @given(case=operation.as_strategy())
    def check(case: Case) -> None:
        send(case, server)

    check()


@each_operation
def test_so_is_every_answer_to_strangers_and_to_those_who_may_only_look(
    operation: Any, guarded: str, tokens: dict[str, str]
) -> None:
    @brief
    @given(case=operation.as_strategy())
    def check(case: Case) -> None:
        answer = send(case, guarded)
        assert answer.status_code in {400, 401, 413, 414, 431} or case.path in {"/health", "/api/scheduler/session"}
        send(case, guarded, Authorization=f"Bearer {tokens['viewer']}")

    check()


@pytest.fixture(scope="module")
def guarded(scheduler: Scheduler) -> Iterator[str]:
    """Where one answers to nobody without."""
    with served(scheduler.asgi(loopback=False)) as port:
        yield f"http://127.0.0.1:{port}"


@pytest.fixture(scope="module")
def tokens(scheduler: Scheduler) -> dict[str, str]:
    return {"viewer": scheduler.access.tokens.create("viewer", Role.VIEWER)[0]}


def send(case: Case, server: str, **headers: str) -> Any:
    answer = case.call(base_url=server, headers=headers or None)
    case.validate_response(answer, checks=CHECKED)
    assert [time for time in times_in(answer.json() if is_json(answer) else None) if time.tzinfo is None] == []
    return answer


def is_json(answer: Any) -> bool:
    """Whether it is what a route tells; what somebody sent is quoted in a refusal, and may be any time."""
    return str(answer.headers.get("content-type", "")) == "application/json"


def times_in(told: Any) -> Iterator[datetime]:
    """All that reads as a date with a time."""
    if isinstance(told, dict | list):
        for each in told.values() if isinstance(told, dict) else told:
            yield from times_in(each)
    elif isinstance(told, str) and re.match(r"\d{4}-\d\d-\d\d[T ]\d\d:", told):
        yield datetime.fromisoformat(told)
