"""What the code may declare of a job."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.declaration import Declaration, Retries, check_job_id, check_policies
from gnomon.domain.triggers import build
from gnomon.errors import InvalidInput
from tests.jobs import nothing

TRIGGER = build("cron", {"hour": 3}, timezone="Europe/Berlin")


def declared(**changes: object) -> Declaration:
    fields: dict[str, object] = {"job_id": "job", "func": nothing, "trigger": TRIGGER, "name": "Job"}
    return Declaration(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize("job_id", ["a", "a job", "jöb:1.2-3_4", "x" * 191, "%2f", "日本"])
def test_an_id_may_be_any_short_printable_text(job_id: str) -> None:
    assert declared(job_id=job_id).job_id == job_id


@pytest.mark.parametrize(
    "job_id",
    ["", " ", " a", "a ", "a/b", ".", "..", "a\n", "a\0b", "\x1b[31m", "x" * 192, "\u202e", None, 7, b"a", True],
)
def test_an_id_that_fits_no_path_and_no_log_is_refused(job_id: object) -> None:
    with pytest.raises(InvalidInput, match=r"^id: .* 1 to 191 printable characters"):
        check_job_id(job_id)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        *[("misfire_grace_time", value) for value in (0, -1, 1.5, True, "60", 10**12, float("nan"))],
        *[("coalesce", value) for value in (0, 1, None, "yes")],
        *[("max_instances", value) for value in (0, -1, 1001, 1.0, True, None, "1")],
        *[("enabled", value) for value in (0, None, "no")],
    ],
)
def test_a_policy_that_makes_no_sense_is_refused_by_its_name(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f"^{field}: ") as raised:
        check_policies(**{field: value})
    assert raised.value.field == field
    assert raised.value.value is value
    assert raised.value.allowed.startswith("give ")


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("timeout", 0),
        ("timeout", -1.0),
        ("timeout", 31 * 86400),
        ("retries", Retries(count=-1)),
        ("retries", Retries(count=1001)),
        ("retry_delay", Retries(delay=-1)),
        ("retry_delay", Retries(delay=86401)),
        ("retry_backoff", Retries(backoff=0.5)),
        ("retry_backoff", Retries(backoff=101)),
    ],
)
def test_retries_and_timeouts_have_limits(field: str, value: object) -> None:
    with pytest.raises(InvalidInput, match=f"^{field}: "):
        declared(**{"retries" if isinstance(value, Retries) else field: value})


@given(
    st.builds(Retries, count=st.integers(0, 1000), delay=st.floats(0, 86400), backoff=st.floats(1, 100)),
    st.integers(1, 2000),
)
def test_retries_wait_longer_each_time_and_at_most_an_hour(retries: Retries, attempt: int) -> None:
    wait = retries.wait_after(attempt)
    assert (wait is None) is (attempt > retries.count)
    if wait is not None:
        assert 0 <= wait <= 3600
        following = retries.wait_after(attempt + 1)
        assert following is None or following >= wait
        if attempt == 1:
            assert wait == min(retries.delay, 3600)


def test_what_is_stored_of_a_declaration_is_json_and_the_same_at_each_start() -> None:
    base = declared(description="Does it.", timeout=5.0, retries=Retries(count=2)).base()
    assert json.loads(json.dumps(base)) == base
    assert base["trigger"] == "cron"
    assert base["trigger_args"] == {"hour": "3", "timezone": "Europe/Berlin"}
    again = declared(
        description="Does it.",
        timeout=5.0,
        retries=Retries(count=2),
        trigger=build("cron", {"hour": 3}, timezone="Europe/Berlin"),
    )
    assert again.base() == base


def test_a_start_that_was_only_now_is_no_part_of_a_declaration() -> None:
    bases = [
        declared(trigger=build("interval", {"hours": 1}, timezone="UTC"), fixed_start=False).base() for _ in range(2)
    ]
    assert bases[0] == bases[1]
    assert "start_date" not in bases[0]["trigger_args"]
    fixed = declared(trigger=build("interval", {"hours": 1, "start_date": "2026-01-01"}, timezone="UTC")).base()
    assert "start_date" in fixed["trigger_args"]
