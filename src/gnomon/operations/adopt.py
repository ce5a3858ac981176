"""Adopting a table of APScheduler: what is to be said of its jobs, and taking them over."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Protocol

from gnomon.domain.adoption import ADOPT, JOBS_TABLE, Candidate, Survey, Verdict
from gnomon.domain.change import Author, Change
from gnomon.domain.declaration import check_job_id
from gnomon.domain.manifest import Manifest
from gnomon.domain.plan import plan
from gnomon.domain.run import RunState
from gnomon.domain.schedule import JobRow, Schedule, StoredJob
from gnomon.domain.times import from_seconds
from gnomon.domain.triggers import KINDS, describe, next_fire
from gnomon.errors import ChangeRefused, InvalidInput, InvalidTrigger, RowRefused
from gnomon.operations.change_key import new_key
from gnomon.operations.ports import Context

_SHORT_GRACE = 10
_NAMED = 5
_DECLARE = "declare its function under the same id: @scheduler.job(..., id=JOB)"
#: What the column and the pickled time may differ by: the column holds a float.
_SAME = timedelta(milliseconds=1)


class Task(Protocol):
    """Code that was found for a job."""

    @property
    def executor(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Code:
    """What an application could run: how its rows decode, what it declares and allows, where its runs go."""

    decode: Callable[[JobRow], StoredJob]
    find: Callable[[Schedule], Task | None]
    manifest: Manifest
    executors: Collection[str]


def examine(survey: Survey, code: Code, *, now: datetime) -> list[Candidate]:
    """What is to be said of each job, if nodes with this code started now."""
    return [_candidate(row, code, is_new=survey.is_new(row.id), now=now) for row in survey.rows]


def adopt(
    context: Context, author: Author, *, table: str = JOBS_TABLE, decode: Callable[[JobRow], StoredJob] | None = None
) -> list[str]:
    """Write a change for each job that is new, in one transaction; from another table, copy its row first.

    Rows are taken as they stand, those that do not decode too. Returns the ids of what was adopted; adopting again
    adopts what has come since. Raises ``ChangeRefused``, and then has written nothing, where another job has the id of
    one that would be copied.
    """
    store, decode = context.store, decode or context.decode
    with store.database.transaction("adopt"):
        store.database.one_at_a_time()
        adopted = {job_id for job_id, origin in store.records.adopted().items() if origin == table}
        if table == JOBS_TABLE:
            known = adopted | store.records.bases().keys()
            new = [row for row in store.schedules.all() if row.id not in known]
        else:
            new = [row for row in store.schedules.rows_of(table) if row.id not in adopted]
            _copy(context, table, [row.id for row in new])
        at = store.database.now()
        for row in new:
            after = {"table": table, **_as_found(row, decode)}
            store.records.log(
                Change(
                    key=new_key(),
                    job_id=row.id,
                    at=at,
                    author=author,
                    action=ADOPT,
                    before={},
                    after=after,
                )
            )
    return [row.id for row in new]


def _copy(context: Context, table: str, job_ids: list[str]) -> None:
    schedules = context.store.schedules
    taken = sorted(schedules.ids() & set(job_ids))
    if taken:
        named = ", ".join(repr(job_id) for job_id in taken[:_NAMED])
        more = f" and {len(taken) - _NAMED} more" if len(taken) > _NAMED else ""
        raise ChangeRefused(
            f"{table} and {JOBS_TABLE} both have a job {named}{more}, and a row is never overwritten; nothing was "
            f"copied: remove those that are not wanted from one of the tables, or give them other ids"
        )
    schedules.copy_from(table, job_ids)


def _as_found(row: JobRow, decode: Callable[[JobRow], StoredJob]) -> dict[str, Any]:
    """A job's row for the log of changes."""
    try:
        stored = decode(row)
    except RowRefused as error:
        return {"problem": str(error)}
    schedule, described = stored.schedule, describe(stored.schedule.trigger)
    return {
        "trigger": described.kind,
        "trigger_args": described.args,
        "enabled": stored.next_run_time is not None,
        "misfire_grace_time": schedule.misfire_grace_time,
        "coalesce": schedule.coalesce,
        "max_instances": schedule.max_instances,
        "func": schedule.func,
    }


# -- looking at one job


def _candidate(row: JobRow, code: Code, *, is_new: bool, now: datetime) -> Candidate:
    try:
        stored = code.decode(row)
    except RowRefused as error:
        return _quarantined(row, error, is_new=is_new)
    schedule, next_run_time = stored.schedule, stored.next_run_time
    described = describe(schedule.trigger)
    verdict, reason, remedy, module = _verdict(schedule, code)
    overdue = ""
    try:
        if next_run_time is not None and next_run_time <= now:
            overdue = _overdue(schedule, next_run_time, now)
        else:
            next_fire(schedule.trigger, previous=next_run_time, now=now)
    except InvalidTrigger as error:
        verdict, module = Verdict.QUARANTINED, None
        reason = f"its trigger cannot be calculated: {error}"
        remedy = "give it another: gnomon set JOB KIND NAME=VALUE"
    return Candidate(
        id=row.id,
        is_new=is_new,
        verdict=verdict,
        schedule=described.words,
        func=schedule.func,
        next_run_time=next_run_time,
        overdue=overdue,
        reason=reason,
        remedy=remedy,
        module=module,
        notes=tuple(_notes(row, schedule, next_run_time, described.kind)),
    )


def _quarantined(row: JobRow, error: RowRefused, *, is_new: bool) -> Candidate:
    module = error.names.rpartition(".")[0] if error.names else None
    if module is None:
        remedy = "mend the row with the program that wrote it, or remove it"
    elif _is_of_python(module):
        # Whoever can write to the table could then call anything that is in there.
        module, remedy = None, "no application should allow that: find out who wrote the row, and remove it"
    else:
        remedy = f"if {error.names} is of your application, allow its module: Scheduler(..., allow=[{module!r}])"
    return Candidate(
        id=row.id, is_new=is_new, verdict=Verdict.QUARANTINED, reason=str(error), remedy=remedy, module=module
    )


def _verdict(schedule: Schedule, code: Code) -> tuple[Verdict, str, str, str | None]:
    """Verdict, reason, remedy, and the module that would have to be allowed."""
    task = code.find(schedule)
    if task is not None:
        if task.executor in code.executors:
            return Verdict.RUNS, "", "", None
        have = ", ".join(sorted(code.executors))
        reason = f"its row names the executor {task.executor!r}, and there are {have}: its runs would fail"
        return Verdict.NO_CODE, reason, _DECLARE, None
    module = schedule.func.partition(":")[0]
    if code.manifest.runs(schedule.job_id, schedule.func):
        return Verdict.NO_CODE, f"{schedule.func} is allowed, but cannot be imported here", "mend the import", None
    if module == "__main__":
        return (
            Verdict.NO_CODE,
            f"{schedule.func} stood in a script that was run, and has no name elsewhere",
            _DECLARE,
            None,
        )
    if _is_of_python(module):
        # Not a module to allow: a row could then name anything in it.
        return Verdict.NO_CODE, f"{schedule.func} is of Python itself", _DECLARE, None
    reason = f"{schedule.func} is neither declared nor allowed"
    if code.manifest == Manifest():
        reason = f"no code was named that has {schedule.func}"
    return Verdict.NO_CODE, reason, f"{_DECLARE}, or allow its module: Scheduler(..., allow=[{module!r}])", module


def _overdue(schedule: Schedule, next_run_time: datetime, now: datetime) -> str:
    """What the first node that starts makes of times that have passed. Decided by the code that fires."""
    planned = plan(schedule, next_run_time, now=now, active=0).runs
    fates: Counter[RunState] = Counter()
    for run in planned:
        fates[run.state] += run.covers or 1
    parts = []
    if fates[RunState.QUEUED]:
        count = fates[RunState.QUEUED]
        parts.append("one run at once" if count == 1 else f"{count} runs at once")
    if fates[RunState.COALESCED]:
        parts.append(f"{_times(planned, fates, RunState.COALESCED)} folded into it (coalesce)")
    if fates[RunState.MISSED]:
        grace = schedule.misfire_grace_time
        parts.append(f"{_times(planned, fates, RunState.MISSED)} missed (its misfire_grace_time is {grace} s)")
    if fates[RunState.SKIPPED]:
        limit = schedule.max_instances
        parts.append(f"{_times(planned, fates, RunState.SKIPPED)} skipped (its max_instances is {limit})")
    return ", ".join(parts)


def _times(planned: Any, fates: Counter[RunState], state: RunState) -> str:
    if any(run.covers is None and run.state is state for run in planned):
        return "many times"
    return "1 time" if fates[state] == 1 else f"{fates[state]} times"


def _notes(row: JobRow, schedule: Schedule, next_run_time: datetime | None, kind: str) -> list[str]:
    notes = []
    grace = schedule.misfire_grace_time
    if grace is not None and grace < _SHORT_GRACE:
        notes.append(f"misfire_grace_time is {grace} s: a run that is later is missed")
    if kind not in KINDS:
        notes.append(f"its trigger ({kind}) is shown and fired, and can only be changed to one of another kind")
    try:
        check_job_id(schedule.job_id)
    except InvalidInput:
        notes.append("its id cannot stand in a URL: the command line and Python reach it, REST does not")
    if row.next_run_time is not None and next_run_time is not None:
        difference = abs(from_seconds(row.next_run_time) - next_run_time.astimezone(UTC))
        if difference > _SAME:
            notes.append("the column and the row name different next run times: the later one counts")
    return notes


def _is_of_python(module: str) -> bool:
    return module.partition(".")[0] in sys.stdlib_module_names
