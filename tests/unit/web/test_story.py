"""A line of the log of changes in words."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gnomon.domain.change import Author, Change, Origin
from gnomon.web.story import ORIGINS, days, told


def change(action: str, before: dict[str, Any], after: dict[str, Any], **more: Any) -> Change:
    at = more.pop("at", datetime(2026, 11, 24, 23, 30, tzinfo=UTC))
    return Change(
        key="k",
        job_id="job",
        at=at,
        author=Author("mia", Origin.CLI),
        action=action,
        before=before,
        after=after,
        **more,
    )


def test_a_schedule_is_told_in_words_before_and_after() -> None:
    entry = told(
        change(
            "reschedule",
            {"trigger": "cron", "trigger_args": {"hour": "3"}, "expires_at": None},
            {"trigger": "interval", "trigger_args": {"minutes": 5}, "expires_at": "2026-12-01T00:00:00+00:00"},
        )
    )
    schedule, ends = entry.differences
    assert (schedule.label, schedule.after) == ("schedule", "every 5 minutes")
    assert "03:00" in (schedule.before or "")
    assert (ends.label, ends.before, ends.is_moment) == ("ends", "never", True)
    assert entry.undoing == "at once"


def test_pausing_says_all_by_its_verb() -> None:
    entry = told(change("pause", {"enabled": True}, {"enabled": False}))
    assert (entry.verb, entry.differences) == ("paused", ())


@pytest.mark.parametrize("value", [{"a": [1]}, ["x"], 3.5, "text", "🕰️", None, True])
def test_values_of_another_version_are_told_as_they_stand(value: Any) -> None:
    (difference,) = told(change("change", {"unknown": "before"}, {"unknown": value})).differences
    assert difference.after


def test_triggers_that_nobody_knows_are_told_and_not_undone() -> None:
    entry = told(change("reschedule", {"trigger": "moon", "trigger_args": {}}, {"trigger": "cron", "trigger_args": {}}))
    assert entry.undoing is None
    assert entry.differences


@pytest.mark.parametrize(
    ("action", "more", "undoing"),
    [("add", {}, "removes"), ("import", {}, "removes"), ("remove", {}, "at once"), ("run", {"run_id": 3}, None)],
)
def test_what_can_be_undone(action: str, more: dict[str, Any], undoing: str | None) -> None:
    assert told(change(action, {}, {"max_instances": 1}, **more)).undoing == undoing


def test_days_are_those_of_the_reader() -> None:
    from gnomon.domain.triggers import zone

    found = days(
        [change("pause", {}, {}), change("pause", {}, {}, at=datetime(2026, 11, 24, 12, tzinfo=UTC))],
        zone("Europe/Berlin"),
    )
    assert [str(day.day) for day in found] == ["2026-11-25", "2026-11-24"]


def test_every_origin_has_words() -> None:
    assert set(ORIGINS) == {origin.value for origin in Origin}
