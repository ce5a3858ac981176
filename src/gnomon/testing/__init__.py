"""For tests of applications that use Gnomon: a clock to set, an engine to step, a store that cleans up.

::

    def test_the_report_is_sent_on_monday():
        clock = ManualClock(datetime(2026, 3, 1, tzinfo=UTC))
        with temporary_store() as url:
            scheduler = Scheduler(url, timezone="UTC", clock=clock)
            scheduler.register(send_report, "cron", day_of_week="mon", hour=6)
            with ManualEngine(scheduler) as engine:
                (run,) = engine.run_until(datetime(2026, 3, 3, tzinfo=UTC))
        assert run.scheduled_at == datetime(2026, 3, 2, 6, tzinfo=UTC)
        assert run.state is RunState.SUCCEEDED
"""

from gnomon.testing.clock import ManualClock
from gnomon.testing.engine import ManualEngine
from gnomon.testing.store import temporary_store

__all__ = ["ManualClock", "ManualEngine", "temporary_store"]
