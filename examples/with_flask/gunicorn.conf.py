"""gunicorn reads this by itself. Each worker fires jobs, for as long as it lives.

Not when a module is imported: under ``--preload`` that happens before the fork, and threads do not cross one.
"""

from typing import Any

graceful_timeout = 60  # seconds that a worker may take to end: as long as a job that should not be cut off


def post_worker_init(_worker: Any) -> None:
    """The worker has forked and loaded the application."""
    from app import scheduler

    scheduler.start()


def worker_exit(_server: Any, _worker: Any) -> None:
    """The worker is about to end: fire nothing more, wait for what runs."""
    from app import scheduler

    scheduler.shutdown()
