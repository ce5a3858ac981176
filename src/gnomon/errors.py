"""Every error that Gnomon raises on purpose.

::

    GnomonError
    ├── JobNotFound            no such job in the store
    ├── RunNotFound            no such run in the ledger
    ├── CalendarNotFound       no calendar of this name
    ├── TaskNotFound           no such task, as far as nodes have told
    ├── DuplicateJob           one id declared twice
    ├── DuplicateTask          one name of a task declared twice, or one function as two tasks
    ├── InvalidInput           a value that was sent is not allowed: field, value, what is allowed
    │   └── InvalidTrigger     the same, of a trigger
    ├── ChangeRefused          a change that makes no sense for the job as it stands
    │   ├── JobExists          there is a job of this id already
    │   ├── StaleToken         somebody else has changed the job since it was looked at
    │   └── StaleCalendar      somebody else has set, made or removed the calendar since
    ├── ChangeNotFound         no such line in the log of changes
    ├── RowRefused             a stored row that is not decoded (the job is quarantined)
    ├── StoreError
    │   ├── StoreUnavailable   the database cannot be opened, is locked, full or gone
    │   ├── StoreNotMigrated   its tables are missing or older than this Gnomon
    │   └── StoreTooNew        its tables are newer than this Gnomon
    ├── TargetError            the command line was given a target that holds no scheduler
    ├── CommandFailed          a shell command ended with an exit code other than 0 (in ``gnomon.executors``)
    ├── NotAuthenticated       nobody knows who is asking, or what was shown for it is not valid
    ├── NotAllowed             who is asking may not do this
    ├── TooManyAttempts        somebody tries to sign in too often
    ├── TokenNotFound          no such API token in the store
    └── NoCurrentRun           ``current_run()`` outside a run

Each message says what was wrong, with which value, and what to do.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_LONGEST_SHOWN = 120


def shown(value: object) -> str:
    """``repr`` of a value that somebody sent, cut to what fits in a message.

    Control characters are escaped by ``repr``, so a message is safe to log.
    """
    if isinstance(value, int) and not isinstance(value, bool) and value.bit_length() > 256:
        return f"a number of {value.bit_length()} bits"
    text = repr(value)
    return text if len(text) <= _LONGEST_SHOWN else f"{text[:_LONGEST_SHOWN]}… ({len(text)} characters)"


def escaped(text: object) -> str:
    """What something says, in one line and without control characters: for the words of others, in a message or a log.

    What can be printed stays as it is, in any language.
    """
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in str(text).strip())


class GnomonError(Exception):
    """The root of the tree."""


class JobNotFound(GnomonError, LookupError):
    """No job of this id is stored."""

    def __init__(self, job_id: str) -> None:
        super().__init__(f"there is no job {shown(job_id)}; `gnomon jobs` lists those that are stored")
        self.job_id = job_id


class RunNotFound(GnomonError, LookupError):
    """No run of this id is in the ledger."""

    def __init__(self, run_id: int) -> None:
        super().__init__(f"there is no run {shown(run_id)}; `gnomon runs` lists those in the ledger")
        self.run_id = run_id


class ChangeNotFound(GnomonError, LookupError):
    """No change of this id is in the log of changes."""

    def __init__(self, change_id: int) -> None:
        super().__init__(f"there is no change {shown(change_id)}; `gnomon changes` lists those in the log")
        self.change_id = change_id


class CalendarNotFound(GnomonError, LookupError):
    """No calendar of this name is stored."""

    def __init__(self, name: str) -> None:
        super().__init__(f"there is no calendar {shown(name)}; `gnomon calendars` lists those that there are")
        self.name = name


class DuplicateJob(GnomonError, ValueError):
    """An id was declared twice."""

    def __init__(self, job_id: str, first: str, second: str) -> None:
        super().__init__(
            f"job {shown(job_id)} is declared twice, for {first} and for {second}; give one of them another id="
        )
        self.job_id = job_id


class TaskNotFound(GnomonError, LookupError):
    """No node has told of a task of this name, and this process declares none. ``known`` are those that there are."""

    def __init__(self, name: object, known: Sequence[str]) -> None:
        there = f"there are {', '.join(map(shown, known[:10]))}" if known else "no node has told of any"
        super().__init__(f"there is no task {shown(name)}; {there}: `gnomon tasks` lists them")
        self.name = name
        self.known = tuple(known)


class DuplicateTask(GnomonError, ValueError):
    """A name was given to two tasks, or a function is declared as two."""

    def __init__(self, name: str, first: str, second: str) -> None:
        if first == second:
            message = f"{first} is declared as a task twice, now as {shown(name)}; a job finds its task by the function"
        else:
            message = f"task {shown(name)} is declared twice, for {first} and for {second}; give one another name="
        super().__init__(message)
        self.name = name


class InvalidInput(GnomonError, ValueError):
    """A value is not allowed.

    ``field`` names the argument, ``value`` is what was given, ``allowed`` says what would have been right.
    """

    def __init__(self, field: str, value: object, allowed: str) -> None:
        super().__init__(f"{field}: {shown(value)} is not allowed; {allowed}")
        self.field = field
        self.value = value
        self.allowed = allowed


class InvalidTrigger(InvalidInput):
    """A trigger cannot be made of these arguments."""


class ChangeRefused(GnomonError):
    """The change makes no sense for the job as it stands, for example resuming one that has finished."""


class JobExists(ChangeRefused):
    """There is a job of this id already. Nothing was changed."""

    def __init__(self, job_id: str, why: str) -> None:
        super().__init__(f"there is a job {shown(job_id)} already ({why}); give another id, or remove that one")
        self.job_id = job_id


class StaleToken(ChangeRefused):
    """The job was changed since whoever wants to change it looked at it. Nothing was changed.

    ``job`` is the job as it stands; ``differing`` names the fields that were changed since, with ``changes`` (the
    lines of the log, oldest first), ``None`` where the token is not known.
    """

    def __init__(self, job: Mapping[str, Any], changes: Sequence[Any] | None) -> None:
        self.job = job
        self.changes = changes
        self.differing = None if changes is None else _differing((each.before, each.after) for each in changes)
        who = f" by {shown(changes[-1].author.actor)}" if changes else ""
        super().__init__(_stale(f"job {shown(job['id'])} was changed{who} since you looked at it", self.differing))


class StaleCalendar(ChangeRefused):
    """The calendar was set, made or removed since whoever wants to set or remove it looked at it. Nothing was changed.

    ``calendar`` is the calendar as it stands, ``None`` where there is none; ``differing`` and ``changes`` are as of
    ``StaleToken``.
    """

    def __init__(self, name: str, calendar: Mapping[str, Any] | None, changes: Sequence[Any] | None) -> None:
        self.calendar = calendar
        self.changes = changes
        sides = None if changes is None else ((_dates_of(each.before), _dates_of(each.after)) for each in changes)
        self.differing = None if sides is None else _differing(sides)
        if calendar is None and not changes:
            what = f"there is no calendar {shown(name)} to be changed"
        else:
            actor = changes[-1].author.actor if changes else calendar["actor"] if calendar else ""
            done = "removed" if calendar is None else "set"
            what = f"calendar {shown(name)} was {done} by {shown(actor)} since you looked at it"
        super().__init__(_stale(what, self.differing))


def _stale(what: str, differing: Sequence[str] | None) -> str:
    fields = f" ({', '.join(differing)})" if differing else ""
    return f"{what}{fields}; nothing was changed now: look again, and decide anew"


def _differing(sides: Iterable[tuple[Mapping[str, Any], Mapping[str, Any]]]) -> tuple[str, ...]:
    return tuple(sorted({name for before, after in sides for name in after if before.get(name) != after[name]}))


def _dates_of(side: Mapping[str, Any]) -> dict[str, Any]:
    """What one side of a line about a calendar says of it, field by field."""
    definition = side.get("calendar", {})
    return {name: definition.get(name) for name in ("country", "subdivision", "dates")} | {"until": side.get("until")}


class RowRefused(GnomonError):
    """A stored row holds something that is not on the allow-list, or has not the shape of a job.

    The row is kept byte for byte; its job is shown as quarantined and does not fire. ``names`` is the class or function
    that is not on the allow-list, ``module.name``, where that is the reason.
    """

    def __init__(self, message: str, *, names: str | None = None) -> None:
        super().__init__(message)
        self.names = names


class StoreError(GnomonError):
    """Something is wrong with the database."""


class StoreUnavailable(StoreError):
    """The database cannot be opened or does not answer."""


class StoreNotMigrated(StoreError):
    """Gnomon's tables are missing, or older than this version of Gnomon."""


class StoreTooNew(StoreError):
    """Gnomon's tables were made by a newer version than this."""


class TargetError(GnomonError):
    """``module:attribute`` cannot be imported or holds no ``Scheduler``."""


class NotAuthenticated(GnomonError):
    """Nobody knows who is asking. ``is_invalid`` says that something was shown, and that it is not valid."""

    def __init__(self, message: str, *, is_invalid: bool = False) -> None:
        super().__init__(message)
        self.is_invalid = is_invalid


class NotAllowed(GnomonError):
    """Who is asking may not do this; ``needed`` is the role that may."""

    def __init__(self, name: str, role: str, needed: str) -> None:
        super().__init__(f"{shown(name)} is {role} here, and this needs {needed}; ask an administrator for a token")
        self.needed = needed


class TooManyAttempts(GnomonError):
    """Signing in was tried too often from one place. ``retry_after`` is in seconds."""

    def __init__(self, retry_after: int) -> None:
        super().__init__(f"too many attempts to sign in; wait {retry_after} seconds and try again")
        self.retry_after = retry_after


class TokenNotFound(GnomonError, LookupError):
    """No API token of this id or name stands."""

    def __init__(self, which: str) -> None:
        super().__init__(f"there is no API token {shown(which)}; `gnomon token list` shows those that stand")
        self.which = which


class NoCurrentRun(GnomonError, LookupError):
    """``current_run()`` was called outside a run."""

    def __init__(self) -> None:
        super().__init__("there is no current run here: current_run() works only inside a job that Gnomon started")
