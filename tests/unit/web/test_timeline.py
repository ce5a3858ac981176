"""The next 24 hours as they are drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from gnomon.domain.calendar import Calendar, JobCalendar
from gnomon.domain.triggers import build, describe, next_fire
from gnomon.web.timeline import Timeline, timeline

NOW = datetime(2026, 3, 2, 22, 10, tzinfo=UTC)


def job(job_id: str, kind: str, exceptions: Sequence[Mapping[str, Any]] = (), **args: Any) -> dict[str, Any]:
    trigger = build(kind, args, timezone="UTC", now=NOW)
    described = describe(trigger)
    fire = next_fire(trigger, previous=None, now=NOW)
    return {
        "id": job_id,
        "name": job_id,
        "state": "active",
        "trigger": described.kind,
        "trigger_args": described.args,
        "schedule": described.words,
        "timezone": described.timezone,
        "exceptions": exceptions,
        "next_run_time": None if fire is None else fire.isoformat(),
        "next_start": None if fire is None else fire.isoformat(),
        "problem": None,
    }


def drawn(*jobs: dict[str, Any], zone: str = "UTC", without: Sequence[date] = ()) -> Timeline:
    """``without``: what the calendar of all of them leaves out."""
    calendar = JobCalendar("holidays", Calendar("holidays", dict.fromkeys(without, "")))
    return timeline(jobs, NOW, ZoneInfo(zone), {each["id"]: calendar for each in jobs} if without else {})


def test_a_job_of_once_a_day_has_one_mark_at_its_minute() -> None:
    (lane,) = drawn(job("daily", "cron", hour=10, minute=10)).lanes
    assert [(mark.left, mark.width) for mark in lane.marks] == [(50.0, 0.0)]


def test_a_job_that_fires_all_the_time_is_one_bar() -> None:
    for often in (
        job("a", "interval", seconds=1),
        job("b", "cron", minute="*"),
        job("c", "crontab", expression="*/15 * * * *"),
    ):
        (lane,) = drawn(often).lanes
        assert len(lane.marks) == 1
        assert lane.marks[0].width > 97


def test_a_bar_is_only_where_it_fires() -> None:
    (lane,) = drawn(job("night", "cron", hour="2-3", minute="*/5")).lanes
    (mark,) = lane.marks
    assert abs(mark.left - (3 + 50 / 60) / 24 * 100) < 0.1
    assert abs(mark.width - 2 / 24 * 100) < 0.1


def exception(hour: int, to: datetime | None = None, minute: int = 0) -> dict[str, Any]:
    return {
        "scheduled_at": datetime(2026, 3, 3, hour, minute, tzinfo=UTC).isoformat(),
        "to": None if to is None else to.isoformat(),
    }


def test_a_run_that_is_skipped_has_no_mark_and_one_that_is_moved_has_it_there() -> None:
    made = [exception(4), exception(10, to=datetime(2026, 3, 3, 10, 10, tzinfo=UTC))]
    (lane,) = drawn(job("few", "cron", hour="4,10,16", exceptions=made)).lanes
    assert [mark.left for mark in lane.marks] == [50.0, round((17 + 50 / 60) / 24 * 100, 2)]
    (lane,) = drawn(job("late", "date", run_date="2026-03-05 04:00", exceptions=[])).lanes or (None,)
    assert lane is None


def test_one_skipped_run_of_many_leaves_the_bar_whole() -> None:
    (lane,) = drawn(job("often", "cron", minute="*/5", exceptions=[exception(4), exception(5, minute=15)])).lanes
    assert len(lane.marks) == 1


def test_a_herd_is_pointed_out() -> None:
    herd = drawn(*(job(f"j{number}", "cron", hour=0) for number in range(9)), job("other", "cron", hour=5))
    assert herd.busiest is not None
    assert (herd.busiest.count, herd.busiest.at) == (9, datetime(2026, 3, 3, tzinfo=UTC))
    assert drawn(job("one", "cron", hour=0), job("two", "cron", hour=1)).busiest is None


def test_many_jobs_share_lanes_by_the_beginning_of_their_ids() -> None:
    few = drawn(*(job(f"tenant-{number}", "cron", hour=number) for number in range(3)))
    assert [lane.name for lane in few.lanes] == ["tenant-0", "tenant-1", "tenant-2"]
    many = drawn(*(job(f"tenant-{number}", "cron", hour=number) for number in range(20)), job("alone", "cron", hour=1))
    assert [(lane.name, lane.jobs, lane.job_id) for lane in many.lanes] == [("tenant", 20, None), ("alone", 1, "alone")]
    others = drawn(*(job(f"x{number}", "cron", hour=1) for number in range(40)))
    assert (len(others.lanes), others.more) == (12, 28)


def test_a_whole_day_is_told_and_no_more() -> None:
    """The quarter of an hour that goes on began before now."""
    (lane,) = drawn(job("late", "cron", hour=22, minute=9)).lanes
    assert [mark.left for mark in lane.marks] == [99.93]
    assert drawn(job("later", "date", run_date="2026-03-03T22:10:00+00:00")).lanes == ()


def test_what_does_not_fire_has_no_lane() -> None:
    paused = job("paused", "cron", hour=1) | {"state": "paused", "next_run_time": None}
    later = job("later", "date", run_date="2026-04-01T00:00:00+00:00")
    assert drawn(paused, later).lanes == ()


def test_what_only_code_can_make_is_drawn_as_far_as_it_is_known() -> None:
    odd = job("odd", "cron", hour=1) | {"trigger": "and", "trigger_args": {}}
    late = job("late", "cron", hour=1) | {"next_run_time": (NOW - timedelta(hours=1)).isoformat()}
    lanes = drawn(odd, late).lanes
    assert len(lanes[0].marks) == 1
    assert lanes[1].marks[0].left == 0.0


def test_the_scale_is_the_readers() -> None:
    hours = drawn(job("a", "cron", hour=1), zone="Asia/Kolkata").hours
    assert len(hours) == 24
    assert hours[0].label == "04:30"
    assert "Tue" in {hour.label for hour in drawn(job("a", "cron", hour=1), zone="UTC").hours}


def test_dates_that_a_calendar_leaves_out_are_empty() -> None:
    daily, often = job("daily", "cron", hour=10, minute=10), job("often", "interval", minutes=5)
    assert len(drawn(daily, often).lanes) == 2
    (lane,) = drawn(daily, often, without=[date(2026, 3, 3)]).lanes
    (mark,) = lane.marks
    assert lane.job_id == "often"
    assert abs(mark.left + mark.width - (1 + 50 / 60) / 24 * 100) < 0.1  # until midnight


def test_a_calendar_counts_dates_in_the_zone_of_the_job() -> None:
    kiritimati = job("kiritimati", "cron", hour=13, minute=0, timezone="Pacific/Kiritimati")  # 23:00 of the day before
    assert drawn(kiritimati, without=[date(2026, 3, 3)]).lanes == ()
    assert len(drawn(kiritimati, without=[date(2026, 3, 2)]).lanes) == 1


def test_a_run_that_was_moved_from_a_date_that_is_left_out_is_drawn_where_it_starts() -> None:
    due = datetime(2026, 3, 3, 10, tzinfo=UTC)
    moved = {"scheduled_at": due.isoformat(), "to": (due + timedelta(hours=2)).isoformat()}
    (lane,) = drawn(job("daily", "cron", [moved], hour=10), without=[date(2026, 3, 3)]).lanes
    assert [mark.left for mark in lane.marks] == [round((13 + 50 / 60) / 24 * 100, 2)]


def test_a_job_that_is_held_has_no_lane() -> None:
    held = job("held", "cron", hour=10)
    assert drawn(held | {"problem": "its calendar does not exist", "next_start": None}).lanes == ()
