"""Nodes that are stopped, frozen, or cannot show that they live: others take over, and who wakes up changes nothing."""

from __future__ import annotations

import signal
import sqlite3
import time
from contextlib import closing
from datetime import datetime
from pathlib import Path

import pytest

from gnomon import Run, RunState, Scheduler
from gnomon.errors import StoreUnavailable
from tests.faults.ledger_checks import check_ledger
from tests.faults.nodes import SECOND, Frozen, declared, fired_since, migrate, node, running, wait_until_settled
from tests.processes import python, wait_until
from tests.servers.postgresql import PostgresqlServer

pytestmark = pytest.mark.slow


def states_of_nodes(scheduler: Scheduler, pid: int) -> list[str]:
    return sorted(node.state for node in scheduler.store.nodes.all() if node.pid == pid)


def is_writable(url: str) -> bool:
    """Whether the stopped process was stopped outside of a write: inside, on SQLite, nobody else can write."""
    if not url.startswith("sqlite"):
        return True
    with closing(sqlite3.connect(url.removeprefix("sqlite:///"), timeout=1, isolation_level=None)) as connection:
        try:
            connection.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return False
        connection.execute("ROLLBACK")
        return True


def test_a_node_stopped_beyond_its_lease_wakes_up_and_changes_nothing(migrated_url: str, tmp_path: Path) -> None:
    """It had a run in progress and others queued."""
    watching = declared(migrated_url, tmp_path, jobs=4, takes=2.0, max_instances=10)
    watching.start_all_jobs()
    options = {"jobs": 4, "max_instances": 10, "settings": {"threads": 1}, "takes": 2.0}
    with node(migrated_url, tmp_path, **options) as stopped:
        pid = stopped.process.pid
        wait_until(
            lambda: watching.runs(states=[RunState.RUNNING]) and len(watching.runs(states=[RunState.QUEUED])) > 3,
            what="a run in progress and others queued",
        )
        while True:
            stopped.signal(signal.SIGSTOP)
            in_progress = {run.id for run in watching.runs(states=[RunState.RUNNING])}
            if in_progress and is_writable(migrated_url):
                break
            stopped.signal(signal.SIGCONT)
            time.sleep(0.05)
        with running(watching):
            wait_until(lambda: states_of_nodes(watching, pid) == ["dead"], what="the news that it is dead")
            lost = {run.id for run in watching.runs(states=[RunState.LOST], limit=1_000)}
            assert in_progress <= lost
            stopped.signal(signal.SIGCONT)
            wait_until(
                lambda: states_of_nodes(watching, pid) == ["alive", "dead"], what="its coming back by another name"
            )
            wait_until(
                lambda: any(r.node and f":{pid}:" in r.node and r.id > max(lost) for r in watching.runs(limit=500)),
                what="a run on the woken node",
            )
            stopped.stop()
        assert {watching.run(run_id).state for run_id in lost} == {RunState.LOST}
        check_ledger(watching, tmp_path, every=SECOND)
        watching.close()


@pytest.mark.parametrize(
    ("database", "point", "nth", "rerun_lost"),
    [
        ("sqlite", "claim:committed", 1, False),  # claimed, not handed over
        ("sqlite", "record:begin", 1, False),  # handed over, the start not recorded
        ("sqlite", "record:committed", 1, False),  # the start recorded, not started
        ("sqlite", "record:committed", 1, True),
        ("sqlite", "record:begin", 2, False),  # ended, the end not recorded
        # In the middle of a claim; on SQLite it would hold the write lock, and nobody could take over meanwhile.
        pytest.param("postgresql", "claim:commit", 1, False, marks=pytest.mark.postgresql),
        pytest.param("postgresql", "record:begin", 1, False, marks=pytest.mark.postgresql),
        pytest.param("postgresql", "record:committed", 1, False, marks=pytest.mark.postgresql),
    ],
)
def test_a_node_frozen_at_each_point_starts_nothing_twice(
    request: pytest.FixtureRequest, tmp_path: Path, database: str, point: str, nth: int, rerun_lost: bool
) -> None:
    url: str = request.getfixturevalue(f"{database}_url")
    migrate(url)
    check_frozen(url, tmp_path, point, nth=nth, rerun_lost=rerun_lost)


def check_frozen(
    url: str, tmp_path: Path, point: str, *, nth: int = 1, rerun_lost: bool = False, patience: float = 60
) -> None:
    slow_to_cut = {"lock_timeout": 5.0}  # the server cuts who is idle in a transaction after four times that
    frozen = declared(url, tmp_path, rerun_lost=rerun_lost, settings=slow_to_cut)
    watching = declared(url, tmp_path, rerun_lost=rerun_lost)
    frozen.start_all_jobs()
    freezer = Frozen(frozen, point, nth=nth)
    with running(frozen):
        assert freezer.is_frozen.wait(30)
        name = frozen.engine.lease.node_id
        with running(watching):
            wait_until(lambda: name not in {node.id for node in watching.store.nodes.alive()}, what="its burial")
            freezer.thaw()
            wait_until(lambda: frozen.engine.lease.node_id != name, what="its coming back by another name")
            wait_until_settled(watching, seconds=patience)
            frozen.shutdown()
            watching.shutdown()
            runs = check_ledger(watching, tmp_path, every=SECOND, at_least_once=rerun_lost)
        lost = [run for run in runs if run.state is RunState.LOST]
        started = (point, nth) in {("record:committed", 1), ("record:begin", 2)}
        assert bool(lost) is (started and not rerun_lost), "what was given up for lost is not as lost"
        if started and rerun_lost:
            assert any(run.attempt > 1 for run in runs)


def test_who_takes_over_does_not_wait_for_what_a_dead_node_still_locks(postgresql_url: str, tmp_path: Path) -> None:
    """A machine that sleeps in the middle of a transaction keeps its rows locked until the server gives it up; nodes
    that waited for them would show no sign of life, and be taken for dead in turn."""
    migrate(postgresql_url)
    patient = {"lock_timeout": 30.0}
    frozen, *watching = (declared(postgresql_url, tmp_path, settings=patient) for _ in range(3))
    frozen.start_all_jobs()
    freezer = Frozen(frozen, "record:commit")
    with running(frozen):
        assert freezer.is_frozen.wait(30)
        name = frozen.engine.lease.node_id
        with running(watching[0]), running(watching[1]):
            names = {scheduler.engine.lease.node_id for scheduler in watching}
            wait_until(lambda: {n.id for n in watching[0].store.nodes.alive()} == names, what="its burial", seconds=20)
            buried = watching[0].store.database.now()
            wait_until(lambda: fired_since(watching[0], buried + 2 * SECOND), what="lines of the others")
            assert {node.id for node in watching[0].store.nodes.alive()} == names, "who watched was taken for dead"
            freezer.thaw()
            wait_until(lambda: frozen.engine.lease.node_id != name, what="its coming back by another name")
            wait_until_settled(watching[0])
            for scheduler in (frozen, *watching):
                scheduler.shutdown()
            check_ledger(watching[0], tmp_path, every=SECOND)


def succeeded_since(scheduler: Scheduler, moment: datetime) -> list[Run]:
    return [
        run for run in scheduler.runs(states=[RunState.SUCCEEDED], limit=1_000) if run.scheduled_at > moment + SECOND
    ]


def test_a_node_whose_signs_of_life_cannot_be_written_is_fenced_and_recovers(migrated_url: str, tmp_path: Path) -> None:
    mute, watching = declared(migrated_url, tmp_path), declared(migrated_url, tmp_path)
    mute.start_all_jobs()

    def refuse(point: str) -> None:
        if point == "heartbeat:begin" and name:
            raise StoreUnavailable("the test said so")

    name = ""
    mute.store.database.boundary = refuse
    with running(mute), running(watching):
        name = mute.engine.lease.node_id
        wait_until(lambda: name not in {node.id for node in watching.store.nodes.alive()}, what="its burial")
        buried = watching.store.database.now()
        # It goes on claiming, under a name that may start nothing: the other does its work.
        wait_until(lambda: any(succeeded_since(watching, buried)), what="a run on the other")
        wait_until_settled(watching)
        assert {run.node for run in succeeded_since(watching, buried)} == {watching.engine.lease.node_id}
        name = ""
        wait_until(lambda: len(watching.store.nodes.alive()) == 2, what="its coming back")
        wait_until_settled(watching)
        mute.shutdown()
        watching.shutdown()
        check_ledger(watching, tmp_path, every=SECOND)


@pytest.mark.parametrize("database", ["sqlite", pytest.param("postgresql", marks=pytest.mark.postgresql)])
def test_an_outage_longer_than_a_lease_makes_nobody_dead(
    request: pytest.FixtureRequest, tmp_path: Path, database: str
) -> None:
    """All nodes are silent while the database is away; the first to be back must not bury the others."""
    url: str = request.getfixturevalue(f"{database}_url")
    migrate(url)
    lease = {"lease": 1.5, "heartbeat": 0.2}
    nodes = [declared(url, tmp_path, settings=lease, max_instances=10) for _ in range(3)]
    nodes[0].start_all_jobs()
    with running(nodes[0]), running(nodes[1]), running(nodes[2]):
        names = {scheduler.engine.lease.node_id for scheduler in nodes}
        wait_until(lambda: nodes[0].runs(states=[RunState.SUCCEEDED]), what="a run")
        outage = time.monotonic() + 2.5
        if database == "postgresql":
            server: PostgresqlServer = request.getfixturevalue("postgresql_server")
            server.stop()
            time.sleep(outage - time.monotonic())
            server.start()
        else:
            holder = python(
                """
                import sqlite3, sys, time
                connection = sqlite3.connect(sys.argv[1], timeout=30, isolation_level=None)
                connection.execute("BEGIN IMMEDIATE")
                print("locked", flush=True)
                time.sleep(2.5)
                connection.execute("ROLLBACK")
                """,
                url.removeprefix("sqlite:///"),
            )
            _, errors = holder.communicate(timeout=60)
            assert holder.returncode == 0, errors
        wait_until_settled(nodes[0])
        time.sleep(lease["lease"])
        assert {node.id for node in nodes[0].store.nodes.alive()} == names
        for scheduler in nodes:
            scheduler.shutdown()
        runs = check_ledger(nodes[0], tmp_path, every=SECOND)
        assert RunState.LOST not in {run.state for run in runs}


def test_what_a_killed_node_leaves_is_settled_by_each_kind_of_other(migrated_url: str, tmp_path: Path) -> None:
    """Also under the name of a node that is not in the table: a row removed by hand, a backup put back."""
    with node(migrated_url, tmp_path, takes=2.0, max_instances=10) as killed:
        watching = declared(migrated_url, tmp_path, max_instances=10)
        wait_until(lambda: watching.runs(states=[RunState.RUNNING]), what="a run in progress")
        killed.kill()
    with watching.store.database.transaction("test") as session:
        session.execute("DELETE FROM gnomon_nodes")
    with running(watching):
        wait_until_settled(watching)
        watching.shutdown()
        runs = check_ledger(watching, tmp_path, every=SECOND)
    assert RunState.LOST in {run.state for run in runs}
