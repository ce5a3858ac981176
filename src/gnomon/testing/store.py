"""A store that goes with the test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory


@contextmanager
def temporary_store() -> Iterator[str]:
    """The URL of an SQLite store that does not exist yet, and that is removed at the end."""
    with TemporaryDirectory(prefix="gnomon-") as directory:
        yield f"sqlite:///{Path(directory) / 'jobs.db'}"
