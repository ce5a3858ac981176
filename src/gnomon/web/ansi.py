"""What programs write for terminals as text in colours: SGR's sixteen, and bold. Every other escape sequence goes.

After ECMA-48 (control functions) and ECMA-35 (escape sequences), with the strings that terminals end by BEL.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import NamedTuple

from markupsafe import Markup, escape

from gnomon.web.words import visible

_NAMES = ("black", "red", "green", "yellow", "blue", "magenta", "cyan", "white")
#: Names of colours as SGR numbers them; each is a class of the style sheet, ``ansi-red``.
COLOURS = (*_NAMES, *(f"bright-{name}" for name in _NAMES))

# Strings end at a line's end too: one that nobody ends must not swallow what follows it.
_ESCAPE = re.compile(
    r"(?:\x1b\[|\x9b)(?P<codes>[0-?]*)(?P<between>[ -/]*)(?P<final>[@-~])"
    r"|\x1b\][^\x07\x1b\n]*(?:\x07|\x1b\\)"
    r"|\x1b[PX^_][^\x1b\n]*\x1b\\"
    r"|\x1b[ -/]+[0-~]"
    r"|\x1b[0-OQ-WYZ\\`-~]"
)
_BOLD, _NOT_BOLD, _FOREGROUND, _NO_FOREGROUND = 1, 22, 38, 39
#: They are followed by numbers of their own: ``5;n`` or ``2;r;g;b``.
_WITH_ARGUMENTS = {_FOREGROUND, 48, 58}


@dataclass(frozen=True, slots=True)
class Pen:
    """How what follows is written. ``colour`` is one of ``COLOURS``."""

    colour: str | None = None
    is_bold: bool = False

    @property
    def css(self) -> str:
        """Classes of the style sheet; none for plain text."""
        parts = [f"ansi-{self.colour}"] if self.colour else []
        return " ".join([*parts, "ansi-bold"] if self.is_bold else parts)


PLAIN = Pen()


class Written(NamedTuple):
    """Text as markup, and the pen with which the writer goes on."""

    markup: Markup
    pen: Pen


def written(text: str, pen: Pen = PLAIN) -> Written:
    """Text with escape sequences as spans. Everything in it is text; control characters are made visible."""
    parts: list[Markup] = []
    for plain, next_pen in _pieces(text, pen):
        if plain:
            shown = escape(visible(plain))
            parts.append(Markup('<span class="{}">{}</span>').format(pen.css, shown) if pen.css else shown)
        pen = next_pen
    return Written(Markup("").join(parts), pen)


def without_escapes(text: str) -> str:
    """Text as a terminal would show it, without colours."""
    return _ESCAPE.sub("", text)


def last_line(error: str) -> str:
    """Of an error, the line that says what happened, without colours."""
    lines = [line.strip() for line in without_escapes(error).splitlines()]
    return next((line for line in reversed(lines) if any(map(str.isalnum, line))), error.strip())


def _pieces(text: str, pen: Pen) -> Iterator[tuple[str, Pen]]:
    """Each stretch of text, with the pen that comes after it."""
    place = 0
    for found in _ESCAPE.finditer(text):
        if found["final"] == "m" and not found["between"]:
            changed = _changed(pen, found["codes"])
            if changed != pen:
                yield text[place : found.start()], changed
                pen, place = changed, found.end()
                continue
        yield text[place : found.start()], pen
        place = found.end()
    yield text[place:], pen


def _changed(pen: Pen, codes: str) -> Pen:
    given = codes.split(";")
    if not all(code == "" or (code.isascii() and code.isdigit()) for code in given):
        return pen  # private, or with parts by colons: nothing that is shown here
    numbers = iter([int(code[:4] or 0) for code in given])
    for number in numbers:
        if number == 0:
            pen = PLAIN
        elif number in {_BOLD, _NOT_BOLD}:
            pen = replace(pen, is_bold=number == _BOLD)
        elif 30 <= number <= 37:
            pen = replace(pen, colour=COLOURS[number - 30])
        elif 90 <= number <= 97:
            pen = replace(pen, colour=COLOURS[number - 90 + 8])
        elif number == _NO_FOREGROUND:
            pen = replace(pen, colour=None)
        elif number in _WITH_ARGUMENTS:
            colour = _of_many(numbers)
            if number == _FOREGROUND and colour is not None:
                pen = replace(pen, colour=COLOURS[colour] if colour < len(COLOURS) else None)
    return pen


def _of_many(numbers: Iterator[int]) -> int | None:
    """The number in a palette of 256; anything else is read over."""
    kind = next(numbers, 0)
    if kind == 5:
        return next(numbers, None)
    if kind == 2:
        for _ in range(3):
            next(numbers, None)
        return len(COLOURS)  # some colour that is none of ours
    return None
