"""``manage.py run_jobs``: fire the project's jobs in a process of its own, until SIGINT or SIGTERM."""

import signal
import time
from types import FrameType
from typing import Any

from django.core.management.base import BaseCommand

from reports.jobs import scheduler


class Command(BaseCommand):
    """Any number may run, beside each other and beside workers that fire too."""

    help = "Fires the project's jobs until it is stopped."
    asked_to_stop = False

    def handle(self, *_args: Any, **_options: Any) -> None:
        """Fire; at the end, wait for what runs."""
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, self._stop)
        with scheduler:
            self.stdout.write("firing jobs; Ctrl-C ends it")
            while not self.asked_to_stop:
                time.sleep(0.2)

    def _stop(self, _number: int, _frame: FrameType | None) -> None:
        self.asked_to_stop = True
