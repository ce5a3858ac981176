"""``gnomon doctor`` and ``gnomon db upgrade``."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta, tzinfo
from pathlib import Path

import pytest

from gnomon import Scheduler
from gnomon.store import schema
from tests.cli.conftest import Gnomon, declared, process, reading
from tests.processes import wait_until

APPLICATION = """
from gnomon import Scheduler
scheduler = Scheduler("sqlite:///{directory}/jobs.db", timezone="Europe/Berlin")
@scheduler.job("cron", hour=3, minute={minute})
def nightly():
    "Sends the nightly report."
@scheduler.job("interval", minutes=5, id="brand-new")
def new(): ...
"""


def levels(gnomon: Gnomon, store: str, *arguments: str) -> dict[str, str]:
    """What was found, by how well it is."""
    return {
        finding["text"]: finding["level"] for finding in gnomon("doctor", *arguments, "--store", store, "--json").json
    }


def test_a_store_at_rest_is_sound_and_says_that_nothing_fires(gnomon: Gnomon, store: str) -> None:
    result = gnomon("doctor", "--store", store)
    assert result.code == 0
    assert "can be read; its tables are of version" in result.out
    assert "sound, WAL, survives a loss of power" in result.out
    assert "! no node is alive: nothing fires\n  → start one: gnomon serve TARGET" in result.out
    assert "✓ 1 job is paused: resting" in result.out
    assert "✓ 3 jobs are stored, 2 of them active" in result.out


def test_a_living_node_is_named(gnomon: Gnomon, tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "from gnomon import Scheduler\nscheduler = Scheduler('sqlite:///jobs.db')\n"
        "@scheduler.job('cron', hour=3)\ndef nightly(): ...\n"
    )
    with process("node", "app.py", cwd=tmp_path):
        wait_until(lambda: "1 node is alive" in gnomon("doctor", "--store", "jobs.db").out)
        assert gnomon("doctor", "--store", "jobs.db").code == 0


def test_jobs_that_are_overdue_with_nobody_to_run_them_are_wrong(gnomon: Gnomon, store: str) -> None:
    an_hour_ago = datetime.now(UTC) - timedelta(hours=1)
    with reading(store) as scheduler:
        scheduler.open()
        scheduler.engine.modify_job("nightly", next_run_time=an_hour_ago)
    result = gnomon("doctor", "--store", store)
    assert result.code == 1
    assert "✗ 1 job is overdue by more than a minute: nightly\n  → start a node" in result.out


def test_a_row_that_cannot_be_read_is_wrong_with_the_reason(gnomon: Gnomon, store: str) -> None:
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE apscheduler_jobs SET job_state = ? WHERE id = 'nightly'", [b"\x80\x05."])
        connection.commit()
    result = gnomon("doctor", "--store", store)
    assert result.code == 1
    assert "✗ job 'nightly' is quarantined" in result.out
    # It stands in the list, and keeps nothing else from it.
    assert "✗ quarantined" in gnomon("jobs", "--store", store).out
    assert gnomon("set", "nightly", "cron", "hour=4", "--yes", "--store", store).code == 1
    assert "quarantined" in gnomon("show", "nightly", "--store", store).out


def test_a_file_that_is_damaged_is_wrong(gnomon: Gnomon, store: str) -> None:
    path = Path(store.removeprefix("sqlite:///"))
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[4096 * 3 :] = b"\xff" * (len(content) - 4096 * 3)
    path.write_bytes(bytes(content))
    result = gnomon("doctor", "--store", store)
    assert result.code == 1
    assert "✗" in result.out
    assert "Traceback" not in result.err


def test_the_code_is_compared_with_what_is_stored(gnomon: Gnomon, store: str, tmp_path: Path) -> None:
    def findings(name: str, minute: int) -> str:
        code = APPLICATION.replace("{directory}", str(tmp_path)).replace("{minute}", str(minute))
        (tmp_path / f"{name}.py").write_text(code)
        return gnomon("doctor", f"{name}.py").out

    out = findings("doctored_once", 45)
    assert "! 1 declared job is not stored: brand-new" in out
    assert "! 2 stored jobs are not declared by this code: resting, tick" in out
    assert "! the code has changed since the last start for nightly" in out
    assert "the code has changed" not in findings("doctored_twice", 30)


def test_doctor_changes_nothing(gnomon: Gnomon, store: str, tmp_path: Path) -> None:
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as connection:
        before = list(connection.iterdump())
    gnomon("doctor", "--store", store)
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as connection:
        assert list(connection.iterdump()) == before


def test_doctor_leaves_a_table_of_a_plain_apscheduler_as_it_is(gnomon: Gnomon, tmp_path: Path) -> None:
    path = tmp_path / "plain.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(
            "CREATE TABLE apscheduler_jobs (id VARCHAR(191) PRIMARY KEY, next_run_time FLOAT, job_state BLOB)"
        )
    result = gnomon("doctor", "--store", str(path))
    assert result.code == 0
    assert "gnomon db upgrade" in result.out
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall() == [
            ("apscheduler_jobs",)
        ]


@pytest.mark.postgresql
def test_postgresql_is_examined_too(gnomon: Gnomon, postgresql_url: str) -> None:
    unmigrated = gnomon("doctor", "--store", postgresql_url)
    assert unmigrated.code == 1
    assert "gnomon db upgrade" in unmigrated.out
    assert gnomon("jobs", "--store", postgresql_url).code == 1
    upgraded = gnomon("db", "upgrade", "--store", postgresql_url)
    assert upgraded.code == 0
    assert f"version none → {schema.HEAD}" in upgraded.out
    with closing(declared(postgresql_url)) as scheduler:
        scheduler.start_all_jobs()
    found = levels(gnomon, postgresql_url)
    assert found["this machine's clock and the database's agree"] == "well"
    assert gnomon("doctor", "--store", postgresql_url).code == 0
    assert gnomon("set", "nightly", "cron", "hour=4", "--yes", "--store", postgresql_url).code == 0


@pytest.mark.postgresql
def test_clocks_that_disagree_are_told_with_which_one_counts(
    gnomon: Gnomon, postgresql_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert gnomon("db", "upgrade", "--store", postgresql_url).code == 0

    class Slow(datetime):
        """This machine's clock, an hour and a half behind."""

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> Slow:
            return super().now(tz) - timedelta(minutes=90)

    monkeypatch.setattr("gnomon.store.inspection.datetime", Slow)
    result = gnomon("doctor", "--store", postgresql_url)
    assert result.code == 0
    assert "! this machine's clock and the database's are 1 h 30 min apart" in result.out
    assert "→ the database's decides what is due; set both by NTP" in result.out


def test_db_upgrade_makes_the_tables_and_then_has_nothing_to_do(gnomon: Gnomon, tmp_path: Path) -> None:
    first = gnomon("db", "upgrade", "--store", str(tmp_path / "new.db"))
    assert first.code == 0
    assert f"version none → {schema.HEAD}" in first.out
    second = gnomon("db", "upgrade", "--store", str(tmp_path / "new.db"))
    assert (second.code, "nothing to do" in second.out) == (0, True)
    with closing(Scheduler(f"sqlite:///{tmp_path}/new.db")) as scheduler:
        assert scheduler.get_all_jobs() == []


def test_tables_of_a_newer_gnomon_are_told(gnomon: Gnomon, store: str) -> None:
    with closing(sqlite3.connect(store.removeprefix("sqlite:///"))) as connection:
        connection.execute("UPDATE gnomon_schema SET version_num = '9999'")
        connection.commit()
    for command in (["jobs"], ["doctor"], ["db", "upgrade"]):
        result = gnomon(*command, "--store", store)
        assert result.code == 1
        assert "made by a newer Gnomon" in result.out + result.err
