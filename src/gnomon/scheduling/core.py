"""What all of a scheduler rests on: the store, the engine, and who may ask."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import tzinfo
from typing import Any

from tzlocal import get_localzone_name

from gnomon.access.access import Access
from gnomon.domain.triggers import BaseTrigger, build
from gnomon.engine import Engine, JobStore
from gnomon.engine.row_codec import body
from gnomon.engine.upkeep import Service
from gnomon.errors import InvalidInput
from gnomon.executors import CommandsExecutor, CoroutinesExecutor, ProcessesExecutor, ThreadsExecutor
from gnomon.executors.contract import Executor
from gnomon.observability.broadcast import Broadcast
from gnomon.operations import calendars, defaults
from gnomon.operations.outside import OutsideWatch
from gnomon.operations.patrol import Patrol
from gnomon.operations.ports import Context
from gnomon.operations.watch import Watch
from gnomon.settings import Settings
from gnomon.store import Clock, SqlEngine, Store

#: How often rows are compared with what Gnomon last wrote, in seconds.
_OUTSIDE_SECONDS = 10.0
#: How often it is looked whether calendars know enough years ahead, in seconds.
_EXTENDED_SECONDS = 3600.0


class Core:
    """Store, engine and access, wired together."""

    def __init__(
        self,
        store: str | SqlEngine,
        *,
        timezone: str | tzinfo | None,
        allow: Sequence[str],
        settings: Settings | None,
        clock: Clock | None,
    ) -> None:
        self.settings = settings or Settings()
        self.timezone = timezone or get_localzone_name()
        self._store = Store(store, lock_timeout=self.settings.lock_timeout, clock=clock)
        job_store = JobStore(store=self._store, allow=allow)
        self._functions = job_store.functions
        self.engine = Engine(job_store, self._executors(), self.settings, timezone=self.timezone)
        #: Who may ask over HTTP: API tokens, sessions, proxies.
        self.access = Access(lambda: self.store.credentials, self._store.database.local_now, self.settings)
        self._context = Context(
            self._store, self.engine, job_store.decode, self._functions.manifest, self._functions.declared
        )
        #: What wants a decision among more jobs than anybody reads.
        self.patrol = Patrol(self._context, body)
        #: What moves in the store, told live to whoever listens.
        self.events = Broadcast(lambda: Watch(self._context), self._store.database.dialect.feed)
        for part in (self.patrol, self.events):
            self._store.database.in_child(part.forked)
        self._add_upkeep()

    def open(self) -> None:
        """Connect to the store and check its tables. Done by everything that needs it.

        Raises ``StoreUnavailable``, ``StoreNotMigrated``, ``StoreTooNew``.
        """
        self._store.open()

    def close(self) -> None:
        """Give the store's connections back. The scheduler can be used again; it connects again."""
        self.events.close()
        self.patrol.stop()
        self._store.close()

    @property
    def store(self) -> Store:
        """The store, opened."""
        self._store.open()
        return self._store

    def health(self) -> dict[str, Any]:
        """Signs of life of the loop and the store; ``status`` is ``ok`` if all is well."""
        health = self.engine.health()
        well = health["loop"] in {"ok", "stopped"} and health["store"] == "ok"
        return {"status": "ok" if well else "failing", **health}

    def build_trigger(self, trigger: str | BaseTrigger, trigger_args: Mapping[str, Any]) -> BaseTrigger:
        """A trigger object, checked. Raises ``InvalidTrigger``."""
        if isinstance(trigger, BaseTrigger):
            if trigger_args:
                name, value = next(iter(trigger_args.items()))
                raise InvalidInput(name, value, "a trigger object takes no arguments")
            return trigger
        return build(trigger, trigger_args, timezone=self.timezone, now=self._store.database.local_now())

    def _making(self, trigger: str | BaseTrigger, args: Mapping[str, Any]) -> Callable[[str | None], BaseTrigger]:
        """Makes a trigger for a job that there is: it counts in the job's time zone unless another is named."""
        if isinstance(trigger, BaseTrigger):
            made = self.build_trigger(trigger, args)
            return lambda _zone: made
        now = self._store.database.local_now()
        return lambda zone: build(trigger, args, timezone=zone or self.timezone, now=now)

    def _add_upkeep(self) -> None:
        upkeep, watch = self.engine.upkeep, OutsideWatch(self._context, body)
        upkeep.add(Service("noticing other programs' changes", _OUTSIDE_SECONDS, watch.look))
        upkeep.add(Service("extending calendars", _EXTENDED_SECONDS, lambda _go_on: calendars.extend(self._context)))
        self.engine.expire = lambda exclude: defaults.expire(self._context, exclude=exclude)

    def _executors(self) -> dict[str, Executor]:
        settings, limit = self.settings, self.settings.output_limit
        return {
            "threads": ThreadsExecutor(settings.threads, output_limit=limit),
            "asyncio": CoroutinesExecutor(settings.coroutines, output_limit=limit),
            "processes": ProcessesExecutor(settings.processes, output_limit=limit),
            "command": CommandsExecutor(settings.commands, output_limit=limit),
        }


def with_expression(expression: str | None, trigger_args: dict[str, Any]) -> dict[str, Any]:
    """The arguments of a trigger, with the crontab expression that may stand without a name."""
    return trigger_args if expression is None else {**trigger_args, "expression": expression}
