"""Rows made to do harm: each is refused with a reason, quickly, and leaves nothing behind."""

from __future__ import annotations

import pickle
import sys
import threading
import time
import tracemalloc
from datetime import date, datetime, timedelta, timezone
from typing import Any

import pytest
from apscheduler.triggers.combining import AndTrigger
from apscheduler.triggers.cron import CronTrigger, expressions
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.schedule import StoredJob
from gnomon.domain.triggers import describe
from gnomon.engine.row_codec import RowCodec, body
from gnomon.errors import RowRefused
from tests.unit.engine.rows import (
    BERLIN,
    NOW,
    TRIGGERS,
    foreign_row,
    job_state,
    parts,
    row_of_operations,
    row_with_trigger_state,
    schedule,
)

LONGEST_REASON = 600
SECONDS = 2.0
BYTES = 48 * 1024 * 1024


def text(value: str) -> bytes:
    return b"X" + len(value.encode()).to_bytes(4, "little") + value.encode()


def call(module: str, name: str, *args: bytes) -> bytes:
    return f"c{module}\n{name}\n".encode() + b"(" + b"".join(args) + b"tR"


def in_list(*items: bytes) -> bytes:
    return b"](" + b"".join(items) + b"e"


def slot_state(attribute: str, value: bytes) -> bytes:
    """BUILD with ``(None, {attribute: value})``: ``setattr(what is below, attribute, value)``."""
    return b"N}" + text(attribute) + value + b"s\x86b"


ZONE = call("builtins", "getattr", b"czoneinfo\nZoneInfo\n", text("_unpickle"))
ALL = b"capscheduler.triggers.cron.expressions\nAllExpression\n"
BASE_FIELD = b"capscheduler.triggers.cron.fields\nBaseField\n"
DATETIME = b"cdatetime\ndatetime\n"


def zone(name: str) -> bytes:
    return ZONE + text(name) + b"K\x01\x86R"


def tower(levels: int) -> bytes:
    """A tuple of twice a tuple of twice a tuple …: ``2**levels`` paths."""
    return b")q\x00" + b"".join(b"h" + bytes([n]) + b"\x86q" + bytes([n + 1]) for n in range(levels))


CODE = {
    "os.system": call("os", "system", text("touch /tmp/owned")),
    "posix.system": call("posix", "system", text("touch /tmp/owned")),
    "eval": call("builtins", "eval", text("1")),
    "eval by its old name": call("__builtin__", "eval", text("1")),
    "exec": call("builtins", "exec", text("1")),
    "__import__": call("builtins", "__import__", text("antigravity")),
    "import by naming a module": b"cantigravity\nfly\n",
    "a module of ours": call("gnomon.engine.row_codec", "RowCodec"),
    "importlib": call("importlib", "import_module", text("antigravity")),
    "subprocess": call("subprocess", "Popen", text("true")),
    "a stacked name": text("os") + text("system") + b"\x93" + text("true") + b"\x85R",
    "a dotted name": text("zoneinfo") + text("ZoneInfo._unpickle.__self__") + b"\x93",
    "the module of datetime": text("datetime") + text("sys.modules") + b"\x93",
    "copyreg": call("copyreg", "_reconstructor", BASE_FIELD, BASE_FIELD, b"N"),
    "the pickled class of APScheduler's job": call("apscheduler.job", "Job"),
    "getattr of a class": call("builtins", "getattr", ALL, text("get_next_value")),
    "getattr of ZoneInfo": call("builtins", "getattr", b"czoneinfo\nZoneInfo\n", text("__class__")),
    "getattr of a function": call("builtins", "getattr", ZONE, text("__self__")),
    "getattr of getattr": call("builtins", "getattr", b"cbuiltins\ngetattr\n", text("__self__")),
    "getattr of what a stand-in stands for": call("builtins", "getattr", ALL, text("real"))
    + slot_state("get_next_value", DATETIME),
    "getattr of what makes a datetime": call("builtins", "getattr", DATETIME, text("_make"))
    + slot_state("__defaults__", b")"),
    "getattr of datetime": call("builtins", "getattr", DATETIME, text("fromtimestamp")),
}

CHANGES = {
    "a method of an expression": ALL + slot_state("get_next_value", DATETIME),
    "a method of a field": BASE_FIELD + slot_state("get_next_value", DATETIME),
    "what a stand-in stands for": ALL + slot_state("real", DATETIME),
    "how a stand-in takes its state": ALL + slot_state("__setstate__", DATETIME),
    "the bases of a class": ALL + slot_state("__bases__", DATETIME + b"\x85"),
    "a trigger class": b"capscheduler.triggers.cron\nCronTrigger\n" + slot_state("get_next_fire_time", DATETIME),
    "a crontab class": b"cgnomon.domain.triggers.crontab\nCrontabTrigger\n"
    + slot_state("get_next_fire_time", DATETIME),
    "a class by a plain state": ALL + b"}" + text("get_next_value") + DATETIME + b"sb",
    "a class by itself": ALL + ALL + b"b",
    "datetime": DATETIME + slot_state("now", ALL),
    "the class of datetime": DATETIME + slot_state("__class__", ALL),
    "what datetime makes": DATETIME + slot_state("_make", ALL),
    "what datetime makes, by a plain state": DATETIME + b"}" + text("_make") + ALL + b"sb",
    "getattr": b"cbuiltins\ngetattr\n" + slot_state("_make", DATETIME),
    "a zone that others share": zone("Europe/Berlin") + slot_state("utcoffset", DATETIME),
    "a zone that others share, by a plain state": zone("Europe/Berlin") + b"}" + text("key") + text("x") + b"sb",
    "an instance, twice": ALL + b")\x81}b}b",
    "an item of a class": ALL + text("key") + b"Ns",
    "appending to a class": ALL + b"Na",
}

HARM = {
    "34 GB for a memo": b"Nr\xff\xff\xff\x7f",
    "a memo of 2**32": b"Nr\xff\xff\xff\xff",
    "a text of 4 GB": b"X\xff\xff\xff\xffabc",
    "a text of 2**60": b"\x8d" + (2**60).to_bytes(8, "little") + b"abc",
    "bytes of 2**63": b"\x8e" + b"\xff" * 8,
    "a bytearray of 2**40": b"\x96" + (2**40).to_bytes(8, "little"),
    "a frame of 2**40": b"\x95" + (2**40).to_bytes(8, "little") + b"N",
    "a number of 2 GB": b"\x8b\xff\xff\xff\x7f",
    "a number of 16,000 bits": b"\x8b\xd0\x07\x00\x00" + b"\x7f" * 2000,
    "a negative length": b"\x8b\xff\xff\xff\xff",
    "bytes(10**12)": call("builtins", "bytes", b"\x8a\x06" + (10**12).to_bytes(6, "little")),
    "lists 100,000 deep": b"]" * 100_000 + b"a" * 99_999,
    "lists 10,000 deep": b"]" * 10_000 + b"a" * 9_999,
    "tuples 100,000 deep": b")" + b"\x85" * 100_000,
    "tuples 100,000 deep as a key": b"})" + b"\x85" * 100_000 + b"Ns",
    "tuples 39,000 deep as a key": b"})" + b"\x85" * 39_000 + b"Ns",
    "tuples 1,900 deep as a key": b"})" + b"\x85" * 1_900 + b"Ns",
    "tuples 100,000 deep in a set": b"\x8f()" + b"\x85" * 100_000 + b"\x90",
    "a tower of tuples as a key": b"}" + tower(100) + b"Ns",
    "a tower of tuples in a set": b"\x8f(" + tower(100) + b"\x90",
    "a tower of tuples in a frozenset": b"(" + tower(100) + b"\x91",
    "a tower of tuples in a list for a set": call("builtins", "set", in_list(tower(100))),
    "a tower whose tuples are built upon": b"})q\x00"
    + b"".join(b"h" + bytes([n]) + b"\x86Nbq" + bytes([n + 1]) for n in range(100))
    + b"Ns",
    "a tower whose tuples are extended by nothing": b"})q\x00"
    + b"".join(b"h" + bytes([n]) + b"\x86(eq" + bytes([n + 1]) for n in range(100))
    + b"Ns",
    "a tower by protocol 4": b"})\x94" + b"".join(b"h" + bytes([n]) + b"\x86\x94" for n in range(100)) + b"Ns",
    "a tower by both": b"})\x94q\x01" + b"".join(b"h" + bytes([n]) + b"\x86\x94" for n in range(1, 100)) + b"Ns",
    "a tower of lists": b"]q\x00"
    + b"".join(b"](h" + bytes([n]) * 1 + b"h" + bytes([n]) + b"eq" + bytes([n + 1]) for n in range(60)),
    "numbers that hash alike": b"}("
    + b"".join(b"\x8a\x0a" + (n * (2**61 - 1)).to_bytes(10, "little") + b"N" for n in range(1, 19_000))
    + b"u",
    "a million operations": b"](" + b"N" * 900_000 + b"e",
    "20,000 values": b"](" + b"N" * 20_000 + b"e",
    "more text than a row has": in_list(text("x" * 100_000) + b"q\x05" + b"h\x05" * 100),
    "a list in itself": b"]q\x05h\x05a",
    "a day 255": DATETIME + b"C\x0a\x07\xea\x01\xff\xff\xff\xff\xff\xff\xff\x85R",
    "a date of day 255": b"cdatetime\ndate\nC\x04\x07\xea\x01\xff\x85R",
    "a time of minute 255": b"cdatetime\ntime\nC\x06\x01\xff\xff\xff\xff\xff\x85R",
    "a datetime of eleven bytes": DATETIME + b"C\x0b\x07\xea\x01\x01\0\0\0\0\0\0\0\x85R",
    "a datetime in a zone that is none": DATETIME + b"C\x0a\x07\xea\x01\x01\0\0\0\0\0\0" + ALL + b")\x81\x86R",
    "a timedelta of floats": call("datetime", "timedelta", b"G" + b"\x7f\xf0" + b"\0" * 6),
    "a timezone of two days": call("datetime", "timezone", call("datetime", "timedelta", b"K\x02")),
    "a Decimal of a megabyte": call("decimal", "Decimal", text("9" * 100_000)),
    "an expression as an argument": ALL + b")\x81",
    "a class as an argument": ALL,
    "a function as an argument": DATETIME,
    "another encoding": call("_codecs", "encode", text("x"), text("rot13")),
    "half a character": b"X\x02\x00\x00\x00\xc3(",
    "a missing mark": b"t",
    "an empty stack": b"R",
    "an unknown memo": b"h\x63",
}

OPERATIONS = {
    name: getattr(pickle, name) + argument
    for name, argument in {
        "INST": b"os\nsystem\n",
        "OBJ": b"",
        "PERSID": b"x\n",
        "BINPERSID": b"",
        "EXT1": b"\x01",
        "EXT2": b"\x01\x00",
        "EXT4": b"\x01\x00\x00\x00",
        "NEWOBJ_EX": b"",
        "NEXT_BUFFER": b"",
        "READONLY_BUFFER": b"",
        "BYTEARRAY8": b"\x01" + b"\0" * 7 + b"x",
        "STRING": b"'x'\n",
        "BINSTRING": b"\x01\0\0\0x",
        "SHORT_BINSTRING": b"\x01x",
        "UNICODE": b"x\n",
        "INT": b"5\n",
        "LONG": b"5L\n",
        "FLOAT": b"5\n",
        "LIST": b"",
        "DICT": b"",
        "GET": b"0\n",
        "PUT": b"0\n",
        "POP": b"",
        "POP_MARK": b"",
        "DUP": b"",
        "PROTO": b"\x05",
        "STOP": b"",
    }.items()
}


def expect_refused(row: bytes, codec: RowCodec | None = None) -> str:
    """Decoding refuses the row within bounds of time and memory, and changes nothing that anybody else uses."""
    codec = codec or RowCodec()
    modules, healthy = set(sys.modules), CronTrigger(hour=3, timezone=BERLIN).get_next_fire_time(None, NOW)
    methods = expressions.AllExpression.get_next_value, CronTrigger.get_next_fire_time, datetime.now()
    tracemalloc.start()
    started = time.process_time()
    try:
        with pytest.raises(RowRefused) as refused:
            codec.decode(row)
        took, peak = time.process_time() - started, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    reason = str(refused.value)
    assert reason.startswith("the row is not decoded: ")
    assert len(reason) < LONGEST_REASON
    assert reason.isprintable()
    assert took < SECONDS
    assert peak < BYTES
    # (An unknown zone is also looked for in the package tzdata.)
    assert {name.partition(".")[0] for name in set(sys.modules) - modules} <= {"importlib", "tzdata"}
    assert (expressions.AllExpression.get_next_value, CronTrigger.get_next_fire_time) == methods[:2]
    assert CronTrigger(hour=3, timezone=BERLIN).get_next_fire_time(None, NOW) == healthy
    stored = codec.decode(foreign_row())
    assert parts(stored.schedule.trigger) == parts(TRIGGERS["cron"])
    assert stored.schedule.trigger.get_next_fire_time(None, NOW) is not None
    return reason


ATTACKS = {**CODE, **CHANGES, **HARM, **OPERATIONS}


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_among_the_arguments_is_refused(attack: str) -> None:
    expect_refused(row_of_operations(args=in_list(ATTACKS[attack])))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_in_place_of_the_trigger_is_refused(attack: str) -> None:
    expect_refused(row_of_operations(trigger=ATTACKS[attack]))


@pytest.mark.parametrize("attack", ATTACKS)
def test_an_attack_is_refused_in_rows_laid_out_like_ours(attack: str) -> None:
    ours = RowCodec().encode(schedule(), NOW)
    trigger = pickle.dumps(TRIGGERS["cron"], 3)[2:-1]
    arguments = text("args") + b")"
    in_trigger, in_arguments = (
        ours.replace(trigger, ATTACKS[attack]),
        ours.replace(arguments, text("args") + in_list(ATTACKS[attack])),
    )
    assert ours not in (in_trigger, in_arguments)

    expect_refused(in_trigger)
    expect_refused(in_arguments)


@pytest.mark.parametrize("depth", [1_900, 39_000])
def test_tuples_within_tuples_do_not_overflow_the_small_stack_of_a_thread(depth: int) -> None:
    row = row_of_operations(args=in_list(b"})" + b"\x85" * depth + b"Ns"))
    refused = []

    def decode() -> None:
        try:
            RowCodec().decode(row)
        except RowRefused as error:
            refused.append(error)

    before = threading.stack_size(512 * 1024)
    try:
        thread = threading.Thread(target=decode)
        thread.start()
    finally:
        threading.stack_size(before)
    thread.join()

    assert refused


def test_a_trigger_whose_state_is_set_twice_is_refused() -> None:
    state = pickle.dumps(TRIGGERS["cron with all forms"].__getstate__(), 3)[2:-1]

    expect_refused(row_of_operations(trigger=pickle.dumps(TRIGGERS["cron"], 3)[2:-1] + state + b"b"))


@pytest.mark.parametrize("attack", [*CODE, *CHANGES])
def test_an_attack_is_refused_where_the_application_allows_classes_of_its_own(attack: str) -> None:
    own = b"ctests.unit.engine.rows\nschedule\n"
    row = row_of_operations(args=in_list(own, ATTACKS[attack]))

    expect_refused(row, RowCodec(allow=["tests.unit.engine.rows"]))


@pytest.mark.parametrize(
    "name", ["pickle.loads", "pickle", "copyreg", "BackgroundScheduler", "no_such_name", "NOW.now"]
)
def test_what_an_allowed_module_imports_is_out_of_reach(name: str) -> None:
    row = row_of_operations(args=in_list(text("tests.unit.engine.rows") + text(name) + b"\x93"))

    assert "no allowed module defines" in expect_refused(row, RowCodec(allow=["tests.unit.engine.rows"]))


def test_a_module_is_not_allowed_by_half_its_name() -> None:
    expect_refused(row_of_operations(args=in_list(b"cantigravity\nfly\n")), RowCodec(allow=["anti"]))


def test_the_class_of_a_stand_in_cannot_be_exchanged_for_one_of_the_applications() -> None:
    own = b"ctests.unit.engine.rows\nschedule\n"
    row = row_of_operations(args=in_list(DATETIME + slot_state("__class__", own)))

    expect_refused(row, RowCodec(allow=["tests.unit.engine.rows"]))


@pytest.mark.parametrize(
    "name",
    [
        "../../etc/passwd",
        "/etc/passwd",
        "Europe/../../../etc/passwd",
        "Europe",
        "",
        ".",
        "Europe/Berlin\0",
        "Europe/Berlin\n",
        "Europe/Nowhere",
        "localtime",
        "posix/Europe/Berlin",
        "UTC+02:00",
        "x" * 5000,
        "\u202eEurope",
    ],
)
@pytest.mark.parametrize(
    "form", [zone, lambda name: call("zoneinfo", "ZoneInfo", text(name)), lambda name: call("pytz", "_p", text(name))]
)
def test_a_name_that_is_no_time_zone_never_reaches_the_file_system(
    name: str, form: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    reason = expect_refused(row_of_operations(args=in_list(form(name))))

    assert "time zone" in reason


@pytest.mark.parametrize(
    "nested",
    [
        ("os:system", {}),
        ("antigravity:fly", {}),
        ("gnomon.engine.row_codec:RowCodec", {}),
        ("apscheduler.triggers.cron:CronTrigger.from_crontab", {}),
        ("apscheduler.triggers.cron:BaseField", {}),
        ("apscheduler.triggers.base:BaseTrigger", {}),
        ("", {}),
        (b"os:system", {}),
        (5, {}),
        "os:system",
        ("apscheduler.triggers.cron:CronTrigger", None),
        ("apscheduler.triggers.cron:CronTrigger", {}),
        ("apscheduler.triggers.interval:IntervalTrigger", {"interval": timedelta(0)}),
    ],
    ids=repr,
)
def test_a_combining_trigger_cannot_name_any_other_class(nested: object) -> None:
    state = {"version": 1, "triggers": [nested], "jitter": None}

    expect_refused(row_with_trigger_state(AndTrigger([]), state))


def test_a_tower_of_lists_in_a_trigger_is_not_written_into_the_reason() -> None:
    tower_of_lists: list[Any] = ["x"]
    for _ in range(60):
        tower_of_lists = [tower_of_lists, tower_of_lists]
    cron = TRIGGERS["cron"]

    for row in (
        foreign_row(tower_of_lists),
        foreign_row(id=tower_of_lists),
        foreign_row(args=tower_of_lists),
        row_with_trigger_state(cron, tower_of_lists),
        row_with_trigger_state(cron, {**cron.__getstate__(), "fields": tower_of_lists}),
        row_with_trigger_state(cron, {**cron.__getstate__(), "timezone": tower_of_lists}),
        row_with_trigger_state(AndTrigger([]), {"triggers": [tower_of_lists]}),
    ):
        expect_refused(row)


def with_expression(**attributes: object) -> bytes:
    trigger = CronTrigger(hour="1-5/2", timezone=BERLIN)
    vars(trigger.fields[5].expressions[0]).update(attributes)
    return foreign_row(trigger)


def with_field(**attributes: object) -> bytes:
    trigger = CronTrigger(hour=3, timezone=BERLIN)
    vars(trigger.fields[5]).update(attributes)
    return foreign_row(trigger)


def with_state(kind: str, **attributes: object) -> bytes:
    trigger = TRIGGERS[kind]
    return row_with_trigger_state(trigger, {**trigger.__getstate__(), **attributes})


MISSHAPEN = {
    "a method put on an expression": with_expression(get_next_value=datetime),
    "a step of 0": with_expression(step=0),
    "a step below 0": with_expression(step=-1),
    "a step of a text": with_expression(step="2"),
    "a step of True": with_expression(step=True),
    "a first of None": with_expression(first=None),
    "a first of 10**9": with_expression(first=10**9),
    "a range that is empty": with_expression(first=5, last=4),
    "a range beyond its field": with_expression(first=24, last=25),
    "a method put on a field": with_field(get_next_value=datetime),
    "a field without its default": with_state("cron", fields=[{"name": "year", "expressions": []}] * 8),
    "a field of another name": with_field(name="minute"),
    "a field without expressions": with_field(expressions=[]),
    "a field of 100,000 terms": with_field(expressions=[expressions.AllExpression()] * 100_000),
    "an expression of another field": with_field(expressions=[expressions.LastDayOfMonthExpression()]),
    "an expression that is a text": with_field(expressions=["*"]),
    "seven fields": with_state("cron", fields=TRIGGERS["cron"].fields[:7]),
    "no fields": with_state("cron", fields=None),
    "an unknown attribute": with_state("cron", run="x"),
    "a later version": with_state("cron", version=3),
    "a version of a text": with_state("cron", version="1"),
    "no zone": with_state("cron", timezone=None),
    "a zone by a bad name": with_state("cron", timezone="../../etc/passwd"),
    "a start without a zone": with_state("interval", start_date=datetime(2026, 1, 1)),
    "no start": with_state("interval", start_date=None),
    "an end that is a text": with_state("interval", end_date="2026"),
    "an interval of 0": with_state("interval", interval=timedelta(0)),
    "an interval below 0": with_state("interval", interval=timedelta(seconds=-5)),
    "an interval of a number": with_state("interval", interval=5),
    "a jitter below 0": with_state("interval", jitter=-1),
    "a jitter without end": with_state("interval", jitter=float("inf")),
    "a jitter that is no number": with_state("interval", jitter=float("nan")),
    "a jitter of a text": with_state("interval", jitter="5"),
    "a date without a zone": with_state("date", run_date=datetime(2026, 1, 1)),
    "no date": with_state("date", run_date=None),
    "the end of the calendar": with_state("date", run_date=datetime.max.replace(tzinfo=timezone.min)),
    "an interval of no days": with_state("calendarinterval", interval=[0, 0, 0, 0]),
    "an interval of 10**6 years": with_state("calendarinterval", interval=[10**6, 0, 0, 0]),
    "an interval of -1 months": with_state("calendarinterval", interval=[0, -1, 0, 0]),
    "an interval of three numbers": with_state("calendarinterval", interval=[1, 1, 1]),
    "hour 25": with_state("calendarinterval", time=[25, 0, 0]),
    "a first day that is a text": with_state("calendarinterval", start_date="2026-01-01"),
    "a crontab that is none": with_state("crontab", expression="* * *"),
    "a crontab without end": with_state("crontab", expression="0," * 10_000 + "0 * * * *"),
    "a crontab of a number": with_state("crontab", expression=5),
    "a crontab without a zone": with_state("crontab", timezone=None),
}


@pytest.mark.parametrize("what", MISSHAPEN)
def test_a_trigger_that_is_not_what_it_should_be_is_refused(what: str) -> None:
    expect_refused(MISSHAPEN[what])


@pytest.mark.parametrize("protocol", [0, 1])
def test_protocols_older_than_apscheduler_are_refused(protocol: int) -> None:
    assert "protocol 2 to 5" in expect_refused(pickle.dumps({**job_state(), "trigger": None}, protocol))


def test_what_stands_behind_the_end_is_refused() -> None:
    expect_refused(foreign_row() + foreign_row())
    expect_refused(RowCodec().encode(schedule(), NOW) + b".")


def test_a_row_of_more_than_a_megabyte_is_refused() -> None:
    assert "more than 1048576" in expect_refused(foreign_row(extra="x" * 1024 * 1024))


def test_control_characters_of_a_row_are_escaped_in_the_reason() -> None:
    reason = expect_refused(foreign_row(func="\x1b[2J\r\nnothing\u202e"))

    assert r"\x1b[2J\r\n" in reason


TAIL = RowCodec().encode(schedule(), NOW)[len(body(RowCodec().encode(schedule(), NOW))) :]


@pytest.mark.parametrize(
    "tail",
    [
        TAIL.replace(b"Europe/Berlin", b"Europe/Nowher"),
        TAIL.replace(b"Europe/Berlin", b"../../etc/pas"),
        TAIL.replace(b"\x07\xea\x06\x01", b"\x07\xea\x0d\x01"),
        TAIL.replace(b"\x07\xea\x06\x01", b"\x07\xea\x06\xff"),
        TAIL.replace(b"\x07\xea\x06\x01", b"\x00\x01\x06\x01"),
        TAIL.replace(b"cdatetime\ndatetime\n", b"cos\nsystem\n"),
        TAIL.replace(b"X\x0d\0\0\0Europe", b"X\x0c\0\0\0Europe"),
        TAIL[:-2] + b"N0s.",
        TAIL[:-1],
        TAIL + TAIL,
        b"X\x0d\0\0\0next_run_timeK\x05s.",
    ],
)
def test_a_tail_that_gnomon_did_not_write_is_refused(tail: bytes) -> None:
    row = RowCodec().encode(schedule(), NOW)
    assert tail != TAIL

    expect_refused(body(row) + tail)


# -- whatever becomes of the bytes


VALID = [
    *[RowCodec().encode(schedule(trigger, args=(1, [NOW], {"k": {2}})), NOW) for trigger in TRIGGERS.values()],
    *[
        foreign_row(trigger, protocol, args=("x", date(2026, 1, 1)))
        for trigger in TRIGGERS.values()
        for protocol in (2, 4)
    ],
]
PIECES = [
    b"",
    b".",
    b"N",
    b"R",
    b"b",
    b"\x81",
    b"0",
    b"h\x00",
    b"q\x00",
    b"(",
    b"t",
    b"\x86",
    b"u",
    ALL,
    DATETIME,
    ZONE,
    TAIL,
]


@st.composite
def mutated_rows(draw: st.DrawFn) -> bytes:
    row = bytearray(draw(st.sampled_from(VALID)))
    for _ in range(draw(st.integers(1, 6))):
        start = draw(st.integers(0, len(row)))
        end = min(len(row), start + draw(st.integers(0, 12)))
        row[start:end] = draw(
            st.binary(max_size=4)
            | st.sampled_from(PIECES)
            | st.sampled_from(VALID).flatmap(
                lambda other: st.integers(0, len(other) - 1).map(lambda at: other[at : at + 40])
            )
        )
    return bytes(row)


def expect_refused_or_sound(row: bytes) -> None:
    codec = RowCodec()
    try:
        stored = codec.decode(row)
    except RowRefused as refused:
        reason = str(refused)
    else:
        expect_sound(row, stored, codec)
        return
    assert len(reason) < LONGEST_REASON
    assert reason.isprintable()


def expect_sound(row: bytes, stored: StoredJob, codec: RowCodec) -> None:
    assert isinstance(stored, StoredJob)
    assert stored.next_run_time is None or stored.next_run_time.utcoffset() is not None
    describe(stored.schedule.trigger)
    again = RowCodec().decode(codec.encode(stored.schedule, stored.next_run_time))
    assert parts(again.schedule.trigger) == parts(stored.schedule.trigger)
    assert again.next_run_time == stored.next_run_time
    assert codec.decode(codec.advance(row, None)).next_run_time is None


@given(mutated_rows())
def test_a_row_with_random_changes_is_refused_or_sound(row: bytes) -> None:
    expect_refused_or_sound(row)


@given(st.binary(max_size=200))
def test_random_bytes_are_refused(rubbish: bytes) -> None:
    for row in (rubbish, b"\x80\x03" + rubbish + b".", b"\x80\x04}" + rubbish + TAIL):
        expect_refused_or_sound(row)


@given(
    st.lists(st.sampled_from([bytes([code]) for code in range(256)] + PIECES + [text("a"), zone("UTC")]), max_size=40)
)
def test_random_operations_are_refused_or_sound(operations: list[bytes]) -> None:
    expect_refused_or_sound(row_of_operations(args=in_list(*operations)))
