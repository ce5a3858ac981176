"""What errors say is fit to be logged."""

from __future__ import annotations

import pytest

from gnomon.errors import escaped, shown

HOSTILE = ["a\r\nb", "\x1b[31mred", "\x9b2J", "a\0b", "\u202eabc", "a\u2028b"]


@pytest.mark.parametrize("text", HOSTILE)
def test_what_somebody_sent_is_shown_without_driving_anything(text: str) -> None:
    assert shown(text).isprintable()


@pytest.mark.parametrize("text", HOSTILE)
def test_the_words_of_others_are_too(text: str) -> None:
    assert escaped(ValueError(text)).isprintable()


def test_words_stay_readable() -> None:
    assert (
        escaped("  Verbindung geschlossen: größer „als“ 日本 \\n ") == "Verbindung geschlossen: größer „als“ 日本 \\n"
    )
    assert escaped("a\nb") == "a\\nb"
