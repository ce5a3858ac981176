from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger

from gnomon.domain.triggers import describe, due_times, next_fire, upcoming
from gnomon.errors import InvalidTrigger

NOW = datetime(2026, 7, 1, 12, tzinfo=UTC)


class EveryHour(BaseTrigger):
    timezone = UTC

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> datetime | None:
        return now.replace(minute=0, second=0, microsecond=0) + timedelta(hours=1)

    def __str__(self) -> str:
        return "every hour" + "!" * 1000


class Answers(BaseTrigger):
    def __init__(self, answer: object) -> None:
        self.answer = answer

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def __str__(self) -> str:
        raise RuntimeError("no text either")


def test_an_applications_own_trigger_fires() -> None:
    assert upcoming(EveryHour(), now=NOW, count=2) == [NOW + timedelta(hours=1), NOW + timedelta(hours=2)]
    due = due_times(EveryHour(), first=NOW - timedelta(days=365), now=NOW, limit=10)
    assert (due.latest, due.following) == (NOW, NOW + timedelta(hours=1))


@pytest.mark.parametrize(
    "answer",
    [RuntimeError("broken"), "tomorrow", datetime(2026, 7, 2), NOW - timedelta(days=1), NOW],
    ids=["raises", "text", "naive", "past", "now"],
)
def test_what_it_does_wrong_is_told_by_our_own_error(answer: object) -> None:
    with pytest.raises(InvalidTrigger) as refused:
        next_fire(Answers(answer), previous=None, now=NOW)
    assert refused.value.field == "trigger"


def test_it_is_described_by_class_and_bounded_text() -> None:
    described = describe(EveryHour())
    assert described.kind == "custom"
    assert described.args["class"].endswith(":EveryHour")
    assert described.args["repr"].startswith("every hour!!!")
    assert len(described.args["repr"]) < 300
    assert describe(Answers(None)).args["repr"] == "a Answers that cannot be shown"


def test_a_subclass_of_a_known_trigger_is_asked_and_not_overruled() -> None:
    class Never(CronTrigger):
        def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> None:
            return None

    trigger = Never(hour=3, timezone="UTC")
    assert describe(trigger).kind == "custom"
    assert next_fire(trigger, previous=None, now=NOW) is None
