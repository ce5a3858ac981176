"""Gnomon: recurring jobs for Python. What you see is what will fire."""

from typing import TYPE_CHECKING, Any

from gnomon.executors.current import CurrentRun, current_run

if TYPE_CHECKING:
    from gnomon.domain.override import DEFAULT
    from gnomon.domain.run import Cause, Run, RunState
    from gnomon.scheduler import Scheduler
    from gnomon.settings import Settings

__all__ = ["DEFAULT", "Cause", "CurrentRun", "Run", "RunState", "Scheduler", "Settings", "current_run"]

_LAZY = {
    "DEFAULT": "gnomon.domain.override",
    "Cause": "gnomon.domain.run",
    "Run": "gnomon.domain.run",
    "RunState": "gnomon.domain.run",
    "Scheduler": "gnomon.scheduler",
    "Settings": "gnomon.settings",
}


def __getattr__(name: str) -> Any:
    # A worker process that runs jobs needs `current_run` and not the database: it starts four times as fast so.
    module = _LAZY.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(module), name)
