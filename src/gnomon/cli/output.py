"""What people and programs see: tables and sentences on a terminal, whole lines elsewhere, JSON on request.

Everything that comes from a store is shown as plain text: control characters are made visible, so that the name of a
job or the output of a command cannot drive the terminal, and square brackets are no markup.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from typing import Any, TextIO

import orjson
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from gnomon.cli.exits import BadUsage, Declined

#: Elsewhere than on a terminal nothing is wrapped or cut: one line stays one line, for grep and for logs.
_UNLIMITED = 100_000
#: Terminals narrower than this get tables whose cells have two lines.
_WIDE = 110

_CONTROLS = [code for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t"]
#: They turn the order of what follows around, so that it reads as something else.
_DIRECTIONS = [*range(0x202A, 0x202F), *range(0x2066, 0x206A)]
_VISIBLE = {code: f"\\x{code:02x}" for code in _CONTROLS} | {code: f"\\u{code:04x}" for code in _DIRECTIONS}

#: Symbol and colour of a job's state; the word always stands beside it.
JOB_STATES = {
    "active": ("●", "green"),
    "paused": ("○", "yellow"),
    "finished": ("■", "dim"),
    "orphaned": ("?", "magenta"),
    "quarantined": ("✗", "red"),
}
#: The same of a run's.
RUN_STATES = {
    "queued": ("○", "cyan"),
    "running": ("►", "cyan"),
    "succeeded": ("✓", "green"),
    "failed": ("✗", "red"),
    "timed_out": ("✗", "red"),
    "cancelled": ("–", "yellow"),
    "lost": ("?", "red"),
    "missed": ("!", "yellow"),
    "skipped": ("!", "yellow"),
    "coalesced": ("·", "dim"),
}


def screen(*, stderr: bool = False, on: TextIO | None = None) -> Console:
    """Where people read: standard output as it is at this moment, standard error, or another stream."""
    stream = on or (sys.stderr if stderr else sys.stdout)
    width = None if stream.isatty() else _UNLIMITED
    return Console(file=stream, highlight=False, markup=False, emoji=False, width=width)


def is_wide(console: Console) -> bool:
    """Whether a row of a table fits in one line."""
    return console.width >= _WIDE


def print_json(content: Any) -> None:
    """For programs: this and nothing else on standard output."""
    sys.stdout.write(orjson.dumps(content, option=orjson.OPT_INDENT_2).decode() + "\n")


def printable(text: str) -> str:
    """The text with control characters made visible, but line ends and tabs."""
    return text.translate(_VISIBLE)


def in_one_line(text: str) -> str:
    """The same, with line ends made visible too."""
    return printable(text).replace("\n", "\\n").replace("\t", " ")


def state_of_job(state: str) -> Text:
    """Symbol and word."""
    symbol, style = JOB_STATES.get(state, ("?", ""))
    return Text(f"{symbol} {state}", style)


def state_of_run(state: str) -> Text:
    """Symbol and word."""
    symbol, style = RUN_STATES.get(state, ("?", ""))
    return Text(f"{symbol} {state.replace('_', ' ')}", style)


def listing(*headings: str) -> Table:
    """An empty table in the house's style."""
    table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold", show_edge=False)
    for heading in headings:
        table.add_column(heading, overflow="fold")
    return table


def facts() -> Table:
    """An empty table of names and values."""
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    return table


def stacked(parts: Iterable[Text | str], *, wide: bool) -> Text:
    """One cell of several parts: beside each other where there is room, and otherwise below each other."""
    given = [part if isinstance(part, Text) else Text(part) for part in parts if len(part)]
    return Text("  " if wide else "\n").join(given)


def confirm(question: str, *, yes: bool, show: Callable[[Console], None], as_json: bool) -> None:
    """Show what would be done, and ask; with ``yes``, neither where a program reads.

    Raises ``Declined`` on a no, and ``BadUsage`` where nobody is there to ask.
    """
    console = screen(stderr=as_json)
    if not (as_json and yes):
        show(console)
    if yes:
        return
    if not (sys.stdin.isatty() and console.is_terminal):
        raise BadUsage("nothing was changed: there is no terminal to ask at; say --yes to do it without asking")
    try:
        answer = console.input(Text(f"{question} [y/N] ", "bold"))
    except EOFError:
        answer = ""
    if answer.strip().lower() not in {"y", "yes"}:
        raise Declined("nothing was changed")
