"""The audit log as a table on a terminal."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.table import Table
from rich.text import Text

from gnomon.cli import moments
from gnomon.cli.output import in_one_line, listing
from gnomon.domain.change import Change
from gnomon.operations.audit import change_in_words


def changes_table(changes: Sequence[Change], now: datetime, *, with_job: bool) -> Table:
    """A row for each change."""
    headings = ["CHANGE", "JOB", "WHEN", "WHO", "WHAT", "WHY"]
    table = listing(*(heading for heading in headings if with_job or heading != "JOB"))
    for change in changes:
        who = f"{change.author.actor} ({change.author.origin.value})"
        cells = [Text(str(change.id)), Text(in_one_line(change.job_id), "bold")][: 2 if with_job else 1]
        cells += [
            Text(moments.distance(change.at, now)),
            Text(in_one_line(who)),
            Text(in_one_line(change_in_words(change))),
            Text(in_one_line(change.author.reason or ""), "dim"),
        ]
        table.add_row(*cells)
    return table
