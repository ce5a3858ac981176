"""Back to what the code says: reverting, deciding about a default that has moved, and overrides whose time is over.

Reverting removes the override; it never copies a value.
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence

from gnomon.domain.change import Author, Origin
from gnomon.domain.override import DEFAULT, FIELDS, declared_value, is_moved
from gnomon.errors import ChangeRefused, GnomonError, InvalidInput, JobNotFound, StoreError
from gnomon.operations.change import carry_out
from gnomon.operations.changing import Changing
from gnomon.operations.ports import Context
from gnomon.operations.standing import JobDict

logger = logging.getLogger("gnomon.operations")


def revert(
    context: Context, job_id: str, author: Author, *, fields: Sequence[str] | None = None, if_token: str | None = None
) -> JobDict:
    """Return overridden fields (all, unless some are named) to what the code says. Where nothing is overridden,
    nothing is changed.

    Raises as ``change_job`` does.
    """
    _check(fields)

    def work(key: str) -> Changing:
        changing = Changing(context, job_id, author)
        changing.expect(if_token)
        changing.apply(dict.fromkeys(_named(changing.overrides, fields), DEFAULT))
        return changing.finish("revert", key=key)

    return carry_out(context, job_id, author, work).job


def adopt_default(context: Context, job_id: str, author: Author, *, if_token: str | None = None) -> JobDict:
    """Where the code has changed its mind since an override was made (*default moved*): take what it says now.

    Raises as ``change_job`` does, and ``ChangeRefused`` where no default has moved.
    """

    def work(key: str) -> Changing:
        changing = Changing(context, job_id, author)
        changing.expect(if_token)
        changing.apply(dict.fromkeys(_moved(changing, job_id), DEFAULT))
        return changing.finish("adopt", key=key)

    return carry_out(context, job_id, author, work).job


def keep_override(context: Context, job_id: str, author: Author, *, if_token: str | None = None) -> JobDict:
    """Where the code has changed its mind since an override was made (*default moved*): the override stays, and is
    meant against what the code says now.

    Raises as ``change_job`` does, and ``ChangeRefused`` where no default has moved.
    """

    def work(key: str) -> Changing:
        changing = Changing(context, job_id, author)
        changing.expect(if_token)
        moved = _moved(changing, job_id)
        seen = {name: changing.overrides[name].base for name in moved}
        for name in moved:
            changing.rebase(name)
        now = {name: changing.overrides[name].base for name in moved}
        return changing.finish("keep", key=key, notes=({"default": seen}, {"default": now}))

    return carry_out(context, job_id, author, work).job


def expire(context: Context, *, exclude: Collection[str] = ()) -> dict[str, str]:
    """Carry out the expiry of overrides whose time is over, also of those that ended while nobody was alive. Returns
    the ids of jobs whose default cannot be gone back to, with the reason. Raises ``StoreError``."""
    refused = {}
    for job_id in context.store.records.expired(context.store.database.now(), exclude=exclude):
        try:
            _expire(context, job_id)
        except StoreError:
            raise
        except GnomonError as error:
            refused[job_id] = str(error)
            logger.warning("the override of job %r has expired and stays all the same: %s", job_id, error)
    return refused


def _expire(context: Context, job_id: str) -> None:
    author = Author("gnomon", Origin.EXPIRY)

    def work(key: str) -> Changing:
        changing = Changing(context, job_id, author)
        over = {
            name: override
            for name, override in changing.overrides.items()
            if override.expires_at is not None and override.expires_at <= changing.now
        }
        if over:
            first = next(iter(over.values())).author
            said = f"; it said: {first.reason}" if first.reason else ""
            changing.author = Author("gnomon", Origin.EXPIRY, f"the time set by {first.actor} is over{said}"[:1000])
            ended = max(override.expires_at for override in over.values() if override.expires_at is not None)
            changing.settle_before(ended)
        changing.apply(dict.fromkeys(over, DEFAULT))
        return changing.finish("expire", key=key)

    try:
        carry_out(context, job_id, author, work)
    except JobNotFound:
        context.store.records.forget([job_id])


def _named(overridden: Collection[str], fields: Sequence[str] | None) -> list[str]:
    return [name for name in FIELDS if name in overridden and (fields is None or name in fields)]


def _check(fields: Sequence[str] | None) -> None:
    for name in fields or ():
        if name not in FIELDS:
            raise InvalidInput("fields", name, f"what can be overridden is {', '.join(FIELDS)}")


def _moved(changing: Changing, job_id: str) -> list[str]:
    moved = [
        name for name, override in changing.overrides.items() if is_moved(override, declared_value(changing.base, name))
    ]
    if not moved:
        raise ChangeRefused(
            f"no default of job {job_id!r} has moved since it was overridden: there is nothing to decide"
        )
    return moved
