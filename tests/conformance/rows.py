"""The table as other programs see and write it: by SQL, around Gnomon."""

from __future__ import annotations

from typing import Any

from sqlalchemy import text

from gnomon import Scheduler


def stored(scheduler: Scheduler, job_id: str) -> tuple[Any, Any]:
    """``(next_run_time, job_state)`` of a row, as they stand."""
    with scheduler.store.database.engine.connect() as connection:
        found = connection.execute(
            text("SELECT next_run_time, job_state FROM apscheduler_jobs WHERE id = :id"), {"id": job_id}
        ).one()
    state = found[1]
    return found[0], bytes(state) if isinstance(state, bytes | memoryview) else state


def overwrite(scheduler: Scheduler, job_id: str, **columns: Any) -> None:
    """Set columns of a row. No hint is left for anybody."""
    changes = ", ".join(f"{name} = :{name}" for name in columns)
    with scheduler.store.database.engine.begin() as connection:
        done = connection.execute(
            text(f"UPDATE apscheduler_jobs SET {changes} WHERE id = :id"), {**columns, "id": job_id}
        )
        assert done.rowcount == 1


def insert(scheduler: Scheduler, job_id: str, next_run_time: Any, job_state: Any) -> None:
    """Add a row."""
    with scheduler.store.database.engine.begin() as connection:
        connection.execute(
            text("INSERT INTO apscheduler_jobs VALUES (:id, :next_run_time, :job_state)"),
            {"id": job_id, "next_run_time": next_run_time, "job_state": job_state},
        )
