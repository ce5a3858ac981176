"""Targets: an application's scheduler by name, or what was found instead."""

from __future__ import annotations

import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gnomon import Scheduler
from gnomon.cli.target import load
from gnomon.errors import TargetError
from tests.cli.conftest import Gnomon

_numbers = itertools.count()

APPLICATION = """
from gnomon import Scheduler
scheduler = Scheduler("sqlite:///{directory}/app.db")
@scheduler.job("interval", minutes=5)
def tick(): ...
"""

Write = Callable[[str], str]


@pytest.fixture
def module(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Write:
    """Write a module that no other test has imported; return its name."""
    monkeypatch.setattr(sys, "dont_write_bytecode", True)

    def write(code: str) -> str:
        name = f"target_{next(_numbers)}"
        (tmp_path / f"{name}.py").write_text(code.replace("{directory}", str(tmp_path)))
        return name

    return write


def test_a_module_in_the_working_directory_is_found(module: Write) -> None:
    found = load(f"{module(APPLICATION)}:scheduler")
    assert list(found.declarations) == ["tick"]


def test_the_attribute_may_be_left_out_where_there_is_one_scheduler(module: Write) -> None:
    assert isinstance(load(module(APPLICATION + "\nalias = scheduler\n")), Scheduler)


def test_a_path_to_a_file_works_from_anywhere(module: Write, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    name = module(APPLICATION)
    monkeypatch.chdir("/")
    found = load(f"{tmp_path}/{name}.py:scheduler")
    # Worker processes find the function by this name.
    assert found.declarations["tick"].func.__module__ == name


def test_a_file_in_a_package_is_imported_as_part_of_it(tmp_path: Path, module: Write) -> None:
    package = tmp_path / f"package_{next(_numbers)}"
    package.mkdir()
    (package / "__init__.py").write_text("")
    (package / "parts.py").write_text(APPLICATION.replace("{directory}", str(tmp_path)))
    (package / "app.py").write_text("from .parts import scheduler\n")
    assert isinstance(load(str(package / "app.py")), Scheduler)


def test_a_dotted_attribute_is_followed(module: Write) -> None:
    name = module(APPLICATION + "\nclass settings:\n    jobs = scheduler\n")
    assert isinstance(load(f"{name}:settings.jobs"), Scheduler)


@pytest.mark.parametrize(
    ("code", "attribute", "said"),
    [
        ("1 / 0", "", "failed: ZeroDivisionError: division by zero"),
        ("def broken(:", "", "failed: SyntaxError"),
        ("import no_such_dependency", "", "No module named 'no_such_dependency'"),
        ("import sys; sys.exit('configure me')", "", "failed: SystemExit: configure me"),
        ("x = 1", "", "is no target: it holds no gnomon.Scheduler at its top level; make one, or name its place"),
        ("x = 1", ":x", "is a int and no gnomon.Scheduler"),
        (APPLICATION, ":shceduler", "no attribute 'shceduler'"),
        (APPLICATION + "other = Scheduler('sqlite:///x.db')", "", "say which scheduler"),
    ],
)
def test_what_was_found_instead_is_told(module: Write, code: str, attribute: str, said: str) -> None:
    name = module(code)
    with pytest.raises(TargetError) as caught:
        load(name + attribute)
    assert said in str(caught.value)
    if "Scheduler" in code:
        assert f"{name}:scheduler" in str(caught.value)


@pytest.mark.parametrize(
    ("declared", "said"),
    [
        ("@scheduler.job('cron', hour=3, id='tick')\ndef tock(): ...\n", "job 'tick' is declared twice, for "),
        ("@scheduler.job('cron', hour=33)\ndef tock(): ...\n", "hour: '33' is not allowed; "),
        ("@scheduler.job('cron', hour=3, max_instances=0)\ndef tock(): ...\n", "max_instances: 0 is not allowed; "),
    ],
)
def test_a_declaration_that_is_refused_is_told_with_the_line_of_the_application(
    module: Write, tmp_path: Path, declared: str, said: str
) -> None:
    name = module(APPLICATION + declared)
    line = APPLICATION.count("\n") + 1
    with pytest.raises(TargetError) as caught:
        load(name)
    assert str(caught.value).startswith(f"importing {name!r} failed: {said}")
    assert str(caught.value).endswith(f"({tmp_path}/{name}.py, line {line})")


def test_a_failed_import_names_file_and_line(module: Write) -> None:
    name = module("\n\n1 / 0\n")
    with pytest.raises(TargetError, match=rf"{name}\.py, line 3"):
        load(name)


@pytest.mark.parametrize(
    "target", ["no_such_module_x:scheduler", "no.such.module_x", "missing.py:scheduler", ":x", "a b", ""]
)
def test_what_is_not_there_is_bad_input_in_one_line(gnomon: Gnomon, target: str) -> None:
    result = gnomon("jobs", "--app", target)
    assert result.code == 2
    assert result.err.count("\n") == 1
    assert "Traceback" not in result.err


def test_modules_nearby_are_offered(gnomon: Gnomon, module: Write) -> None:
    name = module(APPLICATION)
    assert name in gnomon("jobs", "--app", "no_such_module_x:scheduler").err


def test_a_file_named_like_a_module_that_is_imported_already_is_told(tmp_path: Path) -> None:
    (tmp_path / "json.py").write_text(APPLICATION)
    with pytest.raises(TargetError, match="rename the file"):
        load(str(tmp_path / "json.py"))


def test_app_stands_in_for_store(gnomon: Gnomon, module: Write) -> None:
    name = module(APPLICATION)
    missing = gnomon("jobs", "--app", f"{name}:scheduler")
    assert missing.code == 1
    assert "app.db" in missing.err
    load(name).start_all_jobs()
    assert [job["id"] for job in gnomon("jobs", "--json", "--app", name).json] == ["tick"]
    load(name).close()
