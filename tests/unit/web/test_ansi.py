"""Output for terminals as markup: colours as classes, everything else gone, and no text lost or made up."""

from __future__ import annotations

from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.web.ansi import COLOURS, PLAIN, Pen, last_line, without_escapes, written
from gnomon.web.words import visible

_PARAMETERS = st.text("0123456789;:?<=>", max_size=12)
ESCAPES = st.one_of(
    st.builds("\x1b[{}{}".format, _PARAMETERS, st.sampled_from("mABCDHJKhlsu@~")),
    st.builds("\x9b{}m".format, _PARAMETERS),
    st.builds("\x1b]{}\x07".format, st.text("0;abc <>&:/", max_size=20)),
    st.builds("\x1b]8;;{}\x1b\\".format, st.text("http:/<script>", max_size=20)),
    st.sampled_from(["\x1b(B", "\x1bM", "\x1b7", "\x1b8", "\x1b=", "\x1b>", "\x1bc", "\x1b[0m", "\x1bPq#0\x1b\\"]),
)
#: Without what begins a sequence, and without carriage returns, which browsers take for ends of lines.
TEXT = st.text(st.characters(exclude_characters="\x1b\x9b\r", exclude_categories=["Cs"]))


class _Reader(HTMLParser):
    """What a browser makes of markup: its text, and its tags."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.text, self.tags = "", set[str]()

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.add(tag)
        assert [name for name, _ in attrs] == ["class"]


def read(markup: str) -> _Reader:
    reader = _Reader()
    reader.feed(str(markup))  # Markup would escape what is added to it
    reader.close()
    return reader


@given(st.lists(st.tuples(TEXT, ESCAPES)), TEXT)
def test_the_text_is_what_was_written_without_escape_sequences(parts: list[tuple[str, str]], end: str) -> None:
    markup, _ = written("".join(text + escape for text, escape in parts) + end)
    found = read(markup)
    assert found.text == visible("".join(text for text, _ in parts) + end)
    assert found.tags <= {"span"}


@given(st.text())
def test_whatever_is_written_is_text(text: str) -> None:
    found = read(written(text).markup)
    assert found.text == visible(without_escapes(text))
    assert found.tags <= {"span"}


@given(st.lists(st.one_of(TEXT, ESCAPES), max_size=8), st.integers(0, 8))
def test_what_comes_in_parts_looks_as_if_it_came_at_once(parts: list[str], cut: int) -> None:
    whole = written("".join(parts))
    first = written("".join(parts[:cut]))
    rest = written("".join(parts[cut:]), first.pen)
    assert read(first.markup + rest.markup).text == read(whole.markup).text
    assert rest.pen == whole.pen


@pytest.mark.parametrize(
    ("codes", "pen"),
    [
        ("31", Pen("red")),
        ("1;32", Pen("green", True)),
        ("92", Pen("bright-green")),
        ("38;5;1", Pen("red")),
        ("38;5;12", Pen("bright-blue")),
        ("38;5;200", PLAIN),
        ("38;2;31;32;33", PLAIN),
        ("48;5;31;33", Pen("yellow")),
        ("31;39", PLAIN),
        ("1;22", PLAIN),
        ("31;0", PLAIN),
        ("31;", PLAIN),
        ("", PLAIN),
        ("4;7;31", Pen("red")),
        ("38", PLAIN),
        ("38:5:1", PLAIN),
        ("?31", PLAIN),
        ("31" * 5000, PLAIN),
    ],
)
def test_sgr(codes: str, pen: Pen) -> None:
    assert written(f"\x1b[{codes}m").pen == pen


def test_each_stretch_has_its_class() -> None:
    markup, pen = written("a\x1b[1;31mb\x1b[0mc")
    assert markup == 'a<span class="ansi-red ansi-bold">b</span>c'
    assert pen == PLAIN


def test_every_colour_has_a_class_of_the_style_sheet() -> None:
    from importlib.resources import files

    style = (files("gnomon.web") / "static" / "gnomon.css").read_text()
    assert [colour for colour in COLOURS if f".ansi-{colour}" not in style] == []


def test_a_sequence_that_nobody_ends_swallows_nothing() -> None:
    assert read(written("\x1b]0;title\nthe next line").markup).text == "\\x1b]0;title\nthe next line"
    assert read(written("50 % \x1b[").markup).text == "50 % \\x1b["


@pytest.mark.parametrize("unit", ["\x1b[", "\x1b]", "\x1b[1;", "\x9b", "\x1bP", "\x1b[31m", "\x1b ", "1;"])
@pytest.mark.timeout(5)
def test_no_output_takes_long(unit: str) -> None:
    written("\x1b[" + unit * 100_000)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        ("Traceback …\n  File x\nValueError: no luck\n\n", "ValueError: no luck"),
        ("one line", "one line"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("  | ValueError: inner\n  +------------------------------------", "| ValueError: inner"),
        ("", ""),
    ],
)
def test_the_last_line_of_an_error_says_what_happened(error: str, line: str) -> None:
    assert last_line(error) == line
