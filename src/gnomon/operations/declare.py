"""Starting: what the code declares meets what is stored and what operators made of it, field by field."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import Any, NamedTuple

from gnomon.domain.change import Author, Origin
from gnomon.domain.declaration import Declaration
from gnomon.domain.override import FIELDS, Fate, Override, declared_value, fate, is_same
from gnomon.domain.schedule import token
from gnomon.domain.triggers import describe
from gnomon.errors import ChangeRefused, InvalidTrigger, RowRefused, shown
from gnomon.operations.changing import Changing
from gnomon.operations.ports import Context
from gnomon.operations.standing import current_token

logger = logging.getLogger("gnomon.operations")

_CODE = Author("code", Origin.START, "the default in the code has changed")
_ADOPTED = Author("adopted", Origin.START, "stood in the table before Gnomon")


class Started(NamedTuple):
    """What a start did: the ids of jobs that it added, of those whose schedule followed the code, of those of which
    this process declares what older code did (``late``): newer code is running, and its defaults stay; and of those
    that are not the code's but were added for a task under the same id (``taken``): they stay as they are."""

    added: list[str]
    followed: list[str]
    late: list[str]
    taken: list[str]


def start_all(context: Context, declarations: Sequence[Declaration], *, lease: timedelta) -> Started:
    """Add the jobs that are not stored, and merge what has changed in the code.

    A job whose declaration is the same as at the last start is not touched. Where the code has changed, the schedule
    follows in what no operator has changed. Older code that starts late (``lease``: how long a node counts as alive
    that has just declared something) changes nothing.
    """
    store = context.store
    with store.database.read():
        stored, bases = store.schedules.ids(), store.records.bases()
    if all(bases.get(each.job_id) == each.text and each.job_id in stored for each in declarations):
        return Started([], [], [], [])
    with store.database.transaction("declare"):
        # Nodes of a new version start at the same time, and each would add what it found missing.
        store.database.one_at_a_time()
        stored, bases = store.schedules.ids(), store.records.bases()
        taken = [each.job_id for each in declarations if each.job_id in stored and is_added(bases.get(each.job_id))]
        declarations = [each for each in declarations if each.job_id not in taken]
        added = [each for each in declarations if each.job_id not in stored]
        removed = [each.job_id for each in added if bases.pop(each.job_id, None) is not None]
        if removed:  # by whatever program; what operators had made of it went with the row
            store.records.forget(removed)
            store.exceptions.drop_all(
                removed, now=store.database.now(), error="the job was removed before it could start"
            )
        for declaration in added:
            with _named_if_invalid(declaration):
                _add(context, declaration)
        named = {each.job_id: each.calendar for each in added}
        if removed or any(named.values()):
            store.calendars.assign(named)
        _remember(context, added)
        _adopt_all(context, [each for each in declarations if each.job_id in stored and each.job_id not in bases])
        moved = [
            each for each in declarations if each.job_id in stored and bases.get(each.job_id, each.text) != each.text
        ]
        followed, late = _merge_all(context, moved, lease)
    if added:
        logger.info("stored %d new %s", len(added), "job" if len(added) == 1 else "jobs")
    if taken:
        logger.warning(
            "%d jobs that the code declares were added for tasks under the same id, and stay so; give them another "
            "id=, or remove what was added: %s",
            len(taken),
            _some(taken),
        )
    return Started([each.job_id for each in added], followed, late, taken)


@contextmanager
def _named_if_invalid(declaration: Declaration) -> Iterator[None]:
    """One of many that are declared is refused: say which."""
    try:
        yield
    except InvalidTrigger as error:
        allowed = f"{error.allowed}: the code declares it for job {shown(declaration.job_id)}"
        raise InvalidTrigger(error.field, error.value, allowed) from error


def is_added(base: str | None) -> bool:
    """Whether a stored declaration is that of a job that was added for a task: no start takes that for its own."""
    return base is not None and '"task"' in base and "task" in json.loads(base)


def alive_or_starting(context: Context, lease: timedelta) -> Callable[[str, datetime], bool]:
    """Whether a living node declares a version, or, as it is declared only since a moment, may be about to say so."""
    running, now = context.store.nodes.manifest(), context.store.database.now()
    living = running.versions if running is not None else frozenset()
    return lambda version, since: version in living or now - since < lease


# -- new jobs


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


def _remember(context: Context, added: Sequence[Declaration]) -> None:
    store = context.store
    rows = store.schedules.some([each.job_id for each in added])
    tokens = [
        (
            each.job_id,
            each.text,
            token(context.decode(rows[each.job_id]).schedule, each.enabled, calendar=each.calendar),
        )
        for each in added
    ]
    if tokens:
        store.records.declare(tokens, at=store.database.now())


# -- a table that was there before


def _adopt_all(context: Context, declarations: Sequence[Declaration]) -> None:
    records, at = context.store.records, context.store.database.now()
    if not declarations:
        return
    # First without tokens: whether a row is paused is said by the declaration, too.
    records.declare([(each.job_id, each.text, None) for each in declarations], at=at)
    tokens = []
    for each in declarations:
        try:
            tokens.append((each.job_id, each.text, _adopt(context, each)))
        except RowRefused as error:
            logger.warning("job %r is quarantined: %s", each.job_id, error)
    records.declare(tokens, at=at)


def _adopt(context: Context, declaration: Declaration) -> str:
    """What a row holds and what differs from the code counts as changed by an operator. Returns the row's token."""
    store = context.store
    row = store.schedules.get(declaration.job_id)
    assert row is not None
    stored, base = context.decode(row), declaration.base()
    found = describe(stored.schedule.trigger)
    values = {
        "trigger": [found.kind, found.args],
        "enabled": stored.next_run_time is not None,
        "misfire_grace_time": stored.schedule.misfire_grace_time,
        "coalesce": stored.schedule.coalesce,
        "max_instances": stored.schedule.max_instances,
    }
    for field, value in values.items():
        declared = declared_value(base, field)
        if not is_same(field, value, declared):
            store.records.override(
                Override(
                    job_id=row.id,
                    field=field,
                    value=value,
                    base=declared,
                    author=_ADOPTED,
                    changed_at=store.database.now(),
                )
            )
    if declaration.calendar is not None:  # a table of APScheduler's had no place for one
        store.calendars.assign({row.id: declaration.calendar})
    return current_token(context, row)


# -- code that has changed


def _merge_all(context: Context, declarations: Sequence[Declaration], lease: timedelta) -> tuple[list[str], list[str]]:
    followed: list[str] = []
    late: list[str] = []
    if not declarations:
        return followed, late
    records, at = context.store.records, context.store.database.now()
    stored = records.declarations([each.job_id for each in declarations])
    lives = alive_or_starting(context, lease)
    for declaration in declarations:
        before = stored[declaration.job_id]
        if before.is_ahead_of(declaration.job_id, declaration.text, lives):
            late.append(declaration.job_id)
            continue
        if not _moves_schedule(before.base, declaration.base()):
            records.declare([(declaration.job_id, declaration.text, None)], at=at)
            continue
        try:
            with _named_if_invalid(declaration):
                _merge(context, declaration, before.base)
            followed.append(declaration.job_id)
        except ChangeRefused as error:  # its row cannot be read
            logger.warning("%s", error)
            records.declare([(declaration.job_id, declaration.text, None)], at=at)
    if followed:
        logger.info("the code has changed the defaults of %d jobs: %s", len(followed), _some(followed))
    if late:
        logger.warning(
            "this process declares %d jobs as older code did; newer code is running, and its defaults stay: %s",
            len(late),
            _some(late),
        )
    return followed, late


def _moves_schedule(before: Mapping[str, Any], now: Mapping[str, Any]) -> bool:
    if before["name"] != now["name"]:
        return True
    return any(not is_same(field, declared_value(before, field), declared_value(now, field)) for field in FIELDS)


def _merge(context: Context, declaration: Declaration, base: Mapping[str, Any]) -> None:
    job_id, now = declaration.job_id, declaration.base()
    changing = Changing(context, job_id, _CODE)
    follows: dict[str, Any] = {}
    dissolved: dict[str, Any] = {}
    for field in FIELDS:
        declared = declared_value(now, field)
        override = changing.overrides.get(field)
        match fate(field, base=declared_value(base, field), declared=declared, override=override):
            case Fate.FOLLOWS:
                follows[field] = (lambda _zone: declaration.trigger) if field == "trigger" else declared
            case Fate.DISSOLVES if override is not None:
                dissolved[field] = override.value
                changing.dissolve(field)
    if base["name"] != declaration.name:
        changing.rename(declaration.name)
    changing.redeclare(declaration.text)
    changing.apply(follows)
    notes: tuple[dict[str, Any], dict[str, Any]] | None = None
    if dissolved:
        notes = {"override": dissolved}, {"override": {}}
    changing.finish("dissolve" if dissolved and not follows else "follow", notes=notes)


def _some(job_ids: Sequence[str]) -> str:
    return ", ".join(job_ids[:5]) + (f" and {len(job_ids) - 5} more" if len(job_ids) > 5 else "")
