"""``gnomon revert``, ``keep``, ``changes`` and ``undo``, and changes that expire."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from gnomon import Scheduler
from gnomon.cli.until import moment_of
from gnomon.errors import InvalidInput
from gnomon.testing import ManualClock
from tests.cli.conftest import Gnomon, nightly, reading


def deploy(url: str, hour: int, minutes: int) -> None:
    """The program starts with another default, so many minutes from now."""
    clock = ManualClock(datetime.now(UTC) + timedelta(minutes=minutes))
    with closing(Scheduler(url, timezone="Europe/Berlin", clock=clock)) as scheduler:
        scheduler.register(nightly, "cron", hour=hour, minute=30)
        scheduler.start_all_jobs()


def shown(url: str, job: str = "nightly") -> dict[str, Any]:
    with reading(url) as scheduler:
        return scheduler.get_job(job)


def test_a_change_expires_when_it_is_said_to(gnomon: Gnomon, store: str) -> None:
    until = (datetime.now(UTC) + timedelta(days=1)).isoformat(timespec="seconds")
    done = gnomon("set", "nightly", "cron", "hour=5", "--until", until, "--yes", "--json", "--store", store)
    assert done.json["overrides"]["trigger"]["expires_at"] == until
    assert gnomon("pause", "tick", "--until", "2h", "--store", store).code == 0
    expires_at = datetime.fromisoformat(shown(store, "tick")["overrides"]["enabled"]["expires_at"])
    assert timedelta(hours=1) < expires_at - datetime.now(UTC) <= timedelta(hours=2)
    assert "until" in gnomon("show", "nightly", "--store", store).out
    refused = gnomon("pause", "nightly", "--until", "soon", "--store", store)
    assert (refused.code, "--until" in refused.err) == (2, True)


@pytest.mark.parametrize(("text", "hours"), [("30min", 0.5), ("2h", 2), ("3d", 72), ("1w", 168), ("90m", 1.5)])
def test_a_span_counts_from_now(text: str, hours: float) -> None:
    before = datetime.now(UTC)
    moment = moment_of(text)
    assert moment is not None
    assert before <= moment - timedelta(hours=hours) <= datetime.now(UTC)


@pytest.mark.parametrize("text", ["", "tomorrow", "99999999999d", "-2h", "2026-13-01"])
def test_what_is_no_time_is_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="--until"):
        moment_of(text)


def test_what_was_changed_is_reverted_as_shown_before(gnomon: Gnomon, store: str) -> None:
    gnomon("set", "nightly", "cron", "hour=5", "--max-instances", "3", "--yes", "--store", store)
    asked = gnomon("revert", "nightly", "--store", store)
    assert asked.code == 2
    assert "at 05:00" in asked.out
    assert "at 03:30" in asked.out
    assert gnomon("revert", "nightly", "max_instances", "--yes", "--store", store).code == 0
    assert set(shown(store)["overrides"]) == {"trigger"}
    done = gnomon("revert", "nightly", "--yes", "--reason", "as it was", "--store", store)
    assert "is as the code says" in done.out
    assert shown(store)["source"] == "code"
    assert "Nothing to change" in gnomon("revert", "nightly", "--yes", "--store", store).out
    assert gnomon("revert", "nightly", "hour", "--yes", "--store", store).code == 1


def test_a_moved_default_is_shown_kept_or_followed(gnomon: Gnomon, store: str) -> None:
    gnomon("set", "nightly", "cron", "hour=5", "--max-instances", "3", "--yes", "--store", store)
    deploy(store, 4, minutes=1)
    page = gnomon("show", "nightly", "--store", store).out
    assert "the code says at 04:30" in page
    assert "it said at 03:30" in page
    assert gnomon("keep", "nightly", "--store", store).code == 0
    assert shown(store)["overrides"]["trigger"]["moved"] is False
    assert gnomon("keep", "nightly", "--store", store).code == 1
    deploy(store, 6, minutes=2)
    assert gnomon("revert", "nightly", "--moved", "--yes", "--store", store).code == 0
    job = shown(store)
    assert (job["trigger_args"]["hour"], set(job["overrides"])) == ("6", {"max_instances"})


def test_the_log_of_changes_is_told_and_a_change_is_taken_back(gnomon: Gnomon, store: str) -> None:
    assert "Nothing was changed yet" in gnomon("changes", "--store", store).out
    gnomon("set", "nightly", "cron", "hour=5", "--yes", "--reason", "late export", "--store", store)
    gnomon("pause", "tick", "--store", store)
    listed = gnomon("changes", "--store", store)
    assert "at 03:30" in listed.out
    assert "late export" in listed.out
    newest, first = gnomon("changes", "--json", "--store", store).json
    assert (newest["job_id"], newest["action"], first["reason"]) == ("tick", "pause", "late export")
    assert gnomon("changes", "nightly", "--json", "--store", store).json == [first]
    assert gnomon("changes", "--actor", "nobody", "--json", "--store", store).json == []
    assert gnomon("changes", "--since", "2099-01-01", "--json", "--store", store).json == []
    asked = gnomon("undo", str(first["id"]), "--store", store)
    assert (asked.code, "late export" in asked.out) == (2, True)
    assert gnomon("undo", str(first["id"]), "--yes", "--store", store).code == 0
    assert shown(store)["trigger_args"]["hour"] == "3"
    again = gnomon("undo", str(first["id"]), "--yes", "--store", store)
    assert again.code == 1
    assert "was changed since by change" in again.err
    assert gnomon("undo", "4711", "--yes", "--store", store).code == 3


def test_the_policies_of_a_change_are_told_in_words(gnomon: Gnomon, store: str) -> None:
    gnomon("set", "tick", "--misfire-grace-time", "none", "--no-coalesce", "--yes", "--store", store)
    told = gnomon("changes", "tick", "--store", store).out
    assert "misfire grace time 3600 s → no limit" in told
    assert "coalesce yes → no" in told
