"""Which code a job runs. Functions come from code: no row and no request can name one that code did not offer."""

from __future__ import annotations

import importlib
import inspect
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any, NoReturn

from gnomon.domain.argument_schema import misfit
from gnomon.domain.arguments import check_arguments
from gnomon.domain.calendar import LOGGED_AS, Definition
from gnomon.domain.declaration import Declaration, Retries
from gnomon.domain.manifest import Manifest
from gnomon.domain.schedule import Schedule, version_of
from gnomon.domain.task import TaskDeclaration
from gnomon.engine.apscheduler_private import reference_of
from gnomon.errors import GnomonError, InvalidInput


@dataclass(frozen=True, slots=True, kw_only=True)
class Task:
    """What a run calls, and how."""

    func: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: Mapping[str, Any]
    executor: str
    retries: Retries = field(default_factory=Retries)
    timeout: float | None = None
    rerun_lost: bool = False


class Functions:
    """Finds a job's code: its declaration, a function that this process has added, or one within ``allow``.

    ``allow`` holds module prefixes (``"myapp.jobs"`` allows that module and those below it).
    """

    def __init__(self, allow: Sequence[str] = ()) -> None:
        self._allow = tuple(allow)
        self._declared: dict[str, Declaration] = {}
        self._calendars: dict[str, Definition] = {}
        self._added: dict[str, Callable[..., Any]] = {}
        self._tasks: dict[str, TaskDeclaration] = {}
        self._manifest: Manifest | None = None
        self._lock = threading.Lock()

    def declare(self, declaration: Declaration) -> None:
        """The code of a declared job."""
        with self._lock:
            self._declared[declaration.job_id] = declaration
            self._manifest = None
        self.add(reference_of(declaration.func), declaration.func)

    def declare_calendar(self, name: str, definition: Definition) -> None:
        """A calendar is no code, but what is declared of it tells newer code from older."""
        with self._lock:
            self._calendars[name] = definition
            self._manifest = None

    def declare_task(self, task: TaskDeclaration) -> None:
        """The code of a task, found by the reference that rows name."""
        with self._lock:
            self._tasks[task.offer.func] = task
            self._manifest = None
        self.add(task.offer.func, task.func)

    def withdraw(self, job_id: str) -> None:
        """The code of a declared job is not to be found by its id: somebody has added another job under it."""
        with self._lock:
            self._declared.pop(job_id, None)
            self._manifest = None

    def declares(self, job_id: str) -> bool:
        """Whether the code of a job is known by its id."""
        return job_id in self._declared

    def declared(self, job_id: str) -> Declaration | None:
        """What this process declares of a job, if anything."""
        return self._declared.get(job_id)

    def manifest(self) -> Manifest:
        """What this process has code for."""
        with self._lock:
            if self._manifest is None:
                texts = {job_id: each.text for job_id, each in self._declared.items()}
                texts |= {LOGGED_AS + name: each.to_json() for name, each in self._calendars.items()}
                self._manifest = Manifest(
                    frozenset(self._declared),
                    frozenset(self._added),
                    frozenset(self._allow),
                    frozenset(version_of(name, text) for name, text in texts.items()),
                    frozenset(task.offer for task in self._tasks.values()),
                )
            return self._manifest

    def add(self, reference: str, func: Callable[..., Any]) -> None:
        """A function that code in this process has declared, or handed to ``add_job``.

        One that others share their reference with (lambdas, functions in functions) can't be found by it.
        """
        if self._added.get(reference) is func or not is_unique(reference):
            return
        with self._lock:
            self._added[reference] = func
            self._manifest = None

    def find(self, schedule: Schedule) -> Task | None:
        """The code of a stored job, or ``None``: then it is kept, shown as orphaned, and not fired here."""
        declaration = self._declared.get(schedule.job_id)
        if declaration is not None:
            return Task(
                func=declaration.func,
                args=declaration.args,
                kwargs=declaration.kwargs,
                executor=declaration.executor,
                retries=declaration.retries,
                timeout=declaration.timeout,
                rerun_lost=declaration.rerun_lost,
            )
        task = self._tasks.get(schedule.func)
        if task is not None:
            return _of_task(task, schedule)
        func = self.named(schedule.func)
        if func is None:
            return None
        # What APScheduler calls "default" is whatever suits the function.
        executor = executor_for(func) if schedule.executor == "default" else schedule.executor
        return Task(func=func, args=schedule.args, kwargs=schedule.kwargs, executor=executor)

    def code(self, schedule: Schedule) -> Callable[..., Any] | None:
        """The function of a stored job by itself, whatever its arguments are."""
        declaration = self._declared.get(schedule.job_id)
        return declaration.func if declaration is not None else self.named(schedule.func)

    def named(self, reference: str) -> Callable[..., Any] | None:
        """The function of a textual reference ``module:qualified.name``, if this process may run it."""
        func = self._added.get(reference)
        if func is None and self._is_allowed(reference):
            func = _imported(reference)
            if func is not None:
                self.add(reference, func)
        return func

    def _is_allowed(self, reference: str) -> bool:
        return Manifest(allow=frozenset(self._allow)).runs("", reference)


def _of_task(task: TaskDeclaration, schedule: Schedule) -> Task:
    offer = task.offer
    wrong = None if schedule.args else _misfit(offer.schema, schedule.kwargs)
    if wrong is not None:
        message = f"the arguments of job {schedule.job_id!r} do not fit its task {offer.name!r} any more: {wrong}"
        return Task(func=partial(_refuse, message), args=(), kwargs={}, executor="threads")
    return Task(
        func=task.func,
        args=schedule.args,
        kwargs=schedule.kwargs,
        executor=offer.executor,
        retries=task.retries,
        timeout=offer.timeout,
        rerun_lost=offer.rerun_lost,
    )


def _misfit(schema: str, kwargs: Mapping[str, Any]) -> InvalidInput | None:
    """What was stored by APScheduler's own ``add_job`` may be no JSON. Then its author knew the function itself."""
    try:
        return misfit(schema, check_arguments(kwargs))
    except InvalidInput:
        return None


def _refuse(message: str) -> NoReturn:
    """In place of a function that would be called with what it does not take: its run fails and says so."""
    raise GnomonError(message)


def reference_of_task(func: Callable[..., Any]) -> str:
    """``module:qualified.name`` of a function at the top level of a module; the same in each process that imports it.

    Raises ``InvalidInput`` for one that others could not find by it.
    """
    reference = reference_of(func)
    if not inspect.isroutine(func) or inspect.ismethod(func) or not is_unique(reference):
        raise InvalidInput("func", reference, "rows name the function of a task: give one at the top level of a module")
    module, _, name = reference.partition(":")
    return f"{_main_module() if module == '__main__' else module}:{name}"


def _main_module() -> str:
    """What others import the program's main script as: there, its functions are not in ``__main__``."""
    main = sys.modules.get("__main__")
    if (spec := getattr(main, "__spec__", None)) is not None:
        return str(spec.name)
    file = getattr(main, "__file__", None)
    return Path(file).stem if file else "__main__"


def is_unique(reference: str) -> bool:
    """Whether a reference names one function, and not each lambda or local function of a module."""
    return "<" not in reference


def executor_for(func: Callable[..., Any]) -> str:
    """The executor of a function for which none was named."""
    return "asyncio" if inspect.iscoroutinefunction(func) else "threads"


def _imported(reference: str) -> Callable[..., Any] | None:
    module, _, path = reference.partition(":")
    try:
        found: Any = importlib.import_module(module)
        for name in path.split("."):
            found = getattr(found, name)
    except (Exception, SystemExit):  # an import runs the application's code, which may raise anything
        return None
    return found if callable(found) else None
