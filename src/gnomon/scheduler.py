"""``Scheduler``: what users hold. Wires the parts, starts and stops them, and names the use cases."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime, timedelta, tzinfo
from types import TracebackType
from typing import Any, Self, TypeVar, overload

from tzlocal import get_localzone_name

from gnomon.access.access import Access
from gnomon.access.authentication import Identify
from gnomon.domain.adoption import JOBS_TABLE, Candidate, Survey
from gnomon.domain.calendar import Definition, check_calendar_name, read_dates
from gnomon.domain.change import Author, Change, Origin
from gnomon.domain.crontab_file import CrontabJob
from gnomon.domain.declaration import DEFAULT_MISFIRE_GRACE_TIME, Declaration, Retries
from gnomon.domain.ledger import OutputPage
from gnomon.domain.override import DEFAULT, Default
from gnomon.domain.run import Run, RunState
from gnomon.domain.run_query import JobSummary, RunOutline, RunPage, RunPosition, RunQuery, check_limit
from gnomon.domain.signature import schema_of
from gnomon.domain.steering import Cancellation
from gnomon.domain.task import TaskDeclaration, TaskOffer, check_task
from gnomon.domain.triggers import BaseTrigger, build
from gnomon.engine import Engine, JobStore
from gnomon.engine.apscheduler_private import reference_of
from gnomon.engine.functions import executor_for, reference_of_task
from gnomon.engine.row_codec import body
from gnomon.engine.upkeep import Service
from gnomon.errors import ChangeNotFound, DuplicateJob, DuplicateTask, GnomonError, InvalidInput, RunNotFound, escaped
from gnomon.executors import (
    CommandsExecutor,
    CoroutinesExecutor,
    ProcessesExecutor,
    ThreadsExecutor,
    is_coming_up,
    run_command,
)
from gnomon.executors.contract import Executor
from gnomon.observability.broadcast import Broadcast
from gnomon.operations import (
    add_job,
    adopt,
    calendars,
    cancel_run,
    change,
    declare,
    defaults,
    due_times,
    exceptions,
    import_crontab,
    read,
    read_nodes,
    read_run,
    remove_job,
    retry_run,
    run_now,
    tasks,
    undo,
)
from gnomon.operations.closeup import Closeup, closeup, due_beside
from gnomon.operations.due_times import DueTime
from gnomon.operations.list_jobs import JobQuery, JobsPage, list_jobs
from gnomon.operations.outside import OutsideWatch
from gnomon.operations.patrol import Patrol, read_some
from gnomon.operations.ports import Context
from gnomon.operations.preview import (
    UNCHANGED,
    ChangePreview,
    Preview,
    Unchanged,
    preview_change,
    preview_trigger,
)
from gnomon.operations.watch import Watch
from gnomon.settings import Settings
from gnomon.store import Clock, SqlEngine, Store
from gnomon.store.survey import survey

logger = logging.getLogger("gnomon")

#: How often rows are compared with what Gnomon last wrote, in seconds.
_OUTSIDE_SECONDS = 10.0
#: How often it is looked whether calendars know enough years ahead, in seconds.
_EXTENDED_SECONDS = 3600.0

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


class Scheduler:
    """Fires the recurring jobs of an application, and lets people change when they fire.

    ``store`` is ``sqlite:///path.db``, ``postgresql://…`` or an SQLAlchemy engine. ``timezone`` (an IANA name; the
    machine's where absent) is what triggers count in that name none. ``allow`` lists module prefixes whose functions
    and classes rows may name.

    Reads and changes work on a scheduler that was never started: in a web worker, a script, a shell.
    """

    def __init__(
        self,
        store: str | SqlEngine = "sqlite:///gnomon.db",
        *,
        timezone: str | tzinfo | None = None,
        allow: Sequence[str] = (),
        settings: Settings | None = None,
        clock: Clock | None = None,
    ) -> None:
        self.settings = settings or Settings()
        self.timezone = timezone or get_localzone_name()
        self._store = Store(store, lock_timeout=self.settings.lock_timeout, clock=clock)
        job_store = JobStore(store=self._store, allow=allow)
        self._functions = job_store.functions
        self._declarations: dict[str, Declaration] = {}
        self._calendars: dict[str, Definition] = {}
        self._tasks: dict[str, TaskDeclaration] = {}
        self._built: dict[str, BaseTrigger] = {}
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
        self._store.database.in_child(self.events.forked)
        self._is_late = False
        self._add_upkeep()

    # -- declaring

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
        self._calendars[name] = _definition(country, subdivision, dates)
        if self.engine.running:
            calendars.declare_calendars(self._context, self._calendars)
        return name

    @property
    def declarations(self) -> Mapping[str, Declaration]:
        """What the code has declared, by id."""
        return dict(self._declarations)

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

    # -- life

    def start(self) -> None:
        """Open the store, store jobs that are new, and fire from here on."""
        if is_coming_up():
            raise GnomonError(
                "a worker process of the processes executor imports the main script and would start a scheduler of its "
                "own; put what starts it under `if __name__ == '__main__':`"
            )
        self.open()
        self.start_all_jobs()
        self.engine.start()

    def shutdown(self, wait: bool = True) -> None:
        """Fire nothing more; with ``wait``, return when what runs has ended."""
        if self.engine.running:
            self.engine.shutdown(wait)

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.shutdown(wait=True)
        self.close()

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

    # -- schedules

    def start_all_jobs(self) -> list[str]:
        """Store the declared jobs that are not stored, and return their ids.

        A job whose schedule is stored keeps it: trigger, paused or not, next run time; unless the code declares
        something else than at the last start, and no operator has changed that: then the schedule follows the code.
        """
        self.open()
        calendars.declare_calendars(self._context, self._calendars)
        return self._declare(list(self._declarations.values()))

    def get_all_jobs(self) -> list[dict[str, Any]]:
        """Every stored job as a JSON-ready dict, by next run time; taken from the stored rows."""
        self.open()
        return read.read_jobs(self._context)

    def list_jobs(self, query: JobQuery | None = None) -> JobsPage:
        """A page of jobs: filtered, sorted, in constant time however many there are. Raises ``InvalidInput``."""
        self.open()
        return list_jobs(self._context, query or JobQuery())

    def get_some_jobs(self, job_ids: Sequence[str]) -> list[dict[str, Any]]:
        """Some jobs as they stand, in the order of their ids; those that are gone are left out."""
        self.open()
        return read_some(self._context, job_ids)

    def get_job(self, job_id: str) -> dict[str, Any]:
        """One stored job as a JSON-ready dict. Raises ``JobNotFound``."""
        self.open()
        return read.read_job(self._context, job_id)

    def update_job_schedule(
        self, job_id: str, trigger: str | BaseTrigger, expression: str | None = None, **trigger_args: Any
    ) -> bool:
        """Give a job another trigger. ``False`` if that was refused or failed: then nothing has changed, for no
        reader, and the log says why. ``change_job`` does the same and raises instead."""
        try:
            self.change_job(job_id, trigger=trigger, trigger_args=_with(expression, trigger_args))
        except Exception as error:
            logger.warning("the schedule of job %r was not changed: %s", job_id, escaped(error))
            return False
        return True

    def change_job(
        self,
        job_id: str,
        *,
        trigger: str | BaseTrigger | Default | None = None,
        trigger_args: Mapping[str, Any] | None = None,
        expires_at: datetime | None = None,
        if_token: str | None = None,
        author: Author | None = None,
        **fields: Any,
    ) -> dict[str, Any]:
        """Change fields of a job in one transaction and return the job as it then stands.

        ``fields``: ``enabled``, ``misfire_grace_time``, ``coalesce``, ``max_instances``, ``calendar`` (its name; None:
        none), and of a job that was added ``kwargs``, all of them; what is absent stays, and so does the time zone
        where ``trigger_args`` name none. ``DEFAULT`` in place of a value returns the field to what the code says, or
        the job was added as. The next run is counted from now, and a paused job stays paused. At ``expires_at`` what
        was changed returns to that. ``if_token`` is the token of the job that the change was decided on.

        Raises ``JobNotFound``, ``InvalidTrigger``, ``InvalidInput``, ``ChangeRefused``, ``StaleToken`` or
        ``StoreError``; then nothing has changed.
        """
        self.open()
        if trigger is DEFAULT:
            fields["trigger"] = DEFAULT
        elif trigger is not None:
            fields["trigger"] = self._making(trigger, trigger_args or {})
        if trigger_args and trigger in (None, DEFAULT):
            raise InvalidInput("trigger", None, "trigger_args need a trigger: name its kind")
        patch = change.Patch(fields=fields, expires_at=expires_at, if_token=if_token)
        return change.change_job(self._context, job_id, patch, author or Author())

    def add_job(
        self,
        id: str,
        task: str,
        trigger: str | BaseTrigger,
        expression: str | None = None,
        *,
        kwargs: Mapping[str, Any] | None = None,
        name: str | None = None,
        description: str | None = None,
        enabled: bool = True,
        author: Author | None = None,
        **trigger_args: Any,
    ) -> dict[str, Any]:
        """Add a job that runs a task with these arguments, and return it. It is stored at once, also by a process that
        was not started and has no code: then a node has to have told of the task.

        ``kwargs`` are plain JSON, checked against the task's signature. What the job is added as is its default, which
        ``revert_job`` returns to; no start removes or changes it. ``remove_job`` does.

        Raises ``TaskNotFound``, ``JobExists``, ``InvalidInput`` naming the argument (``kwargs.tenant``),
        ``InvalidTrigger``, ``ChangeRefused`` or ``StoreError``; then nothing has changed.
        """
        self.open()
        addition = add_job.Addition(
            job_id=id,
            task=task,
            trigger=self.build_trigger(trigger, _with(expression, trigger_args)),
            kwargs={} if kwargs is None else kwargs,
            name=name,
            description=description,
            enabled=enabled,
        )
        return add_job.add_job(self._context, addition, author or Author())

    def remove_job(self, job_id: str, *, if_token: str | None = None, author: Author | None = None) -> dict[str, Any]:
        """Remove a job that no code declares, with what operators made of it; return it as it stood.

        Its runs stay in the ledger, and those that are active go on. ``undo_change`` brings it back.

        Raises ``JobNotFound``, ``StaleToken``, ``StoreError``, and ``ChangeRefused`` for a job that code declares.
        """
        self.open()
        return remove_job.remove_job(self._context, job_id, author or Author(), if_token=if_token)

    def check_arguments(self, task: str, kwargs: Mapping[str, Any]) -> dict[str, Any]:
        """Whether a job could be added for a task with these arguments: a copy of them. Raises as ``add_job`` does."""
        self.open()
        return tasks.check_arguments(self._context, task, kwargs)

    def tasks(self) -> list[dict[str, Any]]:
        """The tasks that jobs can be added for, by name, as JSON-ready dicts: those of living nodes and this process.

        While nodes run different versions of a task, it stands there once for each.
        """
        self.open()
        return tasks.list_tasks(self._context)

    def pause_job(self, job_id: str, *, author: Author | None = None) -> bool:
        """Do not fire a job until it is resumed. Raises ``JobNotFound``."""
        self.change_job(job_id, enabled=False, author=author)
        return True

    def resume_job(self, job_id: str, *, author: Author | None = None) -> bool:
        """Fire a paused job again, counted from now. Raises ``JobNotFound``, ``ChangeRefused`` if it has finished."""
        self.change_job(job_id, enabled=True, author=author)
        return True

    def revert_job(
        self,
        job_id: str,
        *,
        fields: Sequence[str] | None = None,
        if_token: str | None = None,
        author: Author | None = None,
    ) -> dict[str, Any]:
        """Return what was overridden (all fields, unless some are named) to what the code says; return the job.

        Raises as ``change_job`` does.
        """
        self.open()
        return defaults.revert(self._context, job_id, author or Author(), fields=fields, if_token=if_token)

    def adopt_default(
        self, job_id: str, *, if_token: str | None = None, author: Author | None = None
    ) -> dict[str, Any]:
        """Where the code says something else since fields were overridden (*default moved*): follow the code.

        Raises as ``change_job`` does, and ``ChangeRefused`` where no default has moved.
        """
        self.open()
        return defaults.adopt_default(self._context, job_id, author or Author(), if_token=if_token)

    def keep_override(
        self, job_id: str, *, if_token: str | None = None, author: Author | None = None
    ) -> dict[str, Any]:
        """Where the code says something else since fields were overridden (*default moved*): keep them as they are.

        Raises as ``change_job`` does, and ``ChangeRefused`` where no default has moved.
        """
        self.open()
        return defaults.keep_override(self._context, job_id, author or Author(), if_token=if_token)

    def undo_change(
        self, change_id: int, *, if_token: str | None = None, author: Author | None = None
    ) -> dict[str, Any]:
        """Undo one line of the audit log by a new change; return the job. One that was removed is added again, one that
        was added is removed. Raises ``ChangeNotFound``, ``ChangeRefused`` where a later change stands in the way, and
        as ``change_job`` does."""
        self.open()
        return undo.undo_change(self._context, change_id, author or Author(), if_token=if_token)

    def skip_next(
        self,
        job_id: str,
        *,
        at: datetime | None = None,
        if_token: str | None = None,
        author: Author | None = None,
    ) -> dict[str, Any]:
        """Skip the run that would start next, or that of the due time ``at``, and only that; return the job.

        The schedule, its token and its overrides stay as they are. The due time keeps its line in the ledger: it is
        ``skipped``, and says by whom and why. Raises ``JobNotFound``, ``InvalidInput``, ``ChangeRefused``,
        ``StaleToken`` or ``StoreError``; then nothing has changed.
        """
        self.open()
        return exceptions.skip_next(self._context, job_id, author or Author(), at=at, if_token=if_token)

    def move_next(
        self,
        job_id: str,
        to: datetime,
        *,
        at: datetime | None = None,
        if_token: str | None = None,
        author: Author | None = None,
    ) -> dict[str, Any]:
        """Let the run that would start next, or that of the due time ``at``, start at ``to``; return the job.

        ``to`` is still to come, and lies between the runs before and after it. Neither jitter nor a calendar applies to
        it, and its grace time is counted from there. Otherwise as ``skip_next``.
        """
        self.open()
        return exceptions.move_next(self._context, job_id, author or Author(), to=to, at=at, if_token=if_token)

    def look_at_due_time(
        self, job_id: str, *, at: datetime | None = None, to: datetime | None = None, is_skipped: bool = False
    ) -> DueTime:
        """One due time of a job, ``at`` or that of the next run, and the runs around it: what there is to know before
        it is moved (``to``) or skipped. Raises what doing that would raise, and changes nothing."""
        self.open()
        return due_times.look_at(self._context, job_id, at=at, to=to, is_skipped=is_skipped)

    def clear_exception(
        self, job_id: str, at: datetime, *, if_token: str | None = None, author: Author | None = None
    ) -> dict[str, Any]:
        """Take back what ``skip_next`` or ``move_next`` made of the due time ``at``; return the job.

        Raises as they do, and ``ChangeRefused`` where it has happened: the due time is over, or the run has started.
        """
        self.open()
        return exceptions.clear_exception(self._context, job_id, at, author or Author(), if_token=if_token)

    def import_crontab(self, jobs: Sequence[CrontabJob], *, author: Author | None = None) -> list[str]:
        """Store lines of a crontab as paused command jobs; return the ids of those that were not stored.

        A node runs them if it allows ``gnomon.executors.commands``.
        """
        self.open()
        return import_crontab.import_jobs(self._context, jobs, run_command, author or Author())

    def survey(self, *, table: str = JOBS_TABLE) -> Survey:
        """What stands in the store, which may be a database that has never seen Gnomon. Changes nothing.

        ``table`` is what the old application gave as ``tablename`` (``schema.name`` for another schema). Raises
        ``StoreUnavailable``.
        """
        return survey(self._store, table)

    def examine(self, found: Survey) -> list[Candidate]:
        """What is to be said of each job that a survey found, with what this scheduler declares and allows."""
        code = adopt.Code(
            self._context.decode, self._functions.find, self._functions.manifest(), self.engine.executor_names
        )
        return adopt.examine(found, code, now=self._store.database.local_now())

    def adopt(
        self, *, table: str = JOBS_TABLE, code: Scheduler | None = None, author: Author | None = None
    ) -> list[str]:
        """Take over a table of APScheduler's where it stands: make Gnomon's tables beside it, and write a change for
        each job that is new here. Returns their ids. No row of APScheduler's is changed.

        Rows of another ``table`` are copied, byte for byte; raises ``ChangeRefused``, and has adopted nothing, where
        an id is taken. ``code`` is the scheduler whose allow-list reads the rows, if it is another.
        """
        self._store.upgrade()
        self.open()
        decode = (code or self)._context.decode
        return adopt.adopt(self._context, author or Author(), table=table, decode=decode)

    def run_job(self, job_id: str, *, key: str | None = None, author: Author | None = None) -> int:
        """Run a job once now, on any living node that has its code; return the run's id.

        A call that is repeated with its ``key`` within a day starts nothing and returns the same run, so that a request
        can be sent again. Raises ``JobNotFound``, ``InvalidInput``, ``ChangeRefused``.
        """
        self.open()
        return run_now.run_now(self._context, job_id, author or Author(), key=key)

    def build_trigger(self, trigger: str | BaseTrigger, trigger_args: Mapping[str, Any]) -> BaseTrigger:
        """A trigger object, checked. Raises ``InvalidTrigger``."""
        if isinstance(trigger, BaseTrigger):
            if trigger_args:
                name, value = next(iter(trigger_args.items()))
                raise InvalidInput(name, value, "a trigger object takes no arguments")
            return trigger
        return build(trigger, trigger_args, timezone=self.timezone, now=self._store.database.local_now())

    def preview(
        self,
        trigger: str | BaseTrigger,
        expression: str | None = None,
        *,
        count: int = 5,
        calendar: str | None = None,
        **trigger_args: Any,
    ) -> Preview:
        """What a trigger would do in a job that names a calendar: its next fire times, what becomes of them, and what
        happens when the clocks change. Raises ``InvalidTrigger``, ``CalendarNotFound``."""
        self.open()
        made = self.build_trigger(trigger, _with(expression, trigger_args))
        return preview_trigger(self._context, made, count=count, calendar=calendar)

    def preview_change(
        self,
        job_id: str,
        trigger: str | BaseTrigger | None = None,
        expression: str | None = None,
        *,
        count: int = 5,
        calendar: str | Unchanged | None = UNCHANGED,
        **trigger_args: Any,
    ) -> ChangePreview:
        """What a job will do as it stands, and what it would do with another trigger, another calendar, or both.

        Raises as ``preview`` does, and ``JobNotFound``.
        """
        self.open()
        zone = read.read_job(self._context, job_id)["timezone"]
        made = None if trigger is None else self._making(trigger, _with(expression, trigger_args))(zone)
        return preview_change(self._context, job_id, made, count=count, calendar=calendar)

    # -- calendars

    def get_calendars(self) -> list[dict[str, Any]]:
        """Every stored calendar as a JSON-ready dict, by name, with its next dates and the jobs that name it."""
        self.open()
        return calendars.read_calendars(self._context)

    def get_calendar(self, name: str) -> dict[str, Any]:
        """One stored calendar. Raises ``CalendarNotFound``."""
        self.open()
        return calendars.read_calendar(self._context, name)

    def set_calendar(
        self,
        name: str,
        *,
        country: str | None = None,
        subdivision: str | None = None,
        dates: Iterable[Any] | Mapping[Any, str] | None = None,
        author: Author | None = None,
    ) -> dict[str, Any]:
        """Make a calendar, or make it anew; arguments as of ``calendar``. Returns it, with the ``jobs`` it affects.

        The holidays of a country are worked out for ten years ahead, here and now. Raises ``InvalidInput``.
        """
        self.open()
        definition = _definition(country, subdivision, dates)
        return calendars.set_calendar(self._context, name, definition, author or Author())

    def preview_calendar(
        self,
        name: str = "",
        *,
        country: str | None = None,
        subdivision: str | None = None,
        dates: Iterable[Any] | Mapping[Any, str] | None = None,
    ) -> dict[str, Any]:
        """What ``set_calendar`` would make, with the ``jobs`` that it would affect. Raises ``InvalidInput``."""
        self.open()
        return calendars.preview_calendar(self._context, name, _definition(country, subdivision, dates))

    def remove_calendar(self, name: str, *, force: bool = False, author: Author | None = None) -> list[str]:
        """Remove a calendar; return the ids of the jobs that name it, which do not fire without it.

        Raises ``CalendarNotFound``, and ``ChangeRefused`` where jobs name it, unless ``force``.
        """
        self.open()
        return calendars.remove_calendar(self._context, name, author or Author(), force=force)

    def closeup(self, job_id: str, *, count: int = 5) -> Closeup:
        """One stored job, its next fire times, and all that the code declares of it. Raises ``JobNotFound``."""
        self.open()
        return closeup(self._context, job_id, count=count)

    def due_beside(self, moment: datetime, *, job_id: str = "") -> int:
        """How many jobs other than ``job_id`` are next due in the same second; a thousand stands for more."""
        self.open()
        return due_beside(self._context, moment, job_id=job_id)

    # -- runs and changes

    def runs(
        self, job_id: str | None = None, *, states: Iterable[RunState] = (), limit: int = 50, before: int | None = None
    ) -> list[Run]:
        """Lines of the ledger, newest first; ``before`` is a run's id to page on from."""
        return self.store.ledger.newest(job_id=job_id, states=states, limit=limit, before=before)

    def find_runs(
        self,
        query: RunQuery | None = None,
        *,
        limit: int = 50,
        after: RunPosition | None = None,
        before: RunPosition | None = None,
    ) -> RunPage:
        """A page of at most 1,000 runs, the newest due time first; ``after`` is the ``following`` of the page before,
        ``before`` the ``preceding`` of the page after.

        A page may be short while another follows it. Raises ``InvalidInput``.
        """
        check_limit(limit)
        return self.store.run_queries.page(query or RunQuery(), limit=limit, after=after, before=before)

    def last_runs(self, job_ids: Sequence[str], *, each: int = 20) -> dict[str, list[RunOutline]]:
        """The last runs of each of many jobs, oldest first; one question to the store."""
        check_limit(each)
        return self.store.run_queries.outlines(job_ids, each=each)

    def run_summary(
        self, since: datetime, until: datetime | None = None, *, every_state: bool = False
    ) -> list[JobSummary]:
        """What was due in a span of time (``until`` now) and did not succeed, by job: counts, and since when it fails.

        Jobs that still fail come first. With ``every_state``, all runs are counted.
        """
        store = self.store
        end = until or store.database.now()
        return store.run_queries.summary(since=since, until=end, every_state=every_state)

    def run(self, run_id: int) -> Run:
        """One line of the ledger. Raises ``RunNotFound``."""
        found = self.store.ledger.get(run_id)
        if found is None:
            raise RunNotFound(run_id)
        return found

    def get_run(self, run_id: int) -> dict[str, Any]:
        """One run as a JSON-ready dict, with its attempts and with who started, cancelled or retried it. Raises
        ``RunNotFound``."""
        self.open()
        return read_run.read_run(self._context, run_id)

    def output(self, run_id: int, *, after: int = -1) -> list[Any]:
        """What a run wrote: pieces with ``seq``, ``at``, ``stream``, ``text``, from the one after ``after``."""
        return self.store.ledger.output(run_id, after=after)

    def output_page(self, run_id: int, *, after: int = -1, limit: int = 100) -> OutputPage:
        """The same, at most ``limit`` pieces and 256 KiB at once: the page's ``after`` is where to go on."""
        check_limit(limit)
        return self.store.run_output.page(run_id, after=after, limit=limit)

    def output_tail(
        self, run_id: int, *, limit: int = 100, before: int | None = None, size: int | None = None
    ) -> OutputPage:
        """The last pieces that a run has written, 256 KiB or ``size`` characters at most; go on from the page's
        ``after`` to follow it. ``before`` is the ``seq`` of a piece: the last ones before that."""
        check_limit(limit)
        return self.store.run_output.tail(run_id, limit=limit, before=before, size=size)

    def output_text(self, run_id: int) -> Iterator[str]:
        """All that a run has written, part by part: for a download of any size. Raises ``RunNotFound``."""
        self.run(run_id)
        return read_run.output_text(self._context, run_id)

    def cancel_run(self, run_id: int, *, author: Author | None = None) -> Cancellation:
        """End a run early, wherever it runs; see ``Cancellation`` for what that led to. To ask again changes nothing.

        Raises ``RunNotFound``, and ``ChangeRefused`` for a run that has ended otherwise.
        """
        self.open()
        return cancel_run.cancel_run(self._context, run_id, author or Author())

    def retry_run(self, run_id: int, *, author: Author | None = None) -> Run:
        """Try a run that ended badly, or never started, once more: as its next attempt, on any living node.

        Raises ``RunNotFound``, and ``ChangeRefused`` for a run that is active, succeeded or was folded into a later
        one, and for a job that cannot run now.
        """
        self.open()
        return retry_run.retry_run(self._context, run_id, author or Author())

    def nodes(self, *, limit: int = 100) -> list[dict[str, Any]]:
        """The nodes as JSON-ready dicts: who is alive, what they run, how late they are; the living first."""
        self.open()
        return read_nodes.read_nodes(self._context, limit=limit)

    def changes(
        self,
        job_id: str | None = None,
        *,
        actor: str | None = None,
        since: datetime | None = None,
        until: datetime | None = None,
        origins: Iterable[Origin] = (),
        before: int | None = None,
        after: int | None = None,
        limit: int = 50,
    ) -> list[Change]:
        """The audit log, newest first: of a job, of an actor, from some origins, between two times (inclusive).

        ``before`` is a change's id to page on from, ``after`` one to page back from: the ones next to it.
        """
        return self.store.records.changes(
            job_id,
            actor=actor,
            since=since,
            until=until,
            origins=origins,
            before=before,
            after=after,
            limit=limit,
            is_nearest=after is not None,
        )

    def change(self, change_id: int) -> Change:
        """One line of the audit log. Raises ``ChangeNotFound``."""
        found = self.store.records.change(change_id)
        if found is None:
            raise ChangeNotFound(change_id)
        return found

    def asgi(
        self, *, hosts: Sequence[str] | None = None, loopback: bool = True, identify: Identify | None = None
    ) -> Any:
        """The API and the page as one ASGI application, to serve alone or to mount into another.

        ``hosts`` are the names it answers to: those of loopback and ``Settings.allowed_hosts`` where none are given.
        Whoever asks shows an API token, or has signed in, or is named by a proxy of ``Settings.proxies``. With
        ``loopback``, requests from this machine need nothing of that (``Settings.loopback_open``): say ``False`` where
        others reach the server too. ``identify`` lets the application that this is mounted into say who is asking: it
        is given the ASGI scope and returns a ``Principal``, or ``None`` if it does not know.
        """
        # Up the layers, and only when called: a scheduler without a web server needs no web framework.
        from gnomon.web import make_application

        return make_application(self, hosts=hosts, loopback=loopback, identify=identify)

    # -- wiring

    def _declare(self, declarations: list[Declaration]) -> list[str]:
        started = declare.start_all(self._context, declarations, lease=timedelta(seconds=self.settings.lease))
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
            self._declare(list(self._declarations.values()))

    def _add_upkeep(self) -> None:
        upkeep, watch = self.engine.upkeep, OutsideWatch(self._context, body)
        upkeep.add(Service("noticing other programs' changes", _OUTSIDE_SECONDS, lambda stop: watch.look(stop=stop)))
        upkeep.add(Service("declaring again", self.settings.lease, lambda _stop: self._declare_again()))
        upkeep.add(Service("extending calendars", _EXTENDED_SECONDS, lambda _stop: calendars.extend(self._context)))
        self.engine.expire = lambda exclude: defaults.expire(self._context, exclude=exclude)

    def _making(self, trigger: str | BaseTrigger, args: Mapping[str, Any]) -> Callable[[str | None], BaseTrigger]:
        """Makes a trigger for a job that there is: it counts in the job's time zone unless another is named."""
        if isinstance(trigger, BaseTrigger):
            made = self.build_trigger(trigger, args)
            return lambda _zone: made
        now = self._store.database.local_now()
        return lambda zone: build(trigger, args, timezone=zone or self.timezone, now=now)

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

    def _executors(self) -> dict[str, Executor]:
        settings, limit = self.settings, self.settings.output_limit
        return {
            "threads": ThreadsExecutor(settings.threads, output_limit=limit),
            "asyncio": CoroutinesExecutor(settings.coroutines, output_limit=limit),
            "processes": ProcessesExecutor(settings.processes, output_limit=limit),
            "command": CommandsExecutor(settings.commands, output_limit=limit),
        }


def _with(expression: str | None, trigger_args: dict[str, Any]) -> dict[str, Any]:
    return trigger_args if expression is None else {**trigger_args, "expression": expression}


def _definition(
    country: str | None, subdivision: str | None, dates: Iterable[Any] | Mapping[Any, str] | None
) -> Definition:
    given = {} if dates is None else read_dates(dates)
    return Definition(country=country, subdivision=subdivision, dates=given)


def _plain_name(func: Callable[..., Any]) -> str:
    func = getattr(func, "func", func)  # functools.partial
    return getattr(func, "__name__", type(func).__name__)


def _first_line(func: Callable[..., Any]) -> str:
    return (inspect.getdoc(func) or "").strip().partition("\n")[0][:500]
