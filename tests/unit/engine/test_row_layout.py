"""The bytes of a row."""

from __future__ import annotations

import pickletools
from datetime import UTC, datetime, timedelta, timezone
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.engine.row_codec import RowCodec, body
from gnomon.engine.row_layout import next_run_time_in, split, with_tail
from tests.unit.engine.rows import NOW, foreign_row, schedule

ZONES = [UTC, ZoneInfo("Europe/Berlin"), ZoneInfo("Etc/GMT+12"), ZoneInfo("America/Argentina/Buenos_Aires")]
OFFSETS = st.timedeltas(timedelta(hours=-23), timedelta(hours=23)).map(timezone)


@given(
    st.datetimes(
        datetime(1971, 1, 1), datetime(2300, 1, 1), timezones=st.sampled_from(ZONES) | OFFSETS, allow_imaginary=True
    )
)
def test_a_tail_is_recognised_and_read_as_the_instant_that_was_written(moment: datetime) -> None:
    row = with_tail(b"body", moment)

    stands, tail = split(row)
    read = next_run_time_in(tail)

    assert stands == b"body"
    assert read is not None
    assert (read.replace(tzinfo=None), read.fold) == (moment.replace(tzinfo=None), moment.fold)
    assert read.utcoffset() == moment.utcoffset()


def test_a_tail_without_a_time_is_recognised() -> None:
    assert split(with_tail(b"body", None))[0] == b"body"


@given(st.binary(max_size=500))
def test_a_body_can_be_taken_of_any_bytes(anything: bytes) -> None:
    assert isinstance(body(anything), bytes)


@given(st.binary(max_size=300), st.binary(max_size=300))
def test_bytes_that_only_contain_a_tail_have_none(before: bytes, behind: bytes) -> None:
    tail = with_tail(b"", NOW)

    assert split(before + tail + b"\0" + behind + b".")[1] == b""


def test_a_row_of_ours_is_one_pickle_of_protocol_3_without_frames() -> None:
    operations = [operation.name for operation, _, _ in pickletools.genops(RowCodec().encode(schedule(), NOW))]

    assert operations[0] == "PROTO"
    assert not {"FRAME", "MEMOIZE"} & set(operations)
    assert operations.count("STOP") == 1


@pytest.mark.parametrize("protocol", [4, 5])
def test_the_frame_of_a_foreign_row_no_longer_covers_the_stop_that_went(protocol: int) -> None:
    row = foreign_row(protocol=protocol)

    length = int.from_bytes(body(row)[3:11], "little")

    assert 11 + length == len(body(row)) == len(row) - 1


def test_rows_of_jobs_with_one_trigger_begin_alike() -> None:
    first, second = (RowCodec().encode(schedule(job_id=job_id), NOW) for job_id in ("a", "another"))

    others = first.index(b"version", 1000)
    assert first[:others] == second[:others]
