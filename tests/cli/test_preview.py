"""``gnomon preview``."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise
from pathlib import Path

import pytest

from tests.cli.conftest import Gnomon


def test_preview_shows_words_and_fire_times_without_a_store(gnomon: Gnomon, tmp_path: Path) -> None:
    result = gnomon("preview", "crontab", "0 4 * * 1-5", "--count", "3", "--timezone", "Europe/Berlin")
    assert result.code == 0
    words, *rest = result.out.splitlines()
    assert words == "at 04:00 on weekdays, Europe/Berlin"
    times, ahead = rest[: rest.index("")], rest[rest.index("") + 1 :]
    assert [line.split("  ")[0] for line in ahead] == ["in 30 days", "clocks change", "clocks change"]
    assert len(times) == 3
    assert all(" 04:00:00 CE" in line and line.startswith("in ") for line in times)
    assert list(tmp_path.iterdir()) == []


def test_preview_as_json_can_be_sent_back(gnomon: Gnomon) -> None:
    first = gnomon("preview", "interval", "minutes=90", "--count", "4", "--json").json
    times = [datetime.fromisoformat(time) for time in first["fire_times"]]
    assert {later - sooner for sooner, later in pairwise(times)} == {timedelta(minutes=90)}
    words = [f"{name}={value}" for name, value in first["trigger_args"].items()]
    again = gnomon("preview", first["trigger"], *words, "--count", "4", "--json").json
    assert again["trigger_args"] == first["trigger_args"]


def test_a_change_of_the_clocks_is_told_between_the_lines(gnomon: Gnomon) -> None:
    # A year of days holds both changes, whenever it begins.
    out = gnomon("preview", "cron", "hour=12", "--count", "367", "--timezone", "America/New_York").out
    assert "clocks go forward 1 h, EST → EDT" in out
    assert "clocks go back 1 h, EDT → EST" in out
    assert "clocks go" not in gnomon("preview", "cron", "hour=12", "--count", "367", "--timezone", "Asia/Tokyo").out


def test_a_trigger_that_ends_says_so(gnomon: Gnomon) -> None:
    soon = (datetime.now() + timedelta(days=1)).replace(microsecond=0).isoformat()
    out = gnomon("preview", "date", soon).out
    assert "It does not fire after that." in out


@pytest.mark.parametrize(
    "words", [["crontab", "0 0 30 2 *"], ["weekly"], ["cron", "hour=25"], ["cron", "hour=3", "--count", "0"], []]
)
def test_what_never_fires_or_makes_no_sense_is_bad_input(gnomon: Gnomon, words: list[str]) -> None:
    result = gnomon("preview", *words)
    assert (result.code, result.out) == (2, "")
    assert result.err.startswith("gnomon: ")


def test_a_bad_time_zone_is_named(gnomon: Gnomon) -> None:
    result = gnomon("preview", "cron", "hour=3", "--timezone", "../../etc/passwd")
    assert result.code == 2
    assert result.err.startswith("gnomon: timezone: ")
