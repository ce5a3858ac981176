"""A task: a function that jobs can be added for, with arguments of their own, while the program runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

from gnomon.domain.declaration import Retries, check_attempts, check_policies
from gnomon.errors import InvalidInput


class TaskOffer(NamedTuple):
    """What a node tells of a task, so that others can add jobs for it and check their arguments without its code.

    ``func`` is the reference that rows name, ``schema`` the JSON Schema of its keyword arguments, as text. The rest are
    its policies. All of it is JSON.
    """

    name: str
    func: str
    description: str
    schema: str
    executor: str
    misfire_grace_time: int | None
    coalesce: bool
    max_instances: int
    retries: int
    retry_delay: float
    retry_backoff: float
    timeout: float | None
    rerun_lost: bool


@dataclass(frozen=True, slots=True)
class TaskDeclaration:
    """A task in the process that has its code."""

    func: Callable[..., Any]
    offer: TaskOffer

    @property
    def retries(self) -> Retries:
        """The policy that failed attempts are tried again by."""
        offer = self.offer
        return Retries(count=offer.retries, delay=offer.retry_delay, backoff=offer.retry_backoff)


def check_task(offer: TaskOffer) -> None:
    """Check the policies of a task, and what it is called. Raises ``InvalidInput`` naming the field."""
    _check_text("name", offer.name, 1, 191)
    _check_text("description", offer.description, 0, 500)
    check_policies(
        misfire_grace_time=offer.misfire_grace_time, coalesce=offer.coalesce, max_instances=offer.max_instances
    )
    check_attempts(offer.timeout, Retries(count=offer.retries, delay=offer.retry_delay, backoff=offer.retry_backoff))
    if not isinstance(offer.rerun_lost, bool):
        raise InvalidInput("rerun_lost", offer.rerun_lost, "give true or false")


def _check_text(field: str, value: object, shortest: int, longest: int) -> None:
    if not isinstance(value, str) or not shortest <= len(value) <= longest or not value.isprintable():
        raise InvalidInput(field, value, f"give {shortest} to {longest} printable characters")
