"""Declaring: what the code says of jobs, tasks and calendars, and storing it at a start."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Mapping
from datetime import timedelta
from typing import Any, TypeVar, overload

from gnomon.domain.calendar import Definition, check_calendar_name
from gnomon.domain.declaration import DEFAULT_MISFIRE_GRACE_TIME, Declaration, Retries
from gnomon.domain.signature import schema_of
from gnomon.domain.task import TaskDeclaration, TaskOffer, check_task
from gnomon.domain.triggers import BaseTrigger
from gnomon.engine.apscheduler_private import reference_of
from gnomon.engine.functions import executor_for, reference_of_task
from gnomon.engine.upkeep import Service
from gnomon.errors import DuplicateJob, DuplicateTask, InvalidInput
from gnomon.operations import (
    calendars,
    declare,
)
from gnomon.scheduling.core import Core
from gnomon.store import SqlEngine

logger = logging.getLogger("gnomon")

_Function = TypeVar("_Function", bound=Callable[..., Any])
_RETRY_OPTIONS = {"retries": "count", "retry_delay": "delay", "retry_backoff": "backoff"}
#: Kinds whose start, where none is given, is the moment of their making.
_STARTS_NOW = frozenset({"interval", "calendarinterval"})
_OPTIONS = frozenset(
    {
        "description",
        "enabled",
        "misfire_grace_time",
        "coalesce",
        "max_instances",
        "calendar",
        "executor",
        "args",
        "kwargs",
        "timeout",
        "rerun_lost",
    }
)


class Declaring(Core):
    """What runs, and when it runs until somebody changes that."""

    def __init__(self, store: str | SqlEngine, **options: Any) -> None:
        super().__init__(store, **options)
        self._declarations: dict[str, Declaration] = {}
        self._calendars: dict[str, Definition] = {}
        self._tasks: dict[str, TaskDeclaration] = {}
        self._built: dict[str, BaseTrigger] = {}
        self._lease = timedelta(seconds=self.settings.lease)
        self._is_late = False
        self.engine.upkeep.add(Service("declaring again", self.settings.lease, lambda _go_on: self._declare_again()))

    def job(
        self, trigger: str | BaseTrigger, expression: str | None = None, **options: Any
    ) -> Callable[[_Function], _Function]:
        """Declare the decorated function as a job; see ``register``. Can be applied several times, with several ids."""

        def declare_it(func: _Function) -> _Function:
            self.register(func, trigger, expression, **options)
            return func

        return declare_it

    def register(
        self, func: Callable[..., Any], trigger: str | BaseTrigger, expression: str | None = None, **options: Any
    ) -> Declaration:
        """Declare a job: what runs, and when it runs until somebody changes that.

        ``trigger`` is ``cron``, ``interval``, ``date``, ``calendarinterval`` or ``crontab`` (with the five-field
        ``expression``), its arguments among ``options``; or a trigger object. The other options:

        ``id`` (the function's name), ``name``, ``description`` (the docstring's first line), ``enabled`` (True),
        ``misfire_grace_time`` (seconds a run may be late, 3600), ``coalesce`` (True: of several overdue times only
        the last runs), ``max_instances`` (1, counted over all nodes), ``calendar`` (None; the name of one whose dates
        are left out), ``executor`` (``threads``; ``asyncio`` for coroutine functions; ``processes``; ``command``),
        ``args``, ``kwargs``, ``retries`` (0), ``retry_delay`` (10 seconds), ``retry_backoff`` (2), ``timeout``
        (seconds), ``rerun_lost`` (False).

        Raises ``DuplicateJob``, ``InvalidTrigger``, ``InvalidInput``.
        """
        if not callable(func):
            raise InvalidInput("func", func, "give a function")
        job_id = options.pop("id", None) or _plain_name(func)
        name = options.pop("name", None) or job_id
        policies = {key: options.pop(key) for key in list(options) if key in _OPTIONS}
        retries = {field: options.pop(key) for key, field in _RETRY_OPTIONS.items() if key in options}
        if expression is not None:
            options["expression"] = expression
        policies.setdefault("description", _first_line(func))
        policies.setdefault("executor", executor_for(func))
        policies["args"] = tuple(policies.get("args", ()))
        made, fixed_start = self._declared_trigger(trigger, options)
        declaration = Declaration(
            job_id=job_id,
            func=func,
            trigger=made,
            fixed_start=fixed_start,
            name=name,
            retries=Retries(**retries),
            **policies,
        )
        self._check_executor(declaration.executor)
        earlier = self._declarations.get(job_id)
        if earlier is not None:
            raise DuplicateJob(job_id, reference_of(earlier.func), reference_of(func))
        self._declarations[job_id] = declaration
        self._functions.declare(declaration)
        if self.engine.running:
            self._declare([declaration])
        return declaration

    @overload
    def task(self, func: _Function, /) -> _Function: ...
    @overload
    def task(self, /, **options: Any) -> Callable[[_Function], _Function]: ...
    def task(self, func: Any = None, /, **options: Any) -> Any:
        """Declare the decorated function as a task: jobs can be added for it while the program runs, each with an id, a
        trigger and keyword arguments of its own; see ``add_job``.

        It stands at the top level of a module, and its arguments are annotated with types that JSON has. Options:
        ``name`` (the function's name), ``description`` (the docstring's first line), and ``executor``, ``retries``,
        ``retry_delay``, ``retry_backoff``, ``timeout``, ``rerun_lost``, ``max_instances``, ``misfire_grace_time``,
        ``coalesce`` as with ``register``.

        Raises ``DuplicateTask``, ``InvalidInput``.
        """
        if func is None:
            return lambda decorated: self._declare_task(decorated, options)
        return self._declare_task(func, options)

    def calendar(
        self,
        name: str,
        *,
        country: str | None = None,
        subdivision: str | None = None,
        dates: Iterable[Any] | Mapping[Any, str] | None = None,
    ) -> str:
        """Declare a calendar, a named set of dates on which jobs that name it do not run; return its name.

        ``country`` (ISO 3166, as ``DE``) and ``subdivision`` (as ``BE``) stand for the holidays there, which needs
        ``pip install 'gnomon[holidays]'``; ``dates`` are dates (``date`` or ISO text), or a mapping from dates to what
        they are called. It is stored when jobs are; what an operator sets under this name stays.

        Raises ``InvalidInput``.
        """
        check_calendar_name(name)
        self._calendars[name] = Definition.of(country, subdivision, dates)
        self._functions.declare_calendar(name, self._calendars[name])
        if self.engine.running:
            self._declare_calendars()
        return name

    @property
    def declarations(self) -> Mapping[str, Declaration]:
        """What the code has declared, by id."""
        return dict(self._declarations)

    def start_all_jobs(self) -> list[str]:
        """Store the declared jobs that are not stored, and return their ids.

        A job whose schedule is stored keeps it: trigger, paused or not, next run time; unless the code declares
        something else than at the last start, and no operator has changed that: then the schedule follows the code.
        """
        self.open()
        self._declare_calendars()
        return self._declare(list(self._declarations.values()))

    def _declare_calendars(self) -> None:
        late = calendars.declare_calendars(self._context, self._calendars, lease=self._lease)
        self._is_late = self._is_late or bool(late)

    def _declare(self, declarations: list[Declaration]) -> list[str]:
        started = declare.start_all(self._context, declarations, lease=self._lease)
        self._is_late = self._is_late or bool(started.late)
        for job_id in started.added:
            self._functions.declare(self._declarations[job_id])
        for job_id in started.taken:
            self._functions.withdraw(job_id)
        return started.added

    def _declare_task(self, func: Callable[..., Any], options: dict[str, Any]) -> Any:
        reference = reference_of_task(func)
        retries = Retries(**{field: options.pop(key) for key, field in _RETRY_OPTIONS.items() if key in options})
        offer = TaskOffer(
            name=options.pop("name", None) or _plain_name(func),
            func=reference,
            description=options.pop("description", _first_line(func)),
            schema=schema_of(func),
            executor=options.pop("executor", executor_for(func)),
            misfire_grace_time=options.pop("misfire_grace_time", DEFAULT_MISFIRE_GRACE_TIME),
            coalesce=options.pop("coalesce", True),
            max_instances=options.pop("max_instances", 1),
            retries=retries.count,
            retry_delay=retries.delay,
            retry_backoff=retries.backoff,
            timeout=options.pop("timeout", None),
            rerun_lost=options.pop("rerun_lost", False),
        )
        for name, value in options.items():
            raise InvalidInput(name, value, "a task has no such option")
        check_task(offer)
        self._check_executor(offer.executor)
        for other in self._tasks.values():
            if other.offer.name == offer.name or other.offer.func == offer.func:
                raise DuplicateTask(offer.name, other.offer.func, offer.func)
        self._tasks[offer.name] = TaskDeclaration(func, offer)
        self._functions.declare_task(self._tasks[offer.name])
        return func

    def _check_executor(self, name: str) -> None:
        if name not in self.engine.executor_names:
            raise InvalidInput("executor", name, f"there are {', '.join(sorted(self.engine.executor_names))}")

    def _declare_again(self) -> None:
        """Where newer code was running at our start: it may have been taken back since, and then ours holds."""
        if self._is_late:
            self._is_late = False
            self.start_all_jobs()

    def _declared_trigger(self, trigger: str | BaseTrigger, args: Mapping[str, Any]) -> tuple[BaseTrigger, bool]:
        """The trigger, and whether its start was given rather than taken from the clock."""
        if isinstance(trigger, BaseTrigger):
            # APScheduler fills in "now" with its microseconds; people do not write those.
            start = getattr(trigger, "start_date", None)
            return self.build_trigger(trigger, args), getattr(start, "microsecond", 0) == 0
        if "start_date" not in args and trigger in _STARTS_NOW:
            return self.build_trigger(trigger, args), False
        # Thousands of jobs may share a few schedules; nothing changes a trigger, so they share the object as well.
        key = repr((trigger, sorted(args.items())))
        if key not in self._built:
            self._built[key] = self.build_trigger(trigger, args)
        return self._built[key], True


def _plain_name(func: Callable[..., Any]) -> str:
    func = getattr(func, "func", func)  # functools.partial
    return getattr(func, "__name__", type(func).__name__)


def _first_line(func: Callable[..., Any]) -> str:
    return (inspect.getdoc(func) or "").strip().partition("\n")[0][:500]
