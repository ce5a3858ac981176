"""What a run wrote is read in pages of bounded size, forwards or from its end."""

from __future__ import annotations

import pytest

from gnomon.domain.ledger import PIECES_AN_ATTEMPT, OutputPage, Piece
from gnomon.store import Store, run_output
from tests.store.conftest import NOON


def write(store: Store, *texts: str, start: int = 0) -> None:
    store.ledger.write_output([Piece(1, start + seq, NOON, "stdout", text) for seq, text in enumerate(texts)])
    store.ledger.write_output([Piece(2, 0, NOON, "stdout", "of another run")])


def texts(page: OutputPage) -> list[str]:
    return [piece.text for piece in page.pieces]


def test_pages_follow_each_other_over_all_attempts(store: Store) -> None:
    write(store, "a", "b", "c")
    write(store, "d", "e", start=PIECES_AN_ATTEMPT)
    first = store.run_output.page(1, limit=2)
    second = store.run_output.page(1, after=first.after, limit=2)
    third = store.run_output.page(1, after=second.after, limit=2)
    assert [texts(page) for page in (first, second, third)] == [["a", "b"], ["c", "d"], ["e"]]
    assert [page.is_last for page in (first, second, third)] == [False, False, True]
    assert [piece.attempt for piece in second.pieces] == [1, 2]


def test_who_follows_goes_on_from_where_he_was(store: Store) -> None:
    write(store, "a")
    page = store.run_output.page(1, limit=10)
    assert store.run_output.page(1, after=page.after, limit=10) == OutputPage([], page.after, True)
    write(store, "b", start=1)
    assert texts(store.run_output.page(1, after=page.after, limit=10)) == ["b"]
    assert store.run_output.page(99, limit=10) == OutputPage([], -1, True)


def test_the_end_is_read_without_the_rest(store: Store) -> None:
    write(store, *"abcdefgh")
    tail = store.run_output.tail(1, limit=3)
    assert (texts(tail), tail.after, tail.is_last) == (["f", "g", "h"], 7, True)
    assert texts(store.run_output.tail(1, limit=99)) == list("abcdefgh")
    assert store.run_output.tail(99, limit=3) == OutputPage([], -1, True)


def test_from_the_end_it_is_read_back_to_the_beginning(store: Store) -> None:
    write(store, *"abcdefgh")
    assert texts(store.run_output.tail(1, limit=3, before=5)) == ["c", "d", "e"]
    assert texts(store.run_output.tail(1, limit=3, before=2, size=1)) == ["b"]
    assert store.run_output.tail(1, limit=3, before=0) == OutputPage([], -1, True)


def test_a_page_is_bounded_in_characters_and_never_empty(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_output, "LARGEST_OUTPUT_PAGE", 10)
    write(store, "12345", "67890", "x", "a piece that is larger than a page", "y")
    read, after = [], -1
    while True:
        page = store.run_output.page(1, after=after, limit=100)
        read.append(texts(page))
        after = page.after
        if page.is_last:
            break
    assert read == [["12345", "67890"], ["x"], ["a piece that is larger than a page"], ["y"]]
    assert texts(store.run_output.tail(1, limit=100)) == ["y"]


def test_what_a_terminal_understands_is_kept_as_it_was_written(store: Store) -> None:
    write(store, "\x1b[31mred\x1b[0m\r\n")
    assert texts(store.run_output.page(1, limit=1)) == ["\x1b[31mred\x1b[0m\r\n"]
