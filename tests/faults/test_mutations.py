"""Does the fault suite notice? Each protection is taken out in turn, and a check of the suite must then fail."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from gnomon import RunState
from gnomon.domain.ledger import Finish
from gnomon.domain.times import to_micros
from gnomon.engine.leases import Lease
from gnomon.store.ledger import Ledger
from gnomon.store.sqlite import INSERTED_RUN_COLUMNS, SqliteDialect
from gnomon.store.store import Store
from tests.faults.ledger_checks import check_ledger
from tests.faults.nodes import SECOND, declared, migrate, node, running, wait_until_settled
from tests.faults.test_leases import check_frozen
from tests.faults.test_uncertain_commits import answers_lost
from tests.processes import wait_until

pytestmark = pytest.mark.slow

#: Where a mutation leaves something unsettled for ever, so long is waited for it. Sound, it takes about two seconds.
PATIENCE = 4.0

Change = Callable[[pytest.MonkeyPatch, str], None]


# -- situations, in which a sound Gnomon keeps its promises


def rows_put_back(url: str, folder: Path) -> None:
    """Another program writes rows back that it read before they fired."""
    with running(declared(url, folder)) as scheduler:
        wait_until(lambda: len(scheduler.runs()) >= 3, what="runs")
        rows = scheduler.store.schedules.all()
        wait_until_settled(scheduler)
        with scheduler.store.database.transaction("test") as session:
            for row in rows:
                session.execute(
                    "UPDATE apscheduler_jobs SET next_run_time = :at, job_state = :state WHERE id = :id",
                    {"id": row.id, "at": row.next_run_time, "state": row.job_state},
                )
        wait_until_settled(scheduler)
        scheduler.shutdown()
        check_ledger(scheduler, folder, every=SECOND)


def frozen_before_a_start(url: str, folder: Path) -> None:
    check_frozen(url, folder, "record:begin", patience=PATIENCE)


def frozen_after_a_start(url: str, folder: Path) -> None:
    check_frozen(url, folder, "record:committed", patience=PATIENCE)


def frozen_after_an_end(url: str, folder: Path) -> None:
    check_frozen(url, folder, "record:begin", nth=2, patience=PATIENCE)


def killed_in_a_run(url: str, folder: Path) -> None:
    watching = declared(url, folder, max_instances=10)
    with node(url, folder, takes=2.0, max_instances=10) as killed:
        wait_until(lambda: watching.runs(states=[RunState.RUNNING]), what="a run in progress")
        killed.kill()
    with running(watching):
        wait_until_settled(watching, seconds=PATIENCE)
        watching.shutdown()
        check_ledger(watching, folder, every=SECOND)


def side_by_side(url: str, folder: Path) -> None:
    """Two nodes, and nobody dies."""
    first, second = (declared(url, folder, takes=0.5) for _ in range(2))
    first.start_all_jobs()
    with running(first), running(second):
        for _ in range(2):
            wait_until_settled(first)
        first.shutdown()
        second.shutdown()
        runs = check_ledger(first, folder, every=SECOND)
        assert RunState.LOST not in {run.state for run in runs}, "a run was lost, and nothing has died"


def claims_unheard(url: str, folder: Path) -> None:
    """The answer to the COMMIT of a claim is lost."""
    with running(declared(url, folder)) as scheduler:
        wait_until(lambda: scheduler.runs(), what="a run")
        with answers_lost(scheduler, "claim") as done:
            wait_until(lambda: done, what="a fault")
        wait_until_settled(scheduler, seconds=PATIENCE)
        scheduler.shutdown()
        check_ledger(scheduler, folder, every=SECOND)


def change_unheard(url: str, folder: Path) -> None:
    """The answer to the COMMIT of a change is lost."""
    scheduler = declared(url, folder)
    scheduler.start_all_jobs()
    with answers_lost(scheduler, "change"):
        answer = scheduler.update_job_schedule("job 0", "cron", hour=7)
    changed = scheduler.get_job("job 0")["trigger"] == "cron"
    scheduler.close()
    assert answer is changed, "a change was reported as what it is not"


# -- what is taken out


def without_unique_key(patch: pytest.MonkeyPatch, url: str) -> None:
    store = Store(url)
    with store.database.transaction("test") as session:
        session.execute("DROP INDEX uq_gnomon_runs_once")
    store.close()

    def insert_runs(_: Any, session: Any, rows: Sequence[Sequence[Any]]) -> int:
        marks = ", ".join("?" * len(rows[0]))
        statement = f"INSERT INTO gnomon_runs ({INSERTED_RUN_COLUMNS}) VALUES ({marks})"
        return int(session.execute_as_written(statement, rows, many=True))

    patch.setattr(SqliteDialect, "insert_runs", insert_runs)


def without_fencing_of_starts(patch: pytest.MonkeyPatch, url: str) -> None:
    def start(self: Ledger, claims: Sequence[tuple[int, str, int]], *, at: datetime) -> set[int]:
        with self._database.transaction("record") as session:
            for run_id, _, _ in claims:
                values = {"id": run_id, "at": to_micros(at)}
                session.execute("UPDATE gnomon_runs SET state = 'running', started_at = :at WHERE id = :id", values)
        return {run_id for run_id, _, _ in claims}

    patch.setattr(Ledger, "start", start)


def without_fencing_of_ends(patch: pytest.MonkeyPatch, url: str) -> None:
    def finish(self: Ledger, finishes: Sequence[Finish], *, at: datetime) -> int:
        with self._database.transaction("record") as session:
            for finish in finishes:
                values = {"id": finish.run_id, "state": finish.state.value, "at": to_micros(at)}
                session.execute("UPDATE gnomon_runs SET state = :state, finished_at = :at WHERE id = :id", values)
        return len(finishes)

    patch.setattr(Ledger, "finish", finish)


def without_recording_starts(patch: pytest.MonkeyPatch, url: str) -> None:
    def start(self: Ledger, claims: Sequence[tuple[int, str, int]], *, at: datetime) -> set[int]:
        return {run_id for run_id, _, _ in claims}

    patch.setattr(Ledger, "start", start)


def without_burials(patch: pytest.MonkeyPatch, url: str) -> None:
    patch.setattr(Lease, "sweep", lambda self: None)


def with_burials_of_the_living(patch: pytest.MonkeyPatch, url: str) -> None:
    def sweep(self: Lease) -> None:
        for other in self._store.nodes.alive():
            if other.id != self.node_id:
                self._bury(other)

    patch.setattr(Lease, "sweep", sweep)


def without_a_look_for_unknown_claims(patch: pytest.MonkeyPatch, url: str) -> None:
    patch.setattr(Lease, "_release_unknown", lambda self: None)


def without_settling(patch: pytest.MonkeyPatch, url: str) -> None:
    patch.setattr(Store, "settle", lambda self, error, job_id, is_written: False)


MUTATIONS = [
    (rows_put_back, without_unique_key, "two lines"),
    (frozen_before_a_start, without_fencing_of_starts, "started 2 times|settling"),
    (frozen_after_a_start, without_fencing_of_ends, "not as lost"),
    (frozen_after_an_end, without_recording_starts, "started 2 times|settling"),
    (killed_in_a_run, without_burials, "settling"),
    (side_by_side, with_burials_of_the_living, "lost"),
    (claims_unheard, without_a_look_for_unknown_claims, "settling"),
    (change_unheard, without_settling, "reported"),
]


@pytest.mark.parametrize(
    ("situation", "mutation", "complaint"),
    [pytest.param(*row, id=f"{row[1].__name__.replace('_', ' ')}") for row in MUTATIONS],
)
def test_the_fault_suite_fails(
    situation: Callable[[str, Path], None],
    mutation: Change,
    complaint: str,
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    migrate(sqlite_url)
    mutation(monkeypatch, sqlite_url)
    with pytest.raises(AssertionError, match=complaint):
        situation(sqlite_url, tmp_path)


def test_rows_that_another_program_puts_back_fire_nothing_again(migrated_url: str, tmp_path: Path) -> None:
    rows_put_back(migrated_url, tmp_path)
