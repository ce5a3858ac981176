"""What holds for all commands: help that teaches, one line for an error, exit codes."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer.main

from gnomon.cli.application import app
from gnomon.domain.triggers import KINDS
from tests.cli.conftest import SOURCE, Gnomon


def commands(group: Any, *path: str) -> Iterator[str]:
    """Each command, with the words before it."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from commands(command, *path, name)
        else:
            yield " ".join((*path, name))


ALL = list(commands(typer.main.get_command(app)))
#: Those that the foundation promised, whatever else comes.
PROMISED = {
    *("serve", "node", "web", "demo", "jobs", "show", "set", "pause", "resume", "run", "runs", "logs", "preview"),
    *("import-crontab", "db upgrade", "doctor"),
}


def test_what_was_promised_is_there() -> None:
    assert set(ALL) >= PROMISED


@pytest.fixture(autouse=True)
def _wide(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "160")
    monkeypatch.setenv("TERMINAL_WIDTH", "160")


@pytest.mark.parametrize("command", ALL)
def test_the_help_of_every_command_has_examples_that_name_it(gnomon: Gnomon, command: str) -> None:
    result = gnomon(*command.split(), "--help")
    assert result.code == 0
    assert f"gnomon {command}" in result.out.partition("Examples:")[2]


def test_the_overview_names_every_command_and_the_exit_codes(gnomon: Gnomon) -> None:
    for arguments in (["--help"], ["-h"]):
        out = gnomon(*arguments).out
        assert all(f" {command.split()[0]} " in out for command in ALL)
        assert "Exit codes: 0 done" in out
    bare = gnomon()
    assert bare.code == 2
    assert "Exit codes" in bare.out


@pytest.mark.parametrize("command", ["set", "add", "preview"])
def test_the_help_teaches_every_kind_with_every_argument(gnomon: Gnomon, command: str) -> None:
    out = gnomon(command, "--help").out
    for kind in KINDS.values():
        assert f"{kind.name}: " in out
        for field in kind.fields:
            assert f"{field.name}=" in out


def test_the_version(gnomon: Gnomon) -> None:
    result = gnomon("--version")
    assert result.code == 0
    assert result.out.startswith("gnomon 0.")


@pytest.mark.parametrize(
    "arguments", [["job"], ["jobs", "--nonsense"], ["show"], ["runs", "--limit", "many"], ["runs", "--limit", "0"]]
)
def test_a_misspelt_command_line_is_exit_code_2_and_one_line(gnomon: Gnomon, arguments: list[str]) -> None:
    result = gnomon(*arguments)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("gnomon: ")
    assert result.err.count("\n") == 1
    assert "--help" in result.err


@pytest.mark.parametrize("group", ["db", "token", "calendar"])
def test_a_group_without_its_command_shows_those_that_there_are(gnomon: Gnomon, group: str) -> None:
    result = gnomon(group)
    assert result.code == 2
    assert "Commands" in result.out
    assert result.err == f"gnomon: a command is missing; `gnomon {group} --help` shows what there is\n"


def test_the_traceback_of_an_error_is_shown_on_request_only(gnomon: Gnomon) -> None:
    assert "Traceback" not in gnomon("jobs").err
    assert "Traceback" in gnomon("--debug", "jobs").err


def test_an_error_that_nobody_foresaw_is_one_line_too(
    gnomon: Gnomon, monkeypatch: pytest.MonkeyPatch, store: str
) -> None:
    def broken(*_: object) -> None:
        raise ZeroDivisionError("on\nno account")

    monkeypatch.setattr("gnomon.scheduler.Scheduler.get_all_jobs", broken)
    result = gnomon("jobs", "--store", store)
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert "unexpected ZeroDivisionError: on no account" in result.err


def test_a_reader_that_goes_away_is_no_error(store: str) -> None:
    """``gnomon jobs | head -0``."""
    command = f"'{sys.executable}' -m gnomon runs --help --store '{store}'"
    script = f"{{ {command}; echo code=$? >&2; }} | true"
    done = subprocess.run(
        ["bash", "-c", script], capture_output=True, text=True, env={"PYTHONPATH": SOURCE, "PATH": "/bin:/usr/bin"}
    )
    assert "Traceback" not in done.stderr
    assert "Error" not in done.stderr


def test_python_m_gnomon_is_the_command_line(store: str) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "gnomon", "jobs", "--store", store],
        capture_output=True,
        text=True,
        env={"PYTHONPATH": SOURCE},
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr
    assert "● active" in done.stdout
