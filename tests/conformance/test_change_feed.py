"""A change made in another process wakes an engine that sleeps."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest

from gnomon import RunState, Scheduler, Settings
from tests.jobs import nothing
from tests.processes import output_of, wait_until

CHANGE = """
    import sys
    from gnomon import Scheduler
    scheduler = Scheduler(sys.argv[1], timezone="UTC")
    assert scheduler.update_job_schedule("far", "interval", seconds=1)
    print(scheduler.run_job("other"))
"""


@pytest.fixture
def sleeping(another_scheduler: Callable[..., Scheduler]) -> Iterator[Scheduler]:
    """An engine that would look again in a minute."""
    scheduler = another_scheduler(clock=None, settings=Settings(longest_sleep=60))
    scheduler.register(nothing, "interval", id="far", hours=9)
    scheduler.register(nothing, "interval", id="other", hours=9)
    with scheduler:
        wait_until(lambda: scheduler.health()["last_pass_seconds_ago"] is not None)
        yield scheduler


def test_a_change_and_a_run_from_another_process_start_before_the_sleep_is_over(
    sleeping: Scheduler, migrated_url: str
) -> None:
    run_id = int(output_of(CHANGE, migrated_url))
    wait_until(lambda: sleeping.run(run_id).state is RunState.SUCCEEDED, seconds=40)
    wait_until(lambda: sleeping.runs("far", states=[RunState.SUCCEEDED]), seconds=40)


def test_an_earlier_time_set_in_this_process_wakes_it_too(sleeping: Scheduler) -> None:
    assert sleeping.update_job_schedule("far", "interval", seconds=1)
    wait_until(lambda: sleeping.runs("far"), seconds=40)


def test_a_job_declared_while_it_sleeps_fires_at_its_time(sleeping: Scheduler) -> None:
    sleeping.register(nothing, "interval", id="new", seconds=1)
    wait_until(lambda: sleeping.runs("new", states=[RunState.SUCCEEDED]), seconds=40)
