"""The small parts of pages: strips, notices, moments, what is not as the code says."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from markupsafe import Markup

from gnomon.domain.run import RunState
from gnomon.domain.run_query import RunOutline
from gnomon.web.clock import Clock
from gnomon.web.deviations import deviations
from gnomon.web.notices import COOKIE, Notice, cookie_of, notice_in
from gnomon.web.strip import HEIGHT, strip
from gnomon.web.words import element, finalize

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)


def run(state: RunState, seconds: float | None = None) -> RunOutline:
    started = None if seconds is None else NOW - timedelta(hours=1)
    finished = None if seconds is None or started is None else started + timedelta(seconds=seconds)
    return RunOutline(1, "job", state, NOW - timedelta(hours=1), started, finished)


def test_the_longest_run_is_as_high_as_the_strip_and_the_newest_at_its_end() -> None:
    made = strip([run(RunState.SUCCEEDED, 1), run(RunState.FAILED, 100), run(RunState.MISSED)], NOW)
    failed, missed = made.bars
    assert (failed.height, failed.tone, failed.shape) == (HEIGHT, "bad", "ended")
    assert (missed.shape, missed.x) == ("never", made.width - 7)
    assert made.path == f"M{made.width - 21} 25V20"
    assert made.words == ("last 3 runs: 1 succeeded, 1 failed, 1 missed; the newest missed; took 1.0 s to 1 min 40 s")
    assert strip([], NOW).words == "has not run yet"


def test_a_notice_survives_its_cookie_and_nothing_else_does() -> None:
    notice = Notice("paused", "<b>'\"; é", change=7)
    value = cookie_of(notice).partition(";")[0].removeprefix(f"{COOKIE}=")
    assert notice_in(value) == notice
    for other in (None, "", "x", "bm9wZQ", value[:-4] + "AAAA", "W10", "x" * 5000):
        assert notice_in(other) is None


def test_a_moment_is_told_by_both_clocks() -> None:
    told = Clock(NOW, ZoneInfo("Europe/Berlin"))("2026-03-03T08:00:00+00:00", "America/New_York")
    assert (told.far, told.short, told.there) == ("in 20 h", "Tue 09:00", "Tue 03:00 EST")
    assert told.exact == "Tue 2026-03-03 03:00:00 EST = Tue 2026-03-03 09:00:00 CET"
    same = Clock(NOW, UTC)(NOW - timedelta(seconds=90), "UTC")
    assert (same.far, same.until, same.there) == ("90 s ago", "90 s late", "")


def test_what_turns_the_direction_can_be_seen() -> None:
    assert finalize("a\u202eb\x1b[31m\u2066") == "a\\u202eb\\x1b[31m\\u2066"
    assert finalize("مرحبا 🕰️ \n") == "مرحبا 🕰️ \n"
    assert finalize(Markup("<b>")) == "<b>"
    assert finalize(None) == ""


def test_an_element_has_an_id_whatever_the_job_is_called() -> None:
    assert element("a b") != element("a  b")
    assert element('"><script>').removeprefix("job-").isalnum()


def override(**fields: Any) -> dict[str, Any]:
    usual = {
        "value": False,
        "base": True,
        "declared": True,
        "moved": False,
        "actor": "mia",
        "reason": None,
        "changed_at": NOW.isoformat(),
        "expires_at": None,
    }
    return usual | fields


def job(job_id: str, **fields: Any) -> dict[str, Any]:
    return {"id": job_id, "state": "active", "source": "code", "problem": None, "overrides": {}} | fields


def test_what_wants_a_decision_stands_first() -> None:
    soon = (NOW + timedelta(hours=2)).isoformat()
    found = deviations(
        [
            job("as-declared"),
            job("paused", source="override", overrides={"enabled": override()}),
            job("written", source="outside"),
            job("ends", source="override", overrides={"enabled": override(expires_at=soon)}),
            job(
                "moved",
                source="override",
                overrides={"max_instances": override(value=2, base=1, declared=3, moved=True)},
            ),
            job("broken", state="quarantined", problem="it cannot be read"),
        ],
        NOW,
    )
    assert [(each.job["id"], each.kind) for each in found] == [
        ("broken", "quarantined"),
        ("moved", "moved"),
        ("ends", "expiring"),
        ("written", "outside"),
        ("paused", "override"),
    ]
    assert found[1].what == "the code now says 3 instances"
    assert found[4].what == "paused, the code says it fires"


@pytest.mark.parametrize("moment", ["2026-03-02T12:00:03+00:00", "2026-03-02T11:59:57+00:00"])
def test_a_due_time_is_not_late_at_once(moment: str) -> None:
    assert Clock(NOW, UTC)(moment).until in {"in 3 s", "now"}
