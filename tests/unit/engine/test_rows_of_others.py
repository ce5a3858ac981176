"""Rows that a plain APScheduler wrote, of this release and of old ones."""

from __future__ import annotations

import pickle
import sys
import types
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.combining import OrTrigger
from apscheduler.triggers.cron import CronTrigger
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import select

from gnomon.engine.row_codec import RowCodec, body
from gnomon.errors import RowRefused
from tests.unit.engine.rows import BERLIN, NOW, TRIGGERS, foreign_row, job_state, parts, row_with_trigger_state

PROTOCOLS = [2, 3, 4, 5]


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", TRIGGERS)
def test_every_trigger_decodes_from_every_protocol(kind: str, protocol: int) -> None:
    row = foreign_row(TRIGGERS[kind], protocol)

    stored = RowCodec().decode(row)

    assert parts(stored.schedule.trigger) == parts(pickle.loads(row)["trigger"])
    assert stored.next_run_time == NOW
    assert stored.schedule.func == "no_such_module.jobs:backup"


def test_a_table_of_a_plain_apscheduler_decodes() -> None:
    scheduler = BackgroundScheduler(timezone=BERLIN)
    scheduler.add_jobstore(SQLAlchemyJobStore("sqlite://"))
    scheduler.start(paused=True)
    job = scheduler.add_job(print, "cron", hour=3, id="a", args=["x"], kwargs={"end": ""}, misfire_grace_time=60)
    paused = scheduler.add_job(print, "interval", minutes=3, id="b")
    paused.pause()
    store = scheduler._jobstores["default"]
    with store.engine.connect() as connection:
        rows = dict(list(connection.execute(select(store.jobs_t.c.id, store.jobs_t.c.job_state))))
    scheduler.shutdown()

    first, second = (RowCodec().decode(rows[job_id]) for job_id in ("a", "b"))

    assert (first.schedule.job_id, first.schedule.name, first.schedule.func) == ("a", "print", "builtins:print")
    assert (first.schedule.args, first.schedule.kwargs) == (("x",), {"end": ""})
    assert first.next_run_time == job.next_run_time
    assert first.schedule.misfire_grace_time == 60
    assert second.next_run_time is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("load", [pickle.loads, pickle._loads], ids=["C", "Python"])  # type: ignore[attr-defined]
def test_an_advanced_row_keeps_their_bytes_and_has_the_new_time(protocol: int, load: Any) -> None:
    codec = RowCodec()
    row = foreign_row(protocol=protocol, args=("kept", [1, 2]))
    later = NOW + timedelta(days=1)

    advanced = codec.advance(row, later)

    assert {**load(row), "trigger": None} == {**load(advanced), "trigger": None, "next_run_time": NOW}
    assert load(advanced)["next_run_time"] == later
    assert codec.decode(advanced).next_run_time == later
    assert parts(codec.decode(advanced).schedule.trigger) == parts(codec.decode(row).schedule.trigger)
    assert body(advanced) == body(row)
    assert codec.advance(advanced, None) == codec.advance(row, None)
    assert codec.decode(codec.advance(row, None)).next_run_time is None
    assert codec.decode(row).next_run_time == NOW


@pytest.mark.parametrize("load", [pickle.loads, pickle._loads], ids=["C", "Python"])  # type: ignore[attr-defined]
def test_a_row_of_several_frames_can_be_advanced(load: Any) -> None:
    codec = RowCodec()
    row = foreign_row(protocol=5, args=("x" * 100_000, *["y" * 30_000] * 5))

    advanced = codec.advance(row, None)

    assert load(advanced)["next_run_time"] is None
    assert codec.decode(advanced).schedule.args == codec.decode(row).schedule.args


@given(
    text=st.text(max_size=30) | st.just("\x00next_run_timeN") | st.just("X\r\0\0\0next_run_timeNs."),
    protocol=st.sampled_from(PROTOCOLS),
    position=st.sampled_from(["name", "args", "kwargs", "extra"]),
)
def test_text_in_a_row_is_never_taken_for_a_tail(text: str, protocol: int, position: str) -> None:
    places: dict[str, dict[str, Any]] = {
        "name": {"name": text or "x"},
        "args": {"args": (text,)},
        "kwargs": {"kwargs": {"k": text}},
        "extra": {"zzz": text},
    }
    changes = places[position]
    state = {key: value for key, value in job_state().items() if key not in changes}
    state.update(changes)
    row = pickle.dumps(state, protocol)
    codec = RowCodec()
    try:
        stored = codec.decode(row)
    except RowRefused:
        assert position == "name"
        return

    advanced = codec.advance(row, None)

    assert stored.next_run_time == NOW
    assert codec.decode(advanced).schedule.args == stored.schedule.args == pickle.loads(advanced)["args"]
    assert codec.decode(advanced).schedule.name == stored.schedule.name == pickle.loads(advanced)["name"]
    assert pickle.loads(advanced)["next_run_time"] is None


@pytest.mark.parametrize("protocol", PROTOCOLS)
@pytest.mark.parametrize("kind", ["cron with all forms", "interval", "date"])
def test_triggers_of_apscheduler_3_0_decode(kind: str, protocol: int) -> None:
    trigger = TRIGGERS[kind]
    slots = {key: value for key, value in trigger.__getstate__().items() if key not in ("version", "jitter")}

    stored = RowCodec().decode(row_with_trigger_state(trigger, (None, slots), protocol))

    assert parts(stored.schedule.trigger) == parts(trigger)


def test_ranges_that_old_releases_stored_uncut_are_cut_to_their_field() -> None:
    trigger = CronTrigger(day="1-31", hour="2-5", timezone=BERLIN)
    vars(trigger.fields[2].expressions[0]).update(first=0, last=40)
    vars(trigger.fields[5].expressions[0]).update(last=99)

    read = RowCodec().decode(foreign_row(trigger)).schedule.trigger

    assert [str(read.fields[number]) for number in (2, 5)] == ["1-31", "2-23"]


@pytest.mark.parametrize("kind", ["cron with all forms", "interval"])
def test_triggers_without_jitter_decode(kind: str) -> None:
    trigger = TRIGGERS[kind]
    state = {key: value for key, value in trigger.__getstate__().items() if key != "jitter"}

    stored = RowCodec().decode(row_with_trigger_state(trigger, {**state, "version": 1}))

    assert parts(stored.schedule.trigger) == parts(trigger)


class PytzZone(tzinfo):
    """Pickles as a zone of pytz, which need not be installed for this."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        name, *args = self.reduced
        return getattr(sys.modules["pytz"], name), tuple(args)

    def utcoffset(self, _moment: datetime | None) -> None:
        """Never asked: it is only pickled."""

    dst = tzname = utcoffset


@pytest.fixture
def pytz(monkeypatch: pytest.MonkeyPatch) -> None:
    """A module of that name while rows are pickled. (Real pytz would be read from the row by nothing here anyway.)"""
    module = types.ModuleType("pytz")
    for name in ("_p", "_UTC", "FixedOffset"):

        def stand_in(*_args: object) -> None:
            raise AssertionError("pytz was called")

        stand_in.__name__ = stand_in.__qualname__ = name
        stand_in.__module__ = "pytz"
        setattr(module, name, stand_in)
    monkeypatch.setitem(sys.modules, "pytz", module)


def with_zone(zone: tzinfo, start: datetime) -> bytes:
    trigger = TRIGGERS["interval"]
    state = {**trigger.__getstate__(), "timezone": zone, "start_date": start.replace(tzinfo=zone)}
    return row_with_trigger_state(trigger, state)


@pytest.mark.parametrize(
    ("offset", "instant"),
    [
        (7200, datetime(2026, 10, 25, 0, 30, tzinfo=UTC)),  # CEST, the first 02:30 of that night
        (3600, datetime(2026, 10, 25, 1, 30, tzinfo=UTC)),  # CET, the second
        (3180, datetime(2026, 10, 25, 1, 37, tzinfo=UTC)),  # LMT, what pytz has for an unlocalised zone
    ],
)
def test_a_time_in_a_zone_of_pytz_stays_the_same_instant(pytz: None, offset: int, instant: datetime) -> None:
    row = with_zone(PytzZone("_p", "Europe/Berlin", offset, 0, "X"), datetime(2026, 10, 25, 2, 30))

    trigger = RowCodec().decode(row).schedule.trigger

    assert trigger.timezone == ZoneInfo("Europe/Berlin")
    assert trigger.start_date.tzinfo == ZoneInfo("Europe/Berlin")
    assert trigger.start_date.astimezone(UTC) == instant


@pytest.mark.parametrize(
    ("zone", "expected"),
    [
        (PytzZone("_UTC"), UTC),
        (PytzZone("_p", "Asia/Tokyo"), ZoneInfo("Asia/Tokyo")),
        (PytzZone("FixedOffset", 90), timezone(timedelta(minutes=90))),
    ],
)
def test_other_zones_of_pytz_are_mapped_by_name(pytz: None, zone: tzinfo, expected: tzinfo) -> None:
    trigger = RowCodec().decode(with_zone(zone, datetime(2026, 1, 1))).schedule.trigger

    assert trigger.timezone == expected
    assert "pytz.tzinfo" not in sys.modules


def test_args_that_are_a_list_become_a_tuple() -> None:
    assert RowCodec().decode(foreign_row(args=[1, 2])).schedule.args == (1, 2)


@pytest.mark.parametrize(("stored", "read"), [(1, True), (0, False), (None, False), (True, True)])
def test_coalesce_is_read_as_apscheduler_reads_it(stored: object, read: bool) -> None:
    assert RowCodec().decode(foreign_row(coalesce=stored)).schedule.coalesce is read


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"id": 5}, "id is 5"),
        ({"id": "x" * 192}, "191"),
        ({"id": ""}, "id"),
        ({"func": None}, "func"),
        ({"func": "noreference"}, "func"),
        ({"func": "a:b c"}, "func"),
        ({"executor": b"default"}, "executor"),
        ({"name": ""}, "name"),
        ({"name": ["x"]}, "name is a list"),
        ({"misfire_grace_time": 0}, "misfire_grace_time"),
        ({"misfire_grace_time": 1.5}, "misfire_grace_time"),
        ({"misfire_grace_time": 10**11}, "misfire_grace_time"),
        ({"coalesce": "yes"}, "coalesce"),
        ({"max_instances": 0}, "max_instances"),
        ({"max_instances": None}, "max_instances"),
        ({"version": 2}, "version"),
        ({"args": "text"}, "args"),
        ({"args": {1}}, "args"),
        ({"kwargs": {1: 2}}, "kwargs"),
        ({"kwargs": None}, "kwargs"),
        ({"trigger": None}, "trigger"),
        ({"trigger": "cron"}, "trigger"),
        ({"next_run_time": datetime(2026, 1, 1)}, "next run time"),
        ({"next_run_time": "2026-01-01"}, "next run time"),
        ({"next_run_time": datetime(1900, 1, 1, tzinfo=UTC)}, "1970"),
        ({"next_run_time": datetime.max.replace(tzinfo=timezone.min)}, "Overflow"),
    ],
    ids=str,
)
@pytest.mark.parametrize("protocol", [3, 5])
def test_a_field_that_apscheduler_could_not_use_is_named(changes: dict[str, Any], reason: str, protocol: int) -> None:
    with pytest.raises(RowRefused, match=reason):
        RowCodec().decode(pickle.dumps({**job_state(), **changes}, protocol))


@pytest.mark.parametrize("missing", [key for key in job_state() if key != "version"])
def test_a_field_that_is_missing_is_named(missing: str) -> None:
    state = job_state()
    del state[missing]

    with pytest.raises(RowRefused, match=missing):
        RowCodec().decode(pickle.dumps(state))


def test_fields_that_apscheduler_does_not_know_are_left_alone() -> None:
    row = foreign_row(extra="kept")

    assert RowCodec().decode(row).schedule.job_id == "backup"
    assert pickle.loads(RowCodec().advance(row, None))["extra"] == "kept"


def nested(depth: int) -> BaseTrigger:
    return OrTrigger([nested(depth - 1)]) if depth else CronTrigger(hour=3, timezone=BERLIN)


def test_triggers_combined_four_deep_decode() -> None:
    assert parts(RowCodec().decode(foreign_row(nested(3))).schedule.trigger) == parts(nested(3))


@pytest.mark.parametrize(
    "trigger",
    [nested(4), OrTrigger([]), OrTrigger([CronTrigger(hour=3, timezone=BERLIN)] * 33)],
    ids=["deep", "0", "33"],
)
def test_triggers_combined_beyond_the_limits_are_refused(trigger: BaseTrigger) -> None:
    with pytest.raises(RowRefused, match=r"4 deep|1 to 32"):
        RowCodec().decode(foreign_row(trigger))
