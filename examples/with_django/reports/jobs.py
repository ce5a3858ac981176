"""The jobs of ``reports``, and the project's scheduler."""

import functools
import os
from collections.abc import Callable
from typing import ParamSpec, TypeVar

from django.conf import settings
from django.db import close_old_connections

from gnomon import Scheduler, current_run

P = ParamSpec("P")
R = TypeVar("R")

scheduler = Scheduler(settings.GNOMON_STORE, timezone=settings.TIME_ZONE)


def with_database(job: Callable[P, R]) -> Callable[P, R]:
    """Give the job a live connection, and give it back: what Django does around a request, nobody does around a job."""

    @functools.wraps(job)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> R:
        close_old_connections()
        try:
            return job(*args, **kwargs)
        finally:
            close_old_connections()

    return wrapped


@scheduler.job("interval", seconds=1)
@with_database
def heartbeat() -> None:
    """Adds a row: which time, run by which process."""
    from reports.models import Report  # models can be imported once Django is ready

    Report.objects.create(scheduled_at=current_run().scheduled_at, process=os.getpid())
