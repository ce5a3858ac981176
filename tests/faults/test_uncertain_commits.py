"""COMMIT is sent and no answer comes: it was done or it was not. What is true is settled, and nothing starts twice."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from sqlalchemy import PoolProxiedConnection

from gnomon import RunState, Scheduler
from gnomon.domain.run import Cause
from gnomon.errors import StoreUnavailable
from gnomon.store.database import CommitUncertain
from tests.faults.ledger_checks import check_ledger
from tests.faults.nodes import SECOND, declared, migrate, running, wait_until_settled
from tests.processes import wait_until
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.slow

#: What becomes of runs where nothing is lost and nothing dies.
WELL = {RunState.SUCCEEDED, RunState.COALESCED, RunState.SKIPPED}


@contextmanager
def answers_lost(scheduler: Scheduler, *names: str, every: int = 1) -> Iterator[list[str]]:
    """Lose the answer to each so-many-th COMMIT of transactions of these names: it is done, and the connection is cut.

    Gives a list that grows with each, by the name of the transaction.
    """
    database = scheduler.store.database
    commit = database._commit
    here = threading.local()
    count = 0
    lost: list[str] = []

    def boundary(point: str) -> None:
        nonlocal count
        name, _, stage = point.partition(":")
        here.loses = ""
        if name in names and stage == "commit":
            count += 1
            here.loses = name if count % every == 0 else ""

    def losing(connection: PoolProxiedConnection) -> None:
        commit(connection)
        if getattr(here, "loses", ""):
            connection.invalidate()
            lost.append(here.loses)
            raise CommitUncertain("the answer to COMMIT was lost")

    database._commit = losing  # type: ignore[method-assign]
    database.boundary = boundary
    try:
        yield lost
    finally:
        database.boundary = None
        database._commit = commit  # type: ignore[method-assign]


@contextmanager
def cut_before_commit(url: str, scheduler: Scheduler, *names: str, every: int = 1) -> Iterator[list[str]]:
    """Cut the connection right before each so-many-th COMMIT of transactions of these names is sent.

    Whether it was done is not known to who sent it. Gives a list that grows with each, by the name of the transaction.
    """
    store = scheduler.store.database
    count = 0
    cut: list[str] = []

    def boundary(point: str) -> None:
        nonlocal count
        name, _, stage = point.partition(":")
        if name not in names or stage != "commit":
            return
        count += 1
        if count % every == 0:
            with store.read() as session:
                pid = session.execute("SELECT pg_backend_pid()").scalar()
            with psycopg.connect(url.replace("+psycopg", "")) as other:
                other.execute("SELECT pg_terminate_backend(%s)", [pid])
            wait_until(lambda: not exists(url, pid), what="the end of the connection")
            cut.append(name)

    store.boundary = boundary
    try:
        yield cut
    finally:
        store.boundary = None


def exists(url: str, pid: int) -> bool:
    with psycopg.connect(url.replace("+psycopg", "")) as connection:
        return connection.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", [pid]).fetchone() is not None


class Place(NamedTuple):
    """A store, and what can become of a COMMIT there whose answer does not come."""

    url: str
    fault: Callable[..., Any]


@pytest.fixture(
    params=[
        "sqlite, done",
        pytest.param("postgresql, done", marks=pytest.mark.postgresql),
        pytest.param("postgresql, not done", marks=pytest.mark.postgresql),
    ]
)
def place(request: pytest.FixtureRequest) -> Place:
    database_name, _, outcome = request.param.partition(", ")
    url: str = request.getfixturevalue(f"{database_name}_url")
    migrate(url)
    return Place(url, answers_lost if outcome == "done" else partial(cut_before_commit, url))


@pytest.mark.parametrize("name", ["claim", "record"])
def test_runs_go_on_whatever_became_of_the_commit(place: Place, tmp_path: Path, name: str) -> None:
    with running(declared(place.url, tmp_path)) as scheduler:
        wait_until(lambda: scheduler.runs(), what="a run")
        with place.fault(scheduler, name, "heartbeat") as done:
            wait_until(lambda: done.count(name) >= 3, what="three faults")
        wait_until_settled(scheduler)
        scheduler.shutdown()
        runs = check_ledger(scheduler, tmp_path, every=SECOND)
        assert {run.state for run in runs} <= WELL


def test_a_change_is_reported_as_what_became_of_it(place: Place, tmp_path: Path) -> None:
    scheduler = declared(place.url, tmp_path)
    scheduler.start_all_jobs()
    reader = declared(place.url, tmp_path)
    with place.fault(scheduler, "change") as done:
        answer = scheduler.update_job_schedule("job 0", "cron", hour=7)
    assert done
    assert answer is (reader.get_job("job 0")["trigger"] == "cron")
    assert len(reader.changes()) == int(answer)
    scheduler.close()
    reader.close()


def test_what_is_done_to_a_calendar_is_reported_as_what_became_of_it(place: Place, tmp_path: Path) -> None:
    scheduler, reader = declared(place.url, tmp_path), declared(place.url, tmp_path)
    reader.set_calendar("old", dates=["2050-03-08"])
    acts = {
        "new": lambda: scheduler.set_calendar("new", dates=["2050-03-08"], if_exists=False),
        "old": lambda: scheduler.remove_calendar("old"),
    }
    for name, act in acts.items():
        was_there = name == "old"
        with place.fault(scheduler, "calendar") as done:
            try:
                act()
                answer = True
            except StoreUnavailable:
                answer = False
        assert done
        stands = [each["name"] for each in reader.get_calendars()]
        assert answer is ((name in stands) is not was_there)
        assert len(reader.changes(f"calendar/{name}")) == int(was_there) + int(answer)
    scheduler.close()
    reader.close()


@pytest.mark.parametrize("point", ["change:commit", "settle:begin"])
def test_a_change_is_reported_as_what_became_of_it_though_the_server_crashes(
    postgresql_server: PostgresqlServer, postgresql_url: str, tmp_path: Path, point: str
) -> None:
    """Before the COMMIT is done, or after it was done and its answer was lost."""
    migrate(postgresql_url)
    scheduler = declared(postgresql_url, tmp_path)
    scheduler.start_all_jobs()
    restarting = threading.Timer(1, postgresql_server.start)
    crashed: list[str] = []
    with answers_lost(scheduler, "change") as done:
        lose = scheduler.store.database.boundary
        assert lose is not None

        def crash(reached: str) -> None:
            if reached == point and not crashed:
                crashed.append(point)
                postgresql_server.crash()
                restarting.start()
            else:
                lose(reached)

        scheduler.store.database.boundary = crash
        answer = scheduler.update_job_schedule("job 0", "cron", hour=7)
        restarting.join()
    assert crashed
    assert bool(done) is (point == "settle:begin")
    assert answer is bool(done)
    assert (scheduler.get_job("job 0")["trigger"] == "cron") is answer
    scheduler.close()


def test_changes_in_one_group_are_each_reported_as_what_became_of_them(place: Place, tmp_path: Path) -> None:
    scheduler = declared(place.url, tmp_path, jobs=8)
    scheduler.start_all_jobs()
    answers: dict[str, bool] = {}
    together = threading.Barrier(8)
    hour = 0

    def change(job_id: str) -> None:
        together.wait()
        answers[job_id] = scheduler.update_job_schedule(job_id, "cron", hour=hour)

    with place.fault(scheduler, "change", every=2) as done:
        while not done:
            hour += 1
            threads = [threading.Thread(target=change, args=(f"job {number}",)) for number in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
    assert {job["id"]: job["trigger_args"].get("hour") == str(hour) for job in scheduler.get_all_jobs()} == answers
    scheduler.close()


def test_a_run_now_is_queued_once_or_not_at_all_and_the_answer_says_which(place: Place, tmp_path: Path) -> None:
    scheduler = declared(place.url, tmp_path, jobs=1)
    scheduler.start_all_jobs()
    answer: int | None = None
    with place.fault(scheduler, "run_now") as done:
        try:
            answer = scheduler.run_job("job 0")
        except StoreUnavailable:
            answer = None
    assert done
    assert [run.id for run in scheduler.runs() if run.cause is Cause.MANUAL] == ([] if answer is None else [answer])
    scheduler.close()


@pytest.mark.parametrize("act", ["run_now", "cancel", "retry"])
def test_what_was_done_to_a_run_is_reported_as_what_became_of_it(place: Place, tmp_path: Path, act: str) -> None:
    """And who does it again, because he got no answer, has done it once."""
    scheduler = declared(place.url, tmp_path, jobs=1, max_instances=5)
    scheduler.start_all_jobs()
    run_id = scheduler.run_job("job 0")
    if act == "retry":
        scheduler.cancel_run(run_id)
    doing: dict[str, Callable[[], object]] = {
        "run_now": lambda: scheduler.run_job("job 0", key="the same"),
        "cancel": lambda: scheduler.cancel_run(run_id),
        "retry": lambda: scheduler.retry_run(run_id),
    }
    before = len(scheduler.changes())
    is_told = True
    with place.fault(scheduler, act) as done:
        try:
            doing[act]()
        except StoreUnavailable:
            is_told = False
    assert done
    assert len(scheduler.changes()) - before == int(is_told)
    if act != "retry" or not is_told:
        doing[act]()
    assert len(scheduler.changes()) - before == 1
    expected = {"run_now": (RunState.QUEUED, 1), "cancel": (RunState.CANCELLED, 1), "retry": (RunState.QUEUED, 2)}
    run = scheduler.run(run_id)
    assert (run.state, run.attempt) == expected[act]
    assert len(scheduler.runs()) == (2 if act == "run_now" else 1)
    scheduler.close()


def test_what_was_declared_is_there_once_after_another_start(place: Place, tmp_path: Path) -> None:
    scheduler = declared(place.url, tmp_path)
    with place.fault(scheduler, "declare") as done, pytest.raises(StoreUnavailable):
        scheduler.start_all_jobs()
    assert done
    scheduler.start_all_jobs()
    before = scheduler.get_all_jobs()
    assert {job["source"] for job in before} == {"code"}
    assert scheduler.start_all_jobs() == []
    with running(scheduler):
        wait_until_settled(scheduler)


def test_a_shutdown_whose_last_words_are_lost_leaves_nothing_unsettled(place: Place, tmp_path: Path) -> None:
    scheduler = declared(place.url, tmp_path)
    scheduler.start()
    wait_until(lambda: scheduler.runs(), what="a run")
    with place.fault(scheduler, "sweep") as done:
        scheduler.shutdown()
    assert done
    scheduler.close()
    with running(declared(place.url, tmp_path)) as following:
        wait_until_settled(following)
        following.shutdown()
        check_ledger(following, tmp_path, every=SECOND)
