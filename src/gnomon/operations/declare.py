"""Starting: what the code declares meets what is stored. What is stored stays."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from typing import Any

from gnomon.domain.declaration import MOVED_FROM, SCHEDULE_FIELDS, Declaration
from gnomon.domain.override import Override
from gnomon.domain.schedule import token
from gnomon.domain.triggers import describe
from gnomon.errors import RowRefused
from gnomon.operations.ports import Context
from gnomon.operations.read import current_token

logger = logging.getLogger("gnomon.operations")


def start_all(context: Context, declarations: Sequence[Declaration]) -> list[str]:
    """Add the jobs that are not stored; remember what the code says now. Returns the ids that were added.

    A job whose schedule is stored keeps it: trigger, paused or not, next run time. Starting twice changes nothing.
    """
    store = context.store
    with store.database.read():
        stored, bases = store.schedules.ids(), store.records.bases()
    texts = {d.job_id: _text(d, bases.get(d.job_id)) for d in declarations}
    if all(bases.get(job_id) == text and job_id in stored for job_id, text in texts.items()):
        return []
    with store.database.transaction("declare"):
        # Nodes of a new version start at the same time, and each would add what it found missing.
        store.database.one_at_a_time()
        stored, bases = store.schedules.ids(), store.records.bases()
        added = [declaration for declaration in declarations if declaration.job_id not in stored]
        removed = [declaration.job_id for declaration in added if bases.pop(declaration.job_id, None) is not None]
        if removed:  # by whatever program; what operators had made of it went with the row
            store.records.forget(removed)
        texts = {d.job_id: _text(d, bases.get(d.job_id)) for d in declarations}
        for declaration in added:
            _add(context, declaration)
        _remember(context, declarations, texts, bases, {declaration.job_id for declaration in added})
    if added:
        logger.info("stored %d new jobs", len(added))
    return [declaration.job_id for declaration in added]


def _add(context: Context, declaration: Declaration) -> None:
    options: dict[str, Any] = {} if declaration.enabled else {"next_run_time": None}
    context.engine.add_job(
        declaration.func,
        declaration.trigger,
        id=declaration.job_id,
        name=declaration.name,
        args=declaration.args,
        kwargs=dict(declaration.kwargs),
        misfire_grace_time=declaration.misfire_grace_time,
        coalesce=declaration.coalesce,
        max_instances=declaration.max_instances,
        **options,
    )


def _remember(
    context: Context, declarations: Sequence[Declaration], texts: dict[str, str], bases: dict[str, str], added: set[str]
) -> None:
    store = context.store
    moved = [d for d in declarations if d.job_id in added or bases.get(d.job_id) != texts[d.job_id]]
    if not moved:
        return
    at = store.database.now()
    store.records.declare([(d.job_id, texts[d.job_id], None) for d in moved], at=at)
    fresh = [d for d in moved if d.job_id in added or d.job_id not in bases]
    rows = store.schedules.some([d.job_id for d in fresh])
    tokens = []
    for declaration in fresh:
        row = rows[declaration.job_id]
        try:
            if declaration.job_id in added:
                current = token(context.decode(row).schedule, declaration.enabled)
            else:
                _adopt(context, declaration)
                current = current_token(context, row)
        except RowRefused as error:
            logger.warning("job %r is quarantined: %s", declaration.job_id, error)
        else:
            tokens.append((declaration.job_id, texts[declaration.job_id], current))
    if tokens:
        store.records.declare(tokens, at=at)


def _adopt(context: Context, declaration: Declaration) -> None:
    """A row that was there before Gnomon: what differs from the code counts as changed by an operator."""
    store = context.store
    row = store.schedules.get(declaration.job_id)
    assert row is not None
    stored, base = context.decode(row), declaration.base()
    found = describe(stored.schedule.trigger)
    args = dict(found.args)
    if not declaration.fixed_start:
        args.pop("start_date", None)
    values: dict[str, tuple[Any, Any]] = {
        "misfire_grace_time": (stored.schedule.misfire_grace_time, base["misfire_grace_time"]),
        "coalesce": (stored.schedule.coalesce, base["coalesce"]),
        "max_instances": (stored.schedule.max_instances, base["max_instances"]),
        "enabled": (stored.next_run_time is not None, base["enabled"]),
        "trigger": ([found.kind, args], [base["trigger"], base["trigger_args"]]),
    }
    for field, (value, declared) in values.items():
        if value != declared:
            store.records.override(
                Override(
                    job_id=row.id,
                    field=field,
                    value=value,
                    base=declared,
                    actor="adopted",
                    reason="stood in the table before Gnomon",
                    changed_at=store.database.now(),
                )
            )


def _text(declaration: Declaration, stored: str | None) -> str:
    """What is stored of a declaration.

    What the stored schedule was declared as is kept beside what it is declared as now, for as long as they differ: the
    stored schedule stays, and whoever compares later has to know what it was.
    """
    base = declaration.base()
    if stored is not None:
        earlier = json.loads(stored)
        followed = {**earlier, **earlier.get(MOVED_FROM, {})}
        moved = {field: followed[field] for field in SCHEDULE_FIELDS if followed[field] != base[field]}
        if moved:
            base[MOVED_FROM] = moved
    return json.dumps(base, sort_keys=True, separators=(",", ":"))
