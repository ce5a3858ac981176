"""A trigger as texts in a form, and back: what nobody touched is what it was."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from gnomon.domain.triggers import KINDS, build, describe
from gnomon.errors import InvalidTrigger
from gnomon.web.asked import Form
from gnomon.web.trigger_form import choices, is_untouched, place_of, texts_in, texts_of, trigger_in

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
STORED: list[tuple[str, dict[str, Any]]] = [
    ("crontab", {"expression": "0 3 * * 1-5", "timezone": "Europe/Berlin"}),
    ("cron", {"hour": "3", "minute": "0-0/5", "day": "last", "timezone": "UTC", "jitter": 30}),
    ("interval", {"hours": 1, "minutes": 30, "start_date": "2026-10-20T12:00:00+02:00", "timezone": "Europe/Berlin"}),
    ("interval", {"seconds": 0.5, "start_date": "2026-10-20T12:00:00.123456+00:00", "timezone": "UTC"}),
    ("interval", {"hours": 1, "start_date": "2026-10-25T02:30:00+01:00", "timezone": "Europe/Berlin"}),
    ("date", {"run_date": "2026-12-01T09:00:00+01:00", "timezone": "Europe/Berlin"}),
    (
        "calendarinterval",
        {"months": 1, "hour": 4, "minute": 0, "second": 0, "start_date": "2026-10-31", "timezone": "UTC"},
    ),
]


@pytest.mark.parametrize(("kind", "args"), STORED)
def test_the_way_there_and_back_leads_to_the_same_trigger(kind: str, args: dict[str, Any]) -> None:
    stored = describe(build(kind, args, timezone="UTC", now=NOW))
    texts = texts_of(stored.kind, stored.args)
    assert is_untouched(texts, texts)
    again = describe(build(*trigger_in(texts), timezone="UTC", now=NOW))
    assert again == stored


def test_what_is_written_for_other_kinds_says_nothing() -> None:
    began = texts_of(*STORED[0])
    assert is_untouched({**began, "cron.hour": "7"}, began)
    assert not is_untouched({**began, "trigger": "cron"}, began)
    assert not is_untouched({**began, "jitter": "5"}, began)


def test_a_trigger_that_only_code_can_make_stays_until_a_kind_is_chosen() -> None:
    began = texts_of("and", {"triggers": []})
    assert is_untouched(texts_in(Form({"cron.hour": ["3"]})) | {"trigger": ""}, began)
    with pytest.raises(InvalidTrigger) as caught:
        trigger_in({"trigger": "and"})
    assert place_of(caught.value, "and") == "trigger"


@pytest.mark.parametrize(
    ("texts", "place"),
    [
        ({"trigger": "cron", "cron.hour": "25"}, "cron.hour"),
        ({"trigger": "cron"}, "trigger"),
        ({"trigger": "crontab"}, "crontab.expression"),
        ({"trigger": "crontab", "crontab.expression": "0 3 * *"}, "crontab.expression"),
        ({"trigger": "interval", "interval.minutes": "many"}, "interval.minutes"),
        ({"trigger": "interval", "interval.minutes": "5", "jitter": "-1"}, "jitter"),
        ({"trigger": "date", "date.run_date": "tomorrow"}, "date.run_date"),
        ({"trigger": "date", "date.run_date": "2026-12-01T09:00", "timezone": "Nowhere"}, "timezone"),
    ],
)
def test_an_error_stands_at_its_field(texts: dict[str, str], place: str) -> None:
    with pytest.raises(InvalidTrigger) as caught:
        build(*trigger_in(texts), timezone="UTC", now=NOW)
    assert place_of(caught.value, texts["trigger"]) == place


def test_every_kind_and_argument_can_be_written() -> None:
    found = {choice.kind: {each.name for each in choice.inputs} for choice in choices({}, {})}
    for kind in KINDS.values():
        own = {f"{kind.name}.{field.name}" for field in kind.fields if field.name not in {"timezone", "jitter"}}
        assert found[kind.name] == own


def test_a_time_is_written_with_the_pickers_of_the_browser_where_that_is_clear() -> None:
    def kind_of(text: str) -> str:
        texts = {"trigger": "date", "date.run_date": text}
        return next(choice for choice in choices(texts, {}) if choice.kind == "date").inputs[0].kind

    assert kind_of("") == kind_of("2026-12-01T09:00:00") == "datetime-local"
    assert kind_of("2026-12-01T09:00:00+01:00") == kind_of("tomorrow") == kind_of("<script>") == "text"
