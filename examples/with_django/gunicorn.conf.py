"""gunicorn reads this by itself. Each worker fires jobs, for as long as it lives."""

from typing import Any

graceful_timeout = 60  # seconds that a worker may take to end: as long as a job that should not be cut off


def post_worker_init(_worker: Any) -> None:
    """The worker has forked and loaded the project: models can be used."""
    from reports.jobs import scheduler

    scheduler.start()


def worker_exit(_server: Any, _worker: Any) -> None:
    """The worker is about to end: fire nothing more, wait for what runs."""
    from reports.jobs import scheduler

    scheduler.shutdown()
