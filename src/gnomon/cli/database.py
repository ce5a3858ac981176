"""``gnomon db``: the tables."""

from __future__ import annotations

import typer
from rich.text import Text

from gnomon.cli.output import screen
from gnomon.cli.store_option import StoreOption, store_url
from gnomon.store import Store, inspection

db = typer.Typer(no_args_is_help=True, help="Look after the tables of a store.")


@db.command()
def upgrade(store: StoreOption = None) -> None:
    """Move Gnomon's tables on to this version; make them where there are none.

    SQLite does that by itself when a scheduler starts. On PostgreSQL many nodes share the tables, so it is done by
    this command, once for each new version that needs it. APScheduler's own table stays as it is.

    Examples:
      gnomon db upgrade --store postgresql://gnomon@localhost/jobs
    """
    opened = Store(store_url(store))
    try:
        before = inspection.version(opened.database)
        after = opened.upgrade()
    finally:
        opened.close()
    was, console = before or "none", screen()
    if before == after:
        console.print(f"The tables of {opened.shown_url} are of version {after}: nothing to do.")
    else:
        console.print(Text.assemble(("✓ ", "green"), f"{opened.shown_url}: version {was} → {after}"))
