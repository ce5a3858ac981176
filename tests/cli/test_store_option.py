"""Which store a command works on, and what it says where there is none."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.cli.conftest import Gnomon


def test_a_file_that_is_not_there_is_an_error_and_is_not_made(gnomon: Gnomon, tmp_path: Path) -> None:
    for command in (
        ["jobs"],
        ["show", "x"],
        ["pause", "x"],
        ["run", "x"],
        ["runs"],
        ["logs", "x"],
        ["doctor"],
        ["web"],
    ):
        result = gnomon(*command, "--store", f"sqlite:///{tmp_path}/typo.db")
        assert result.code == 1
        assert "there is no store" in result.out + result.err
        assert "gnomon serve TARGET" in result.out + result.err
    assert not (tmp_path / "typo.db").exists()


def test_a_database_of_somebody_else_is_not_filled_with_tables(gnomon: Gnomon, tmp_path: Path) -> None:
    path = tmp_path / "theirs.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE theirs (id)")
    result = gnomon("jobs", "--store", str(path))
    assert result.code == 1
    assert "neither Gnomon's tables nor APScheduler's" in result.err
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]


def test_a_file_that_is_no_database_is_one_line(gnomon: Gnomon, tmp_path: Path) -> None:
    path = tmp_path / "notes.txt"
    path.write_text("not a database, and longer than the header of one would be " * 10)
    result = gnomon("jobs", "--store", str(path))
    assert result.code == 1
    start = (
        f"gnomon: the store sqlite:///{path} cannot be opened: the database said: file is not a database; the file is"
    )
    assert result.err.startswith(start)
    assert result.err.count("\n") == 1


@pytest.mark.parametrize("url", ["mysql://localhost/x", "sqlite://", "nonsense://", "sqlite:///:memory:"])
def test_a_url_that_is_no_store_is_bad_input(gnomon: Gnomon, url: str) -> None:
    result = gnomon("jobs", "--store", url)
    assert result.code == 2
    assert result.err.startswith("gnomon: store: ")


def test_a_server_that_does_not_answer_is_told_without_the_password(gnomon: Gnomon) -> None:
    result = gnomon("jobs", "--store", "postgresql://me:secret@127.0.0.1:1/jobs")
    assert result.code == 1
    assert "the store postgresql://me:***@127.0.0.1:1/jobs cannot be opened: the database said: " in result.err
    assert "secret" not in result.err
    assert result.err.count("\n") == 1


def test_two_slashes_are_answered_with_three(gnomon: Gnomon) -> None:
    for given, meant in (("sqlite://jobs.db", "sqlite:///jobs.db"), ("sqlite://var/jobs.db", "sqlite:///var/jobs.db")):
        result = gnomon("jobs", "--store", given)
        assert result.code == 2
        assert result.err.endswith(f"a file stands after three slashes: {meant}\n")


def test_a_path_stands_for_an_sqlite_file(gnomon: Gnomon, store: str) -> None:
    assert len(gnomon("jobs", "--json", "--store", store.removeprefix("sqlite:///")).json) == 3


def test_the_environment_names_a_store_and_the_option_wins(
    gnomon: Gnomon, store: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GNOMON_STORE", store)
    assert len(gnomon("jobs", "--json").json) == 3
    assert gnomon("jobs", "--store", "sqlite:///another.db").code == 1


def test_the_default_is_gnomon_db_right_here(gnomon: Gnomon) -> None:
    result = gnomon("jobs")
    assert result.code == 1
    assert "gnomon.db" in result.err


def test_store_and_app_together_are_refused(gnomon: Gnomon, store: str) -> None:
    result = gnomon("jobs", "--store", store, "--app", "x:y")
    assert result.code == 2
    assert "give one of them" in result.err
