"""What was sent arrives: any JSON arguments that fit a task's signature reach its function, and are equal there."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from gnomon import RunState
from gnomon.testing import ManualEngine
from tests import tasks

numbers = st.integers(-(2**63), 2**63 - 1)
floats = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(max_size=20)
values = st.recursive(
    st.none() | st.booleans() | numbers | floats | texts,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(texts, inner, max_size=4),
    max_leaves=10,
)
#: What ``tests.tasks.report`` says of its arguments.
reports = st.fixed_dictionaries(
    {"tenant": texts},
    optional={
        "limits": st.none() | st.dictionaries(texts, numbers, max_size=4),
        "mode": st.sampled_from(["full", "delta"]),
        "ratio": st.none() | floats | numbers,
        "pages": st.integers(1, 100),
        "tags": st.none() | st.lists(texts, max_size=4),
    },
)
DEFAULTS: dict[str, Any] = {"limits": None, "mode": "full", "ratio": None, "pages": 1, "tags": None}

# The engine is the same for all examples: each adds jobs of its own.
in_one_engine = settings(suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])


@pytest.fixture(params=["threads", "processes"])
def node(request: pytest.FixtureRequest, another_engine: Callable[..., ManualEngine]) -> ManualEngine:
    """A node whose tasks run so."""
    engine = another_engine()
    engine.scheduler.task(executor=request.param)(tasks.keep)
    engine.scheduler.task(executor=request.param)(tasks.report)
    return engine


def arrived(node: ManualEngine, folder: Path, task: str, kwargs: dict[str, Any]) -> Any:
    """What a job for a task is given when it fires."""
    scheduler = node.scheduler
    due = node.clock() + timedelta(minutes=1)
    number = len(list(folder.glob("*.json")))
    scheduler.add_job(f"job {number}", task, "date", run_date=due, kwargs={"folder": str(folder), **kwargs})
    (run,) = node.run_until(due)
    assert (run.state, run.error) == (RunState.SUCCEEDED, None)
    return json.loads((folder / f"{run.id}.json").read_text(encoding="utf-8"))


def text_of(value: Any) -> str:
    """For comparing: 1, 1.0 and true are equal to Python."""
    return json.dumps(value, sort_keys=True)


@settings(in_one_engine, max_examples=40)
@given(given_value=values, more=st.dictionaries(st.text(min_size=1, max_size=9), values, max_size=3))
@example(given_value={"__class__": "os.system", "__reduce__": [["os.system", ["id"]]]}, more={"__class__": "x"})
@example(given_value="\0\x1b[2J\u202e\r\n'; DROP TABLE apscheduler_jobs; --", more={"a\0b": "%(b)s :c %s"})
@example(given_value=[-0.0, 5e-324, 1.7976931348623157e308, 2**63 - 1, -(2**63), 1, 1.0, True], more={})
@example(given_value="x" * 60_000, more={})
def test_any_json_arrives_as_it_was_sent(
    node: ManualEngine, tmp_path: Path, given_value: Any, more: dict[str, Any]
) -> None:
    more = {name: value for name, value in more.items() if name not in {"folder", "given"}}
    assert text_of(arrived(node, tmp_path, "keep", {"given": given_value, **more})) == text_of([given_value, more])


@settings(in_one_engine, max_examples=40)
@given(kwargs=reports)
def test_what_fits_a_signature_arrives_as_it_was_sent(
    node: ManualEngine, tmp_path: Path, kwargs: dict[str, Any]
) -> None:
    assert text_of(arrived(node, tmp_path, "report", kwargs)) == text_of({**DEFAULTS, **kwargs})
