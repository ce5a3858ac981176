"""Rows of our own: what is written is what is read, by us and by a plain APScheduler."""

from __future__ import annotations

import pickle
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import PurePosixPath
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from apscheduler.triggers.base import BaseTrigger
from apscheduler.triggers.cron import CronTrigger
from apscheduler.triggers.date import DateTrigger
from apscheduler.triggers.interval import IntervalTrigger
from hypothesis import given
from hypothesis import strategies as st

from gnomon.engine import row_layout
from gnomon.engine.job_fields import stored_fields
from gnomon.engine.row_codec import RowCodec, body
from gnomon.errors import InvalidInput, InvalidTrigger, RowRefused
from tests.unit.engine.rows import BERLIN, NOW, TRIGGERS, foreign_row, parts, plain_job, schedule

ZONES = ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "UTC", "Asia/Kolkata"]

fire_times = st.none() | st.datetimes(
    min_value=datetime(1971, 1, 1), max_value=datetime(2200, 1, 1), timezones=st.sampled_from(ZONES).map(ZoneInfo)
)


def shown(moment: datetime | None) -> str | None:
    return None if moment is None else f"{moment!r}"


@pytest.mark.parametrize("kind", TRIGGERS)
def test_what_is_encoded_decodes_to_the_same(kind: str) -> None:
    written = schedule(TRIGGERS[kind], args=(1, "two"), kwargs={"three": 3.0})
    row = RowCodec().encode(written, NOW)

    stored = RowCodec().decode(row)

    assert parts(stored.schedule.trigger) == parts(written.trigger)
    assert [getattr(stored.schedule, field) for field in type(written).__slots__ if field != "trigger"] == [
        getattr(written, field) for field in type(written).__slots__ if field != "trigger"
    ]
    assert shown(stored.next_run_time) == shown(NOW)


@pytest.mark.parametrize("kind", TRIGGERS)
def test_the_process_that_wrote_a_row_remembers_what_any_other_reads(kind: str) -> None:
    codec = RowCodec()
    row = codec.encode(schedule(TRIGGERS[kind], args=("a",)), NOW)

    here, elsewhere = codec.decode(row), RowCodec().decode(row)

    assert parts(here.schedule.trigger) == parts(elsewhere.schedule.trigger)
    assert here.next_run_time == elsewhere.next_run_time


@pytest.mark.parametrize("kind", TRIGGERS)
def test_a_plain_apscheduler_reads_our_rows_and_computes_the_same(kind: str) -> None:
    row = RowCodec().encode(schedule(TRIGGERS[kind], func="math:sqrt", args=(4,)), NOW)

    job = plain_job(row)

    assert (job.id, job.name, job.func(*job.args)) == ("backup", "Backup of everything", 2.0)
    assert (job.executor, job.coalesce, job.max_instances, job.misfire_grace_time) == ("default", True, 1, 3600)
    assert job.next_run_time == NOW
    assert parts(job.trigger) == parts(TRIGGERS[kind])
    if kind in ("cron", "interval", "calendarinterval", "crontab"):
        assert job.trigger.get_next_fire_time(None, NOW) is not None


def test_our_rows_can_be_read_by_the_unpickler_that_is_written_in_python() -> None:
    row = RowCodec().encode(schedule(), NOW)

    assert pickle._loads(row)["next_run_time"] == NOW  # type: ignore[attr-defined]


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_a_plain_apscheduler_can_write_back_what_it_read_of_ours(protocol: int) -> None:
    codec = RowCodec()
    job = plain_job(codec.encode(schedule(func="math:sqrt"), NOW))
    job.next_run_time = None

    stored = codec.decode(pickle.dumps(job.__getstate__(), protocol))

    assert parts(stored.schedule.trigger) == parts(TRIGGERS["cron"])
    assert stored.next_run_time is None


@given(moment=fire_times, other=fire_times)
def test_a_fire_changes_the_tail_and_nothing_else(moment: datetime | None, other: datetime | None) -> None:
    codec = RowCodec()
    row = codec.encode(schedule(args=("kept", [1])), moment)

    advanced = codec.advance(row, other)

    assert body(advanced) == body(row)
    assert shown(RowCodec().decode(advanced).next_run_time) == shown(other)
    assert codec.advance(codec.advance(advanced, moment), other) == advanced
    assert shown(pickle.loads(advanced)["next_run_time"]) == shown(other)


def test_a_next_run_time_in_the_hour_that_comes_twice_stays_the_second_one() -> None:
    second = datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)
    codec = RowCodec()

    stored = codec.decode(codec.encode(schedule(), second))

    assert stored.next_run_time is not None
    assert stored.next_run_time.astimezone(UTC) == datetime(2026, 10, 25, 1, 30, tzinfo=UTC)


@pytest.mark.parametrize("zone", [UTC, timezone(timedelta(hours=-3, minutes=-30)), timezone(timedelta(hours=1), "CET")])
def test_a_next_run_time_at_a_fixed_offset_keeps_it(zone: timezone) -> None:
    moment = datetime(2026, 6, 1, 12, 0, 0, 5, tzinfo=zone)
    codec = RowCodec()

    stored = codec.decode(codec.advance(codec.encode(schedule(), None), moment))

    assert stored.next_run_time == moment
    assert stored.next_run_time is not None
    assert stored.next_run_time.utcoffset() == moment.utcoffset()


def test_a_subclass_of_datetime_is_stored_as_a_datetime() -> None:
    class Frozen(datetime):
        pass

    codec = RowCodec()
    stored = codec.decode(codec.encode(schedule(), Frozen(2026, 6, 1, tzinfo=BERLIN)))

    assert type(stored.next_run_time) is datetime


@pytest.mark.parametrize(
    "moment",
    [datetime(2026, 6, 1), datetime(1969, 12, 31, tzinfo=UTC), datetime(9999, 12, 31, 23, tzinfo=timezone.min)],
)
def test_a_next_run_time_that_could_not_be_read_again_is_not_written(moment: datetime) -> None:
    codec = RowCodec()
    row = codec.encode(schedule(), None)

    with pytest.raises(InvalidInput, match="next_run_time"):
        codec.encode(schedule(), moment)
    with pytest.raises(InvalidInput, match="next_run_time"):
        codec.advance(row, moment)


PLAIN = [
    None,
    True,
    -5,
    2**100,
    1.5,
    "ünïcode\n\0",
    b"bytes",
    b"",
    [1, [2, {"three": (4,)}]],
    {1, 2},
    frozenset({"a"}),
    {},
    set(),
    {"key": {2: b"value"}, (1, "tuple"): None},
    datetime(2026, 1, 1),
    datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN),
    date(2026, 1, 1),
    time(1, 2, 3, 4),
    time(1, 2, fold=1, tzinfo=UTC),
    timedelta(days=-1, microseconds=5),
    UTC,
    timezone(timedelta(hours=1), "CET"),
    BERLIN,
    Decimal("1.50"),
]


@pytest.mark.parametrize("value", PLAIN, ids=repr)
@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_plain_arguments_come_back_as_they_were(value: object, protocol: int) -> None:
    ours = RowCodec().encode(schedule(args=(value,), kwargs={"name": value}), NOW)
    theirs = foreign_row(protocol=protocol, args=(value,), kwargs={"name": value})

    assert repr(RowCodec().decode(ours).schedule.args) == repr((value,))
    for row in (ours, theirs):
        stored, plain = RowCodec().decode(row).schedule, pickle.loads(row)
        assert repr(stored.args) == repr(plain["args"])
        assert repr(stored.kwargs) == repr(plain["kwargs"])


def test_a_list_that_one_run_changes_is_as_stored_for_the_next() -> None:
    codec = RowCodec()
    row = codec.encode(schedule(args=([1],), kwargs={"options": {"a": 1}}), NOW)

    first = codec.decode(row).schedule
    first.args[0].append(2)
    first.kwargs["options"].clear()

    assert codec.decode(row).schedule.args == ([1],)
    assert codec.decode(row).schedule.kwargs == {"options": {"a": 1}}


def test_a_trigger_that_is_changed_after_it_was_encoded_does_not_change_what_the_row_says() -> None:
    codec = RowCodec()
    trigger = CronTrigger(hour=3, jitter=5, timezone=BERLIN)
    row = codec.encode(schedule(trigger), NOW)

    trigger.jitter = 99

    assert codec.decode(row).schedule.trigger.jitter == 5
    assert codec.decode(codec.encode(schedule(trigger), NOW)).schedule.trigger.jitter == 99


class Pool(StrEnum):
    SLOW = "slow"


def test_enums_are_stored_as_their_text() -> None:
    codec = RowCodec()

    assert codec.decode(codec.encode(schedule(executor=Pool.SLOW), NOW)).schedule.executor == "slow"
    assert b"Pool" not in codec.encode(schedule(executor=Pool.SLOW), NOW)


class Colour(Enum):
    RED = 1


class OwnTrigger(BaseTrigger):  # type: ignore[misc]
    """Of the application's own class: fires once, at the time it is given."""

    def __init__(self, inner: BaseTrigger) -> None:
        self.inner = inner

    def get_next_fire_time(self, previous_fire_time: datetime | None, now: datetime) -> Any:
        return self.inner.get_next_fire_time(previous_fire_time, now)


@pytest.mark.parametrize(
    "value", [Colour.RED, PurePosixPath("/"), object(), len, datetime, lambda: None, (x for x in "a")]
)
def test_an_argument_that_could_not_be_read_again_is_not_written(value: object) -> None:
    with pytest.raises(InvalidInput, match="allow="):
        RowCodec().encode(schedule(args=(value,)), NOW)


def test_a_trigger_that_could_not_be_read_again_is_not_written() -> None:
    with pytest.raises(InvalidTrigger, match="OwnTrigger"):
        RowCodec().encode(schedule(OwnTrigger(TRIGGERS["cron"])), NOW)
    with pytest.raises(InvalidTrigger, match="interval"):
        RowCodec().encode(schedule(IntervalTrigger(seconds=-5, start_date=NOW, timezone=BERLIN)), NOW)


@pytest.mark.parametrize(
    "changes",
    [
        {"job_id": ""},
        {"job_id": "x" * 192},
        {"job_id": "nul\0"},
        {"job_id": "half \ud800"},
        {"func": "no reference"},
        {"name": ""},
        {"executor": None},
        {"misfire_grace_time": 0},
        {"misfire_grace_time": 10**30},
        {"max_instances": 0},
        {"kwargs": {1: "number"}},
        {"args": ("x" * (1024 * 1024),)},
    ],
    ids=str,
)
def test_a_schedule_that_could_not_be_read_again_is_not_written(changes: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        RowCodec().encode(schedule(**changes), NOW)


def test_what_the_application_allows_is_stored_and_made_anew_each_time() -> None:
    codec = RowCodec(allow=[__name__])
    row = codec.encode(schedule(args=(Colour.RED, NOW)), NOW)

    assert codec.decode(row).schedule.args == (Colour.RED, NOW)
    with pytest.raises(RowRefused, match="allow-list"):
        RowCodec().decode(row)


class Taken:
    """Pickled as an attribute of a class: so Python 3.11.0 to 3.11.3 pickle the members of enumerations."""

    def __init__(self, owner: object, name: object) -> None:
        self.taken = owner, name

    def __reduce__(self) -> tuple[object, ...]:
        return getattr, self.taken


def test_the_member_of_an_enumeration_may_be_named_as_an_attribute() -> None:
    codec = RowCodec(allow=[__name__])
    row = codec.encode(schedule(args=(Taken(Colour, "RED"),)), NOW)

    assert codec.decode(row).schedule.args == (Colour.RED,)
    with pytest.raises(RowRefused, match="allow-list"):
        RowCodec().decode(row)


@pytest.mark.parametrize(
    "taken",
    [
        (Colour, "mro"),
        (Colour, "__class__"),
        (Colour, "GREEN"),
        (OwnTrigger, "__init__"),
        (Colour, 1),
        (datetime, "now"),
    ],
)
def test_no_other_attribute_is_taken(taken: tuple[object, object]) -> None:
    with pytest.raises(InvalidInput, match="takes the attribute"):
        RowCodec(allow=[__name__]).encode(schedule(args=(Taken(*taken),)), NOW)


def test_a_trigger_of_a_class_that_the_application_allows_is_stored_with_what_it_holds() -> None:
    codec = RowCodec(allow=[__name__])
    row = codec.encode(schedule(OwnTrigger(TRIGGERS["cron"])), NOW)

    first, second = codec.decode(row).schedule.trigger, codec.decode(row).schedule.trigger

    assert type(first) is OwnTrigger
    assert first is not second
    assert parts(first.inner) == parts(TRIGGERS["cron"])
    assert first.get_next_fire_time(None, NOW).hour == 3


def test_the_list_of_allowed_modules_is_no_text() -> None:
    with pytest.raises(TypeError, match="allow="):
        RowCodec(allow="myapp")


@given(
    jobs=st.lists(
        st.tuples(
            st.text(min_size=1, max_size=50), st.text(min_size=1, max_size=50), st.sampled_from(sorted(TRIGGERS))
        ),
        min_size=2,
        max_size=4,
    )
)
def test_rows_of_jobs_that_differ_in_little_are_read_as_if_each_were_the_first(
    jobs: list[tuple[str, str, str]],
) -> None:
    codec = RowCodec()
    for job_id, name, kind in jobs:
        # Not by its encoder, which refuses some of these texts.
        fields = stored_fields(schedule(job_id=job_id, name=name))
        row = row_layout.with_tail(row_layout.compose(row_layout.trigger_piece(TRIGGERS[kind]), fields), NOW)

        assert outcome(codec, row) == outcome(RowCodec(), row)


def outcome(codec: RowCodec, row: bytes) -> object:
    try:
        stored = codec.decode(row)
    except RowRefused as error:
        return str(error)
    fields = {field: getattr(stored.schedule, field) for field in type(stored.schedule).__slots__}
    return {**fields, "trigger": parts(stored.schedule.trigger)}, stored.next_run_time


def test_a_row_that_only_looks_like_the_one_before_is_read_by_itself() -> None:
    codec = RowCodec()
    own = codec.encode(schedule(), NOW)
    codec.decode(own)
    key = b"X\x04\x00\x00\x00name"
    name = key + b"X" + len(schedule().name).to_bytes(4, "little") + schedule().name.encode()
    assert own.count(name) == 1
    for other in (
        own.replace(name, key + b"N"),
        own.replace(name, key + b"K\x07"),
        own.replace(name, name + name),
        own.replace(name, key + b"X\xff\xff\xff\xff"),
        own.replace(name, key + b"X\x03\x00\x00\x00\xed\xa0\x80"),
        own.replace(name, key + b"X\x01\x00\x00\x00\x00"),
        own.replace(name, name + b"X\x04\x00\x00\x00func" + name[9:]),
    ):
        assert outcome(codec, other) == outcome(RowCodec(), other)


def test_rows_that_have_a_trigger_in_common_share_it() -> None:
    codec = RowCodec()
    rows = [codec.encode(schedule(job_id=str(n)), NOW) for n in range(3)]
    rows += [foreign_row(protocol=protocol, id=str(protocol)) for protocol in (2, 3, 4, 5)]

    assert len({id(codec.decode(row).schedule.trigger) for row in rows}) == 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (DateTrigger(datetime(2026, 6, 1, 12, tzinfo=BERLIN)), DateTrigger(datetime(2026, 6, 1, 10, tzinfo=UTC))),
        (
            DateTrigger(datetime(2026, 10, 25, 2, 30, tzinfo=BERLIN)),
            DateTrigger(datetime(2026, 10, 25, 2, 30, fold=1, tzinfo=BERLIN)),
        ),
        (
            IntervalTrigger(minutes=1, jitter=5, start_date=NOW, timezone=BERLIN),
            IntervalTrigger(minutes=1, jitter=5.0, start_date=NOW, timezone=BERLIN),
        ),
        (
            CronTrigger(hour=3, timezone=timezone(timedelta(hours=1), "CET")),
            CronTrigger(hour=3, timezone=timezone(timedelta(hours=1), "MEZ")),
        ),
    ],
    ids=["zone", "fold", "type", "name of an offset"],
)
def test_triggers_that_differ_in_a_detail_that_equality_overlooks_are_not_shared(
    one: BaseTrigger, other: BaseTrigger
) -> None:
    codec = RowCodec()
    for trigger in (one, other):
        for row in (foreign_row(trigger), codec.encode(schedule(trigger), NOW)):
            assert parts(codec.decode(row).schedule.trigger) == parts(trigger)


def test_decoding_never_imports_the_function_of_the_job() -> None:
    assert RowCodec().decode(foreign_row(func="antigravity:fly")).schedule.func == "antigravity:fly"
    assert "antigravity" not in sys.modules


def test_threads_that_decode_at_once_read_the_same() -> None:
    codec = RowCodec(remembered=10)
    rows = [codec.encode(schedule(job_id=f"job {n}"), NOW) for n in range(50)] * 20

    with ThreadPoolExecutor(8) as threads:
        stored = list(threads.map(codec.decode, rows))

    assert [job.schedule.job_id for job in stored] == [f"job {n}" for n in range(50)] * 20


@pytest.mark.parametrize("rubbish", [b"", b".", b"\x80", b"\x80\x05.", b"not a pickle.", None, "text", 5])
def test_what_is_no_row_is_refused_with_a_reason(rubbish: Any) -> None:
    with pytest.raises(RowRefused, match=r"^the row is not decoded: .+"):
        RowCodec().decode(rubbish)


def test_bytes_that_are_cut_off_are_not_advanced() -> None:
    with pytest.raises(RowRefused, match="cut off"):
        RowCodec().advance(foreign_row()[:-1], NOW)
