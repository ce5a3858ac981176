"""Which store a command works on: ``--store URL``, ``--app TARGET``, ``GNOMON_STORE``, or ``gnomon.db`` right here."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from gnomon.cli import target
from gnomon.cli.exits import BadUsage
from gnomon.errors import StoreUnavailable
from gnomon.scheduler import Scheduler
from gnomon.store import Store, inspection

DEFAULT_STORE = "sqlite:///gnomon.db"
VARIABLE = "GNOMON_STORE"

StoreOption = Annotated[
    str | None,
    typer.Option(
        "--store",
        metavar="URL",
        help=f"sqlite:///path.db, just the path, or postgresql://…; otherwise ${VARIABLE}, otherwise {DEFAULT_STORE}",
        show_default=False,
    ),
]
AppOption = Annotated[
    str | None,
    typer.Option(
        "--app",
        metavar="TARGET",
        help="module:attribute of an application's Scheduler, in place of --store",
        show_default=False,
    ),
]


def store_url(given: str | None) -> str:
    """The URL that is meant; a path stands for an SQLite file."""
    url = given or os.environ.get(VARIABLE) or DEFAULT_STORE
    return url if ":" in url else f"sqlite:///{url}"


@contextmanager
def opened(store: str | None, app: str | None = None, *, may_create: bool = False) -> Iterator[Scheduler]:
    """A scheduler that is not started, on a store that exists; closed at the end.

    Nothing is made by a command that only looks: raises ``StoreUnavailable`` for an SQLite file that is not there or
    holds no jobs. With ``may_create`` it is made by the first thing that needs it.
    """
    if store is not None and app is not None:
        raise BadUsage("--store and --app both say where the jobs stand; give one of them")
    scheduler = target.load(app) if app is not None else Scheduler(store_url(store))
    try:
        if not may_create:
            check_exists(stored_in(scheduler))
            scheduler.open()
        yield scheduler
    finally:
        scheduler.close()


def stored_in(scheduler: Scheduler) -> Store:
    """The store of a scheduler, not opened: for looking before anything is made."""
    return scheduler.engine.job_store.store


def is_there(store: Store) -> bool:
    """Whether there is a store, so that opening it makes nothing new."""
    return store.exists() and _holds_jobs(store)


def _holds_jobs(store: Store) -> bool:
    with store.named_if_unavailable():
        return inspection.holds_jobs(store.database)


def check_file(store: Store) -> None:
    """Raises ``StoreUnavailable`` where somebody else's database was given as a file that is not there."""
    if not store.exists():
        path = Path(str(store.url.database))
        raise StoreUnavailable(f"there is no file {path} (in {path.resolve().parent}); give the path of a database")


def check_exists(store: Store) -> None:
    """Raises ``StoreUnavailable`` where opening the store would make a new one in its place."""
    if not store.exists():
        path = Path(str(store.url.database))
        raise StoreUnavailable(
            f"there is no store {path} (in {path.resolve().parent}); name another with --store or ${VARIABLE}, "
            "or start a scheduler, which makes it: `gnomon serve TARGET`"
        )
    if not _holds_jobs(store):
        raise StoreUnavailable(
            f"{store.shown_url} has neither Gnomon's tables nor APScheduler's; name another with --store or "
            f"${VARIABLE}, or start a scheduler on it, which makes them: `gnomon serve TARGET`"
        )
