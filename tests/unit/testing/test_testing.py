"""What applications get for their own tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import pytest

from gnomon import RunState, Scheduler
from gnomon.errors import InvalidInput
from gnomon.testing import ManualClock, ManualEngine, temporary_store
from tests.jobs import nothing
from tests.processes import wait_until

NEW_YEAR = datetime(2026, 1, 1, tzinfo=UTC)


class TestManualClock:
    def test_it_stands_still_until_it_is_moved(self) -> None:
        clock = ManualClock(NEW_YEAR)
        assert clock() == clock() == NEW_YEAR
        assert clock.advance(hours=1, seconds=0.5) == clock() == NEW_YEAR + timedelta(hours=1, seconds=0.5)
        assert clock.advance(days=-1) == NEW_YEAR + timedelta(hours=-23, seconds=0.5)

    def test_it_tells_utc_whatever_it_was_set_to(self) -> None:
        clock = ManualClock(datetime.fromisoformat("2026-01-01T05:30:00+05:30"))
        assert clock() == NEW_YEAR
        assert clock().tzinfo is UTC

    def test_a_time_without_a_zone_is_refused(self) -> None:
        with pytest.raises(InvalidInput, match="time zone"):
            ManualClock().set(datetime(2026, 1, 1))


class TestTemporaryStore:
    def test_it_is_gone_at_the_end(self) -> None:
        with temporary_store() as url:
            path = Path(url.removeprefix("sqlite:///"))
            scheduler = Scheduler(url)
            scheduler.get_all_jobs()
            scheduler.close()
            assert path.exists()
        assert not path.parent.exists()

    def test_each_is_its_own(self) -> None:
        with temporary_store() as one, temporary_store() as other:
            assert one != other


class TestManualEngine:
    def test_the_example_of_its_documentation_works(self) -> None:
        clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        with temporary_store() as url:
            scheduler = Scheduler(url, timezone="UTC", clock=clock)
            scheduler.register(nothing, "cron", day_of_week="mon", hour=6)
            with ManualEngine(scheduler) as engine:
                (run,) = engine.run_until(datetime(2026, 3, 3, tzinfo=UTC))
        assert run.scheduled_at == datetime(2026, 3, 2, 6, tzinfo=UTC)
        assert run.state is RunState.SUCCEEDED
        assert clock() == datetime(2026, 3, 3, tzinfo=UTC)

    def test_it_wants_a_clock_to_set(self) -> None:
        with temporary_store() as url:
            scheduler = Scheduler(url)
            with pytest.raises(InvalidInput, match="clock=ManualClock"):
                ManualEngine(scheduler)
            scheduler.close()

    def test_nothing_fires_by_itself(self) -> None:
        with temporary_store() as url:
            scheduler = Scheduler(url, timezone="UTC", clock=ManualClock())
            scheduler.register(nothing, "interval", id="job", minutes=1)
            with ManualEngine(scheduler) as engine:
                engine.clock.advance(hours=1)
                scheduler.engine.wakeup()
                assert scheduler.runs() == []
                assert scheduler.update_job_schedule("job", "interval", minutes=2)
                assert {run.state for run in scheduler.runs()} == {RunState.MISSED}  # what was due until then
                engine.clock.advance(hours=1)
                assert len(engine.step()) == 30

    def test_waiting_for_a_run_that_does_not_end_says_which(self) -> None:
        gate = Event()
        with temporary_store() as url:
            scheduler = Scheduler(url, timezone="UTC", clock=ManualClock())
            scheduler.register(lambda: gate.wait(30), "interval", id="stuck", minutes=1)
            with ManualEngine(scheduler) as engine:
                engine.clock.advance(minutes=1)
                engine.step(wait=False)
                with pytest.raises(TimeoutError, match=r"1 runs have not ended after 0\.05 s, of stuck"):
                    engine.settle(seconds=0.05)
                gate.set()
                engine.settle()
                assert [run.state for run in scheduler.runs()] == [RunState.SUCCEEDED]

    def test_afterwards_the_scheduler_is_as_any_other(self) -> None:
        with temporary_store() as url:
            scheduler = Scheduler(url, timezone="UTC", clock=ManualClock())
            scheduler.register(nothing, "date", id="job", run_date=NEW_YEAR + timedelta(minutes=1))
            with ManualEngine(scheduler) as engine:
                engine.clock.advance(minutes=1)
            with scheduler:
                wait_until(lambda: [run.state for run in scheduler.runs()] == [RunState.SUCCEEDED])
