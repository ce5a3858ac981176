"""The form of a job: only what somebody touched is changed, and hostile forms change nothing else."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson
import pytest

from gnomon.web.asked import Form
from gnomon.web.job_form import draft_in, draft_of, merged, wanted

NOW = datetime(2026, 10, 20, 12, tzinfo=UTC)
SCHEMA: dict[str, Any] = {
    "properties": {
        "tenant": {"type": "string"},
        "pages": {"type": "integer", "minimum": 1},
        "limits": {"type": "object"},
    },
    "required": ["tenant"],
    "additionalProperties": False,
}


def job(**changes: Any) -> dict[str, Any]:
    return {
        "id": "nightly",
        "trigger": "cron",
        "trigger_args": {"hour": "3", "timezone": "Europe/Berlin"},
        "timezone": "Europe/Berlin",
        "enabled": True,
        "misfire_grace_time": 3600,
        "coalesce": True,
        "max_instances": 1,
        "calendar": None,
        "kwargs": None,
        "task": None,
        "overrides": {},
        "token": "old",
    } | changes


def sent(job: dict[str, Any], schema: dict[str, Any] | None = None, **texts: str) -> Form:
    draft = draft_of(job, schema, UTC)
    fields = {**draft.texts, "began": draft.began_text, "token": draft.token, **texts}
    return Form({name: [text] for name, text in fields.items()})


def change(job: dict[str, Any], form: Form, schema: dict[str, Any] | None = None) -> dict[str, Any]:
    draft = draft_in(form, job, schema, UTC)
    found = wanted(draft, job, schema, NOW, UTC)
    assert draft.errors == {}
    return dict(found.fields)


def test_a_form_that_nobody_touched_changes_nothing() -> None:
    assert change(job(), sent(job())) == {}


def test_only_what_was_touched_is_changed() -> None:
    assert change(job(), sent(job(), max_instances=" 3 ")) == {"max_instances": 3}
    assert change(job(), sent(job(), misfire_grace_time="")) == {"misfire_grace_time": None}
    assert change(job(), sent(job(), coalesce="no")) == {"coalesce": False}
    assert change(job(), sent(job(), **{"cron.hour": "4"})) == {
        "trigger": ["cron", {"hour": "4", "timezone": "Europe/Berlin"}]
    }


def test_what_others_changed_meanwhile_is_not_taken_back() -> None:
    form = sent(job(), max_instances="3")
    now = job(misfire_grace_time=60, trigger_args={"hour": "7", "timezone": "Europe/Berlin"}, token="new")
    assert change(now, form) == {"max_instances": 3}
    both = merged(draft_in(form, now, None, UTC), draft_of(now, None, UTC))
    assert (both.texts["max_instances"], both.texts["misfire_grace_time"], both.texts["cron.hour"]) == ("3", "60", "7")
    assert both.token == "new"


def test_a_new_end_is_meant_for_what_is_overridden_already() -> None:
    override = {"expires_at": "2026-10-21T09:00:00+00:00"}
    overridden = job(max_instances=4, overrides={"max_instances": override, "enabled": override})
    form = sent(overridden)
    assert form.one("until") == "2026-10-21 09:00:00"
    assert change(overridden, form) == {}
    assert change(overridden, sent(overridden, until="")) == {"max_instances": 4}
    draft = draft_in(sent(overridden, until="2h"), overridden, None, UTC)
    assert wanted(draft, overridden, None, NOW, UTC).expires_at == datetime(2026, 10, 20, 14, tzinfo=UTC)


@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("max_instances", "many"),
        ("max_instances", "9" * 5000),
        ("misfire_grace_time", "-1"),
        ("coalesce", "perhaps"),
        ("cron.hour", "25:00; drop table"),
        ("until", "yesterday"),
        ("until", "2020-01-01"),
        ("until", "999999w"),
        ("until", "2h"),
        ("trigger", "<script>"),
    ],
)
def test_an_error_stands_at_its_field_and_the_text_is_kept(field: str, text: str) -> None:
    draft = draft_in(sent(job(), **{field: text}), job(), None, UTC)
    wanted(draft, job(), None, NOW, UTC)
    if field != "cron.hour":  # what it makes of it, only building it says
        assert list(draft.errors) == [field]
    assert draft.texts[field] == text


@pytest.mark.parametrize(
    "began",
    ["", "{", "[]", "null", '{"trigger": 1}', '{"trigger": ["cron", {}]}', "[" * 50_000, '"' + "x" * 70_000 + '"'],
)
def test_a_form_that_lies_about_what_it_began_with_is_compared_with_the_job(began: str) -> None:
    assert change(job(), sent(job(), began=began, max_instances="2")) == {"max_instances": 2}


def test_unknown_fields_are_left_out() -> None:
    form = sent(job(), **{"interval.nothing": "1", "func": "os:system", "enabled": "no", "overrides": "{}"})
    assert change(job(), form) == {}


def test_arguments_that_nobody_touched_are_what_they_were_to_the_letter() -> None:
    kwargs = {"tenant": "", "pages": 2, "limits": {"rows": 1.0}}
    stored = job(task="report", kwargs=kwargs)
    assert change(stored, sent(stored, SCHEMA), SCHEMA) == {}
    changed = change(stored, sent(stored, SCHEMA, **{"argument.pages": "5"}), SCHEMA)
    assert changed == {"kwargs": {"tenant": "", "pages": 5, "limits": {"rows": 1.0}}}
    left_out = change(stored, sent(stored, SCHEMA, **{"argument.pages": ""}), SCHEMA)
    assert left_out == {"kwargs": {"tenant": "", "limits": {"rows": 1.0}}}


def test_text_that_looks_like_a_number_is_text_where_the_task_takes_text() -> None:
    stored = job(task="report", kwargs={"tenant": "acme"})
    changed = change(stored, sent(stored, SCHEMA, **{"argument.tenant": "42", "argument.limits": '{"a": 1}'}), SCHEMA)
    assert changed == {"kwargs": {"tenant": "42", "limits": {"a": 1}}}


def test_what_it_began_with_travels_as_json() -> None:
    draft = draft_of(job(), None, UTC)
    assert orjson.loads(draft.began_text) == draft.began
