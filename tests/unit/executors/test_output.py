"""What one attempt writes, bounded."""

from __future__ import annotations

from gnomon.executors.output import Output
from tests.unit.executors.recording import eventually


def kept(*writes: tuple[str, str], limit: int = 1000) -> list[tuple[str, str]]:
    told: list[tuple[str, str]] = []
    output = Output(lambda stream, text: told.append((stream, text)), limit, at_once=True)
    for stream, text in writes:
        output.write(stream, text)
    output.close()
    return told


def test_a_line_written_in_pieces_is_told_once() -> None:
    assert kept(("stdout", "one"), ("stdout", " line"), ("stdout", "\n")) == [("stdout", "one line\n")]


def test_an_unfinished_line_is_told_at_the_end() -> None:
    assert kept(("stdout", "a\nb")) == [("stdout", "a\n"), ("stdout", "b")]


def test_streams_do_not_mix_within_a_line() -> None:
    assert kept(("stdout", "a"), ("stderr", "b\n"), ("stdout", "c\n")) == [("stderr", "b\n"), ("stdout", "ac\n")]


def test_a_line_without_end_is_told_in_parts() -> None:
    told = kept(*[("stdout", "x" * 1000)] * 100, limit=1_000_000)
    assert "".join(text for _, text in told) == "x" * 100_000
    assert 2 < len(told) < 20


def test_the_head_is_kept_and_the_rest_is_counted() -> None:
    told = kept(("stdout", "12345\n"), ("stderr", "678901\n"), ("stdout", "x\n" * 1000), limit=10)
    assert told == [
        ("stdout", "12345\n"),
        ("stderr", "6789"),
        ("log", "\n… 2,003 bytes more were not kept\n"),
    ]


def test_a_cut_never_splits_a_character() -> None:
    told = kept(("stdout", "äöü\n"), limit=5)
    assert told == [("stdout", "äö"), ("log", "\n… 3 bytes more were not kept\n")]


def test_what_fits_exactly_is_not_marked_as_cut() -> None:
    assert kept(("stdout", "12345\n"), limit=6) == [("stdout", "12345\n")]


def test_what_no_database_holds_is_replaced_and_other_control_characters_stay() -> None:
    assert kept(("stdout", "a\0b\x1b[31m\udcff\r\n")) == [("stdout", "a␀b\x1b[31m\\udcff\r\n")]


def test_lines_that_come_fast_are_told_together_and_in_order() -> None:
    told: list[tuple[str, str]] = []
    output = Output(lambda stream, text: told.append((stream, text)))
    for number in range(1000):
        output.write("stdout", f"{number}\n")
        output.write("stderr", f"{number}\n" * (number == 998))
    output.close()
    assert 2 < len(told) < 100
    assert [int(line) for _, text in told for line in text.splitlines()] == [*range(999), 998, 999]


def test_what_was_held_back_is_told_soon() -> None:
    told: list[str] = []
    output = Output(lambda _, text: told.append(text))
    output.write("stdout", "one\n")
    output.write("stdout", "two\n")
    assert eventually(lambda: told == ["one\n", "two\n"])


def test_nothing_is_kept_after_the_end() -> None:
    told: list[tuple[str, str]] = []
    output = Output(lambda stream, text: told.append((stream, text)))
    output.close()
    output.write("stdout", "late\n")
    output.flush()
    output.close()
    assert told == []


def test_a_receiver_that_writes_is_not_told_of_it() -> None:
    told: list[str] = []

    def tell(stream: str, text: str) -> None:
        told.append(text)
        output.write("log", "the receiver logs\n")

    output = Output(tell, at_once=True)
    output.write("stdout", "one\n")
    output.write("stdout", "two\n")
    assert told == ["one\n", "two\n"]
