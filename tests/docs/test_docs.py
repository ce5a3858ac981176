"""The documentation is whole and true: what exists is documented, what is shown runs, what is linked is there."""

from __future__ import annotations

import dataclasses
import importlib
import inspect
import os
import pkgutil
import re
import shlex
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer.main

import gnomon
from gnomon.cli.application import app
from gnomon.cli.exits import ExitCode
from gnomon.cli.output import JOB_STATES
from gnomon.domain.run import RunState
from gnomon.domain.triggers import KINDS
from gnomon.errors import GnomonError
from gnomon.executors import CurrentRun
from gnomon.scheduler import Scheduler
from gnomon.settings import Settings

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [ROOT / name for name in ("README.md", "CHANGELOG.md", "CONTRIBUTING.md")] + sorted(DOCS.rglob("*.md"))
PAGES_WITH_PYTHON = [page for page in PAGES if "```python" in page.read_text(encoding="utf-8")]

#: Seconds that one example may take; most of it is Python importing things.
_EXAMPLE_SECONDS = 30
_FENCE = re.compile(r"^( *)```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = "<!-- not run -->"
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)\s]+)\)|!\[[^\]]*\]\(([^)\s]+)\)")
_HEADING = re.compile(r"^#+ +(.*)$", re.MULTILINE)
_ROW = re.compile(r"^\| *(.*?) *\|", re.MULTILINE)


def text_of(name: str) -> str:
    return (DOCS / name).read_text(encoding="utf-8")


def section(page: str, heading: str) -> str:
    """What stands below a heading, up to the next one."""
    found = re.search(rf"^##+ {re.escape(heading)}$(.*?)(?=^##+ |\Z)", page, re.MULTILINE | re.DOTALL)
    assert found is not None, f"there is no heading {heading!r}"
    return found[1]


def first_cells(table: str) -> set[str]:
    """All that is written as code in the first column of the tables of a text."""
    return {name for cell in _ROW.findall(table) for name in re.findall(r"`([^`]+)`", cell)}


def name_of(page: Path) -> str:
    return str(page.relative_to(ROOT))


# -- what exists is documented


@pytest.mark.parametrize("name", Settings.model_fields)
def test_each_setting_is_documented_with_its_default_and_limits(name: str) -> None:
    field = Settings.model_fields[name]
    words = {"gt": "above", "ge": "from", "le": "to"}
    limits = [
        f"{word} {getattr(limit, sign):,}"
        for limit in field.metadata
        for sign, word in words.items()
        if hasattr(limit, sign)
    ]
    row = f"| `{name}` | `GNOMON_{name.upper()}` | {field.default} | {' '.join(limits)} | {field.description} |"
    assert row in text_of("settings.md").splitlines(), f"docs/settings.md lacks this row:\n{row}"


def _errors() -> Iterator[type[GnomonError]]:
    """Those that an application can meet; the command line's own end in a message and an exit code."""
    for module in pkgutil.walk_packages(gnomon.__path__, "gnomon."):
        if not module.name.startswith(("gnomon.cli", "gnomon.store.migrations", "gnomon.__main__")):
            importlib.import_module(module.name)
    waiting: list[type[GnomonError]] = [GnomonError]
    while waiting:
        error = waiting.pop()
        waiting += error.__subclasses__()
        if error.__module__.startswith("gnomon.") and not error.__module__.startswith("gnomon.cli"):
            yield error


@pytest.mark.parametrize("name", sorted({error.__name__ for error in _errors()}))
def test_each_error_has_a_section(name: str) -> None:
    assert section(text_of("errors.md"), f"`{name}`").strip()


def _problem_types() -> set[str]:
    source = "".join(
        file.read_text(encoding="utf-8")
        for part in ("api", "access")
        for file in (ROOT / "src/gnomon" / part).glob("*.py")
    )
    return set(re.findall(r'\b[45]\d\d[,:]\s+"([a-z]+(?:-[a-z]+)*)"', source))


@pytest.mark.parametrize("kind", sorted(_problem_types()))
def test_each_problem_type_is_documented(kind: str) -> None:
    assert f"`{kind}`" in section(text_of("errors.md"), "HTTP")


@pytest.mark.parametrize("code", list(ExitCode))
def test_each_exit_code_is_documented(code: ExitCode) -> None:
    assert f"| {code.value} |" in section(text_of("errors.md"), "Exit codes")


def _commands(group: Any = None, path: tuple[str, ...] = ()) -> dict[tuple[str, ...], Any]:
    group = typer.main.get_command(app) if group is None else group
    found: dict[tuple[str, ...], Any] = {}
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            found |= _commands(command, (*path, name))
        else:
            found[(*path, name)] = command
    return found


@pytest.mark.parametrize("command", [" ".join(path) for path in _commands()])
def test_each_command_stands_in_the_tour(command: str) -> None:
    assert f"`gnomon {command}" in section(text_of("operating.md"), "A tour")


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_of_trigger_is_documented_with_all_its_arguments(kind: str) -> None:
    page = text_of("jobs.md")
    documented = first_cells(section(page, f"`{kind}`")) | first_cells(section(page, "Triggers"))
    assert {field.name for field in KINDS[kind].fields} <= documented
    assert "```python" in section(page, f"`{kind}`")


def test_each_option_of_a_job_is_documented() -> None:
    documented = first_cells(section(text_of("jobs.md"), "Options"))
    text = inspect.getdoc(Scheduler.register) or ""
    told = set(re.findall(r"``(\w+)``", text.partition("The other options:")[2].partition("Raises")[0]))
    assert {"id", "retries", "rerun_lost"} <= told, "the docstring of register no longer lists the options"
    executors = first_cells(section(text_of("jobs.md"), "Executors"))
    assert told <= documented | executors
    assert executors == _executors()


def _executors() -> frozenset[str]:
    return Scheduler("sqlite:///never-opened.db").engine.executor_names


def test_all_of_the_current_run_is_documented() -> None:
    documented = {name.partition("(")[0] for name in first_cells(section(text_of("jobs.md"), "Inside a run"))}
    assert {name for name in vars(CurrentRun) if not name.startswith("_")} <= documented


@pytest.mark.parametrize("state", [*JOB_STATES, *RunState])
def test_each_state_is_explained(state: str) -> None:
    assert state in first_cells(section(text_of("operating.md"), "What states mean"))


def test_all_that_is_said_of_a_job_and_of_health_is_documented(tmp_path: Path) -> None:
    scheduler = Scheduler(f"sqlite:///{tmp_path / 'jobs.db'}")
    scheduler.register(print, "interval", id="job", hours=1)
    scheduler.start_all_jobs()
    try:
        assert set(scheduler.get_job("job")) == first_cells(section(text_of("running.md"), "The job dict"))
        assert set(scheduler.health()) == first_cells(section(text_of("operating.md"), "Health"))
    finally:
        scheduler.close()


def test_each_decision_is_numbered_and_has_its_four_parts() -> None:
    decisions = sorted((DOCS / "decisions").glob("*.md"))
    assert [file.name[:4] for file in decisions] == [f"{number:04}" for number in range(1, len(decisions) + 1)]
    for file in decisions:
        text = file.read_text(encoding="utf-8")
        assert text.startswith(f"# {file.name[:4]}: ")
        for part in ("Context", "Decision", "Alternatives", "Consequences"):
            assert f"**{part}.**" in text, f"{file.name} lacks {part}"


# -- what is shown runs


@dataclasses.dataclass(frozen=True)
class Block:
    page: Path
    line: int
    language: str
    text: str
    is_run: bool


def blocks(page: Path, *languages: str) -> list[Block]:
    text = page.read_text(encoding="utf-8")
    found = []
    for match in _FENCE.finditer(text):
        indent, language, content = match.groups()
        before = text[: match.start()].rstrip()
        if language in languages:
            code = "".join(line.removeprefix(indent) for line in content.splitlines(keepends=True))
            found.append(
                Block(page, text.count("\n", 0, match.start()) + 1, language, code, not before.endswith(_NOT_RUN))
            )
    return found


@pytest.mark.slow
@pytest.mark.parametrize("page", PAGES_WITH_PYTHON, ids=name_of)
def test_each_example_in_python_runs(page: Path, tmp_path: Path) -> None:
    """Each in a process of its own, in the order of the page. A first line ``# name.py`` saves it under that name in a
    new folder, where those that follow can import it."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    folder = tmp_path
    for block in blocks(page, "python"):
        if not block.is_run:
            continue
        named = re.match(r"# (\w+\.py)\n", block.text)
        if named is not None:
            folder = tmp_path / f"line{block.line}"
            folder.mkdir()
        file = folder / (named[1] if named else "example.py")
        file.write_text(block.text, encoding="utf-8")
        ended = subprocess.run(
            [sys.executable, "-W", "ignore", file.name],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_EXAMPLE_SECONDS,
        )
        assert ended.returncode == 0, f"{name_of(page)}, line {block.line}:\n{ended.stdout}{ended.stderr}"


def _shown_commands() -> list[tuple[str, str]]:
    return [
        (f"{name_of(page)}:{block.line}", line.partition("#")[0].strip())
        for page in PAGES
        for block in blocks(page, "sh", "ini")
        for line in block.text.splitlines()
        if re.search(r"(^|[ /])gnomon [a-z]", line)
    ]


@pytest.mark.parametrize(("where", "line"), _shown_commands())
def test_each_command_line_that_is_shown_exists(where: str, line: str) -> None:
    words = shlex.split(re.split(r"(?:^|[ /])gnomon (?=[a-z])", line)[-1])
    commands = _commands()
    path = tuple(words[:2]) if tuple(words[:2]) in commands else tuple(words[:1])
    assert path in commands, f"{where}: there is no command {words[0]!r}"
    known = {name for option in commands[path].params for name in (*option.opts, *option.secondary_opts)}
    for word in words[len(path) :]:
        if word.startswith("-") and word != "-":
            assert word in known, f"{where}: gnomon {' '.join(path)} has no option {word}"


# -- what is linked is there


def _anchors(page: Path) -> set[str]:
    headings = _HEADING.findall(_FENCE.sub("", page.read_text(encoding="utf-8")))
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_each_link_leads_somewhere(page: Path) -> None:
    text = _FENCE.sub("", page.read_text(encoding="utf-8"))
    for pair in _LINK.findall(text):
        target, _, anchor = "".join(pair).partition("#")
        if target.startswith(("http://", "https://")):
            continue
        file = (page.parent / target).resolve() if target else page
        assert file.exists(), f"{name_of(page)} links to {target}, which is not there"
        if anchor:
            assert anchor in _anchors(file), f"{name_of(page)} links to {target}#{anchor}, which has no such heading"


@pytest.mark.parametrize("page", sorted(DOCS.glob("*.md")), ids=name_of)
def test_each_page_can_be_reached_from_the_first(page: Path) -> None:
    assert page.name == "index.md" or f"]({page.name})" in text_of("index.md")


def test_the_picture_asks_no_other_host_for_anything() -> None:
    picture = text_of("terminal.svg")
    assert not re.search(r"@import|@font-face|url\((?!#)|href=", picture)


# -- what is claimed of security

#: How many requirements of levels 1 and 2 each section of OWASP ASVS 5.0.0 has; they are the first of the section.
_ASVS = {
    **{"1.1": 2, "1.2": 9, "1.3": 11, "1.4": 3, "1.5": 2, "2.1": 3, "2.2": 3, "2.3": 4, "2.4": 1},
    **{"3.2": 2, "3.3": 4, "3.4": 6, "3.5": 5, "3.7": 2, "4.1": 3, "4.2": 1, "4.3": 2, "4.4": 4},
    **{"5.1": 1, "5.2": 3, "5.3": 2, "5.4": 3, "6.1": 3, "6.2": 12, "6.3": 4, "6.4": 4, "6.5": 5, "6.6": 3, "6.8": 4},
    **{"7.1": 3, "7.2": 4, "7.3": 2, "7.4": 5, "7.5": 2, "7.6": 2, "8.1": 2, "8.2": 3, "8.3": 1, "8.4": 1},
    **{"9.1": 3, "9.2": 4, "10.1": 2, "10.2": 2, "10.3": 4, "10.4": 11, "10.5": 5, "10.6": 2, "10.7": 3},
    **{"11.1": 2, "11.2": 3, "11.3": 3, "11.4": 4, "11.5": 1, "11.6": 1, "12.1": 3, "12.2": 2, "12.3": 4},
    **{"13.1": 1, "13.2": 5, "13.3": 2, "13.4": 5, "14.1": 2, "14.2": 4, "14.3": 3},
    **{"15.1": 3, "15.2": 3, "15.3": 7, "16.1": 1, "16.2": 5, "16.3": 4, "16.4": 3, "16.5": 3},
    **{"17.1": 1, "17.2": 4, "17.3": 2},
}


def test_each_requirement_of_asvs_is_spoken_of_once() -> None:
    text = text_of("security.md").partition("## ASVS 5.0, level 2")[2]
    claims = [cell for cell in _ROW.findall(text) if cell[:1].isdigit()]
    claims += re.findall(r"^(?:Does|Do) not apply: .*?(?=\n\n|\Z)", text, re.MULTILINE | re.DOTALL)
    spoken: list[str] = []
    for claim in claims:
        for section_, first, last in re.findall(r"\b(\d+\.\d+)\.(\d+)(?:–\1\.(\d+))?", claim):
            spoken += [f"{section_}.{number}" for number in range(int(first), int(last or first) + 1)]
    assert sorted(spoken) == sorted(f"{name}.{number + 1}" for name, count in _ASVS.items() for number in range(count))


def test_what_security_points_to_is_there() -> None:
    pointed = re.findall(r"`((?:tests|src)/[\w/.]+)`", text_of("security.md"))
    assert pointed
    assert [path for path in pointed if not (ROOT / path).exists()] == []
