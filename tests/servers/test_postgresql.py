"""The PostgreSQL of the tests is a real one, and leaves nothing behind."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from tests.servers.postgresql import PostgresqlServer


def connect(url: str) -> psycopg.Connection[tuple[object, ...]]:
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def value(url: str, query: str) -> object:
    with connect(url) as connection:
        row = connection.execute(query).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def table(postgresql_url: str) -> str:
    with connect(postgresql_url) as connection:
        connection.execute("CREATE TABLE kept (n int)")
        connection.execute("INSERT INTO kept VALUES (1)")
    return postgresql_url


def test_a_commit_is_on_the_disk(postgresql_url: str) -> None:
    assert value(postgresql_url, "SHOW fsync") == "on"
    assert value(postgresql_url, "SHOW synchronous_commit") == "on"


def test_each_test_has_a_database_of_its_own(postgresql_url: str, postgresql_server: PostgresqlServer) -> None:
    other = postgresql_server.create_database()

    assert value(postgresql_url, "SELECT current_database()") != value(other, "SELECT current_database()")
    postgresql_server.drop_database(other)


def test_a_restart_cuts_clients_off_and_keeps_what_was_committed(
    table: str, postgresql_server: PostgresqlServer
) -> None:
    client = connect(table)

    postgresql_server.restart()

    with pytest.raises(psycopg.OperationalError):
        client.execute("SELECT 1")
    assert value(table, "SELECT n FROM kept") == 1


def test_a_crash_loses_nothing_that_was_committed(table: str, postgresql_server: PostgresqlServer) -> None:
    postgresql_server.crash()
    postgresql_server.start()

    assert value(table, "SELECT n FROM kept") == 1


def test_a_stopped_server_refuses_connections_and_serves_the_next_test(
    postgresql_url: str, postgresql_server: PostgresqlServer
) -> None:
    postgresql_server.stop()

    with pytest.raises(psycopg.OperationalError):
        connect(postgresql_url)
    assert not postgresql_server.is_running
    assert value(postgresql_server.create_database(), "SELECT 1") == 1


def test_nobody_connects_without_the_password(postgresql_url: str) -> None:
    password = postgresql_url.split(":")[2].partition("@")[0]

    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        connect(postgresql_url.replace(password, "guessed"))


@pytest.mark.usefixtures("postgresql_server")  # where there is none this is skipped too
def test_a_killed_test_run_leaves_neither_process_nor_file(tmp_path: Path) -> None:
    where = tmp_path / "where"
    program = f"""
import time
from collections.abc import Callable
from pathlib import Path
from tests.servers.postgresql import PostgresqlServer
server = PostgresqlServer()
database = server.create_database()
Path({str(where)!r}).write_text(f"{{database}} {{server._directory}}")
time.sleep(60)
"""
    run = subprocess.Popen([sys.executable, "-c", program], env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    until(lambda: where.exists() and where.read_text() != "")
    url, directory = where.read_text().split(" ", 1)
    assert value(url, "SELECT 1") == 1

    run.kill()
    run.wait()

    until(lambda: not Path(directory).exists())
    with pytest.raises(psycopg.OperationalError):
        connect(url)


def until(condition: Callable[[], bool], *, within: float = 30.0) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)
