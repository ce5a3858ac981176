"""Lines of the log: nothing that is quoted in one can look like another, or drive a terminal."""

from __future__ import annotations

import logging

import pytest

from gnomon.cli.log_lines import PlainLines


def line(message: str, *arguments: object, error: BaseException | None = None) -> str:
    """What a record becomes."""
    exc_info = None if error is None else (type(error), error, error.__traceback__)
    return PlainLines().format(logging.LogRecord("gnomon", logging.INFO, "", 0, message, arguments, exc_info))


def test_a_record_has_a_time_with_its_zone_a_level_and_a_name() -> None:
    assert line("job %r", "a").endswith("INFO    gnomon: job 'a'")
    assert line("x")[19] in "+-"


@pytest.mark.parametrize("hostile", ["a\r\n2026-01-01 INFO gnomon: forged", "\x1b]0;owned\x07", "\x9b31m", "\u202eabc"])
def test_what_is_quoted_stays_in_its_line_and_is_visible(hostile: str) -> None:
    written = line("the database said: %s", hostile)
    assert written.isprintable()


def test_a_traceback_follows_its_record_moved_in(monkeypatch: pytest.MonkeyPatch) -> None:
    try:
        raise ValueError("on\x1b[2Jno\n2026-01-01T00:00:00 ERROR gnomon: account")
    except ValueError as error:
        first, *rest = line("failed", error=error).splitlines()
    assert first.endswith("gnomon: failed")
    assert all(each.startswith("    ") and each.isprintable() for each in rest)
