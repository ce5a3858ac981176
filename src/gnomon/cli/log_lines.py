"""Lines of the log: a record begins a line, and nothing that it quotes can look like another record."""

from __future__ import annotations

import logging
import sys

from gnomon.cli.output import in_one_line, printable

_FORMAT = "%(asctime)s %(levelname)-7s %(name)s: %(message)s"
_TIME = "%Y-%m-%dT%H:%M:%S%z"


class PlainLines(logging.Formatter):
    """One line for a message, with control characters made visible; tracebacks follow it, moved in.

    What is logged may come from anywhere: the name of a job, the words of a database, an error in somebody's code.
    """

    def __init__(self) -> None:
        super().__init__(_FORMAT, _TIME)

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 -- the name that logging calls
        """The line of a record."""
        record.message = in_one_line(record.message)
        return super().formatMessage(record)

    def format(self, record: logging.LogRecord) -> str:
        """The line, and below it what belongs to it."""
        first, *rest = super().format(record).splitlines()
        return "\n".join([first, *(f"    {printable(line)}" for line in rest)])


def log_to_stderr(level: str) -> None:
    """Log from here on, everything of Gnomon's and what is important of others'."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(PlainLines())
    logging.basicConfig(level=level, handlers=[handler])
    if level != "DEBUG":
        for name in ("uvicorn", "apscheduler", "alembic"):
            logging.getLogger(name).setLevel(logging.WARNING)
