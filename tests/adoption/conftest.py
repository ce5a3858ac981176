"""Databases of applications that never heard of Gnomon."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from apscheduler.jobstores.sqlalchemy import SQLAlchemyJobStore
from apscheduler.schedulers.background import BackgroundScheduler
from sqlalchemy import create_engine, text

from tests.cli.conftest import (  # fixtures of all tests here
    _no_store_of_the_environment,
    _path_as_it_was,
    gnomon,
)

__all__ = ["_no_store_of_the_environment", "_path_as_it_was", "gnomon"]

Plain = Callable[..., BackgroundScheduler]
FAR = "2099-01-01 00:00:00"


@pytest.fixture(autouse=True)
def _old_application(monkeypatch: pytest.MonkeyPatch, _path_as_it_was: None) -> None:
    """Its module can be imported under the name that the rows know."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    for module in ("old_application", "new_application", "its_own"):
        monkeypatch.delitem(sys.modules, module, raising=False)


@pytest.fixture
def plain(store_url: str) -> Iterator[Plain]:
    """Makes the application's plain APScheduler on the database, by default without firing."""
    with ExitStack() as stack:

        def make(table: str = "apscheduler_jobs", *, paused: bool = True, of: Any = BackgroundScheduler) -> Any:
            store = SQLAlchemyJobStore(url=store_url, tablename=table)
            scheduler = of(timezone="UTC", jobstores={"default": store})
            scheduler.start(paused=paused)
            stack.callback(store.engine.dispose)
            stack.callback(lambda: scheduler.shutdown() if scheduler.running else None)
            return scheduler

        yield make


def rows_in(url: str, table: str = "apscheduler_jobs") -> dict[str, tuple[float | None, bytes]]:
    """The rows of a table, as they stand."""
    engine = create_engine(url)
    with engine.connect() as connection:
        found = connection.execute(text(f"SELECT id, next_run_time, job_state FROM {table}")).all()
    engine.dispose()
    return {row[0]: (row[1], bytes(row[2])) for row in found}
