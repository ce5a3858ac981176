"""Whatever happens to a job, in whatever order: its stored schedule is what the table of the guarantees says."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, event, given, settings
from hypothesis import strategies as st

from gnomon import DEFAULT, Scheduler
from gnomon.engine.row_codec import body
from gnomon.operations.outside import OutsideWatch
from gnomon.testing import ManualClock
from tests.conformance.conftest import NOON
from tests.conformance.rows import overwrite
from tests.jobs import nothing

HOURS, COUNTS = st.integers(1, 3), st.integers(1, 3)
VALUES: dict[str, st.SearchStrategy[Any]] = {
    "trigger": HOURS,
    "enabled": st.booleans(),
    "misfire_grace_time": st.sampled_from([60, 600, None]),
    "coalesce": st.booleans(),
    "max_instances": COUNTS,
    "calendar": st.sampled_from([None, "closed", "quiet"]),
}
WHOLE = st.fixed_dictionaries(VALUES)
PART = st.fixed_dictionaries({}, optional=VALUES)

_numbers = itertools.count()


@dataclass(frozen=True)
class Known:
    """An override in the model."""

    value: Any
    base: Any
    expires_at: datetime | None = None


@dataclass
class Model:
    """The table of the design, in the simplest words: what the code said last, what stands, what was overridden."""

    base: dict[str, Any]
    stored: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Known] = field(default_factory=dict)

    def notice(self) -> None:
        for name, value in self.stored.items():
            known = self.overrides[name].value if name in self.overrides else self.base[name]
            if value != known:
                self.override(name, value, None)

    def override(self, name: str, value: Any, expires_at: datetime | None) -> None:
        if value == self.base[name]:
            self.overrides.pop(name, None)
        else:
            self.overrides[name] = Known(value, self.base[name], expires_at)

    def start(self, declared: dict[str, Any]) -> None:
        if declared == self.base:
            return
        self.notice()
        before, self.base = self.base, declared
        for name, value in declared.items():
            if name not in self.overrides:
                if value != before[name]:
                    self.stored[name] = value
            elif self.overrides[name].value == value:
                del self.overrides[name]

    def change(self, fields: dict[str, Any], expires_at: datetime | None) -> None:
        self.notice()
        for name, value in fields.items():
            known = self.overrides.get(name)
            if self.stored[name] != value or known is None or known.expires_at != expires_at:
                self.override(name, value, expires_at)
            self.stored[name] = value

    def revert(self, names: list[str]) -> None:
        self.notice()
        for name in names:
            if name in self.overrides:
                del self.overrides[name]
                self.stored[name] = self.base[name]

    def expire(self, now: datetime) -> None:
        def over() -> list[str]:
            return [name for name, known in self.overrides.items() if known.expires_at and known.expires_at <= now]

        if over():
            self.notice()  # another program may have put something in the place of what expires
            self.revert(over())


START = st.tuples(st.just("start"), WHOLE)
CHANGE = st.tuples(st.just("change"), st.tuples(PART, st.none() | st.integers(1, 100)))
REVERT = st.tuples(st.just("revert"), st.none() | st.lists(st.sampled_from(list(VALUES)), unique=True))
#: A row has no place for a calendar, so another program changes none.
OUTSIDE = st.tuples(st.just("outside"), PART.map(lambda part: {n: v for n, v in part.items() if n != "calendar"}))
WAIT = st.tuples(st.just("wait"), st.integers(1, 100))
LOOK = st.tuples(st.just("look"), st.none())
HISTORIES = st.tuples(WHOLE, st.lists(st.one_of(START, CHANGE, REVERT, OUTSIDE, WAIT, LOOK), max_size=12))


class World:
    """One job on a real store, and the model of it."""

    def __init__(self, url: str, declared: dict[str, Any], stack: ExitStack) -> None:
        self.url, self.stack = url, stack
        self.job_id = f"job {next(_numbers)}"
        self.clock = ManualClock(NOON)
        self.model = Model(declared, dict(declared))
        self.deploy(declared)
        for name in ("closed", "quiet"):
            self.scheduler.set_calendar(name, dates=[NOON.date()])

    def deploy(self, declared: dict[str, Any]) -> None:
        self.clock.advance(minutes=1)
        self.scheduler = Scheduler(self.url, timezone="UTC", clock=self.clock)
        self.stack.callback(self.scheduler.close)
        options = {name: value for name, value in declared.items() if name != "trigger"}
        self.scheduler.register(nothing, "cron", id=self.job_id, hour=declared["trigger"], **options)
        self.scheduler.start_all_jobs()

    def start(self, declared: dict[str, Any]) -> None:
        self.deploy(declared)
        self.model.start(declared)

    def change(self, what: tuple[dict[str, Any], int | None]) -> None:
        fields, minutes = what
        until = self.clock() + timedelta(minutes=minutes) if minutes and fields else None
        sent = {name: value for name, value in fields.items() if name != "trigger"}
        if "trigger" in fields:
            sent |= {"trigger": "cron", "trigger_args": {"hour": fields["trigger"]}}
        self.scheduler.change_job(self.job_id, expires_at=until, **sent)
        self.model.change(fields, until)

    def revert(self, names: list[str] | None) -> None:
        if names is not None and names:
            self.scheduler.change_job(
                self.job_id, **dict.fromkeys([n for n in names if self.is_overridden(n)], DEFAULT)
            )
        else:
            self.scheduler.revert_job(self.job_id)
        self.model.revert(names or list(VALUES))

    def is_overridden(self, name: str) -> bool:
        self.model.notice()
        return name in self.model.overrides

    def outside(self, fields: dict[str, Any]) -> None:
        """As a plain APScheduler would write it."""
        store = self.scheduler.engine.job_store
        row = store.store.schedules.get(self.job_id)
        assert row is not None
        found = store.decode(row)
        schedule, next_run_time = found.schedule, found.next_run_time
        if "trigger" in fields:
            trigger = self.scheduler.build_trigger("cron", {"hour": fields["trigger"]})
            schedule = replace(schedule, trigger=trigger)
        policies = {name: value for name, value in fields.items() if name not in {"trigger", "enabled"}}
        schedule = replace(schedule, **policies)
        enabled = fields.get("enabled", next_run_time is not None)
        next_run_time = self.clock() + timedelta(days=300) if enabled else None
        overwrite(
            self.scheduler,
            self.job_id,
            job_state=store.codec.encode(schedule, next_run_time),
            next_run_time=None if next_run_time is None else next_run_time.timestamp(),
        )
        self.model.stored |= fields

    def wait(self, minutes: int) -> None:
        self.clock.advance(minutes=minutes)
        assert not self.scheduler.engine.expire([])
        self.model.expire(self.clock())

    def look(self, _nothing: None) -> None:
        OutsideWatch(self.scheduler._context, body).look()
        self.model.notice()

    def check(self) -> None:
        job, model = self.scheduler.get_job(self.job_id), self.model
        found = {name: job[name] for name in VALUES} | {"trigger": int(job["trigger_args"]["hour"])}
        assert found == model.stored
        assert (job["next_run_time"] is not None) == model.stored["enabled"]
        assert int(job["default"]["trigger_args"]["hour"]) == model.base["trigger"]
        assert job["default"]["enabled"] == model.base["enabled"]
        known = {
            name: Known(
                int(each["value"][1]["hour"]) if name == "trigger" else each["value"],
                int(each["base"][1]["hour"]) if name == "trigger" else each["base"],
                None if each["expires_at"] is None else datetime.fromisoformat(each["expires_at"]),
            )
            for name, each in job["overrides"].items()
        }
        assert known == model.overrides
        for name, each in job["overrides"].items():
            assert each["moved"] == (model.overrides[name].base != model.base[name])
            declared = int(each["declared"][1]["hour"]) if name == "trigger" else each["declared"]
            assert declared == model.base[name]
        as_known = all(
            value == (model.overrides[name].value if name in model.overrides else model.base[name])
            for name, value in model.stored.items()
        )
        if not as_known:
            assert job["source"] == "outside"
        elif not model.overrides:
            assert job["source"] == "code"
        else:
            assert job["source"] in {"override", "outside"}


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@given(history=HISTORIES)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_stands_is_what_the_table_says(
    migrated_url: str, stack: ExitStack, history: tuple[dict[str, Any], list[tuple[str, Any]]]
) -> None:
    declared, steps = history
    with stack.pop_all() as mine:
        world = World(migrated_url, declared, mine)
        world.check()
        for name, what in steps:
            event(name)
            getattr(world, name)(what)
            world.check()
