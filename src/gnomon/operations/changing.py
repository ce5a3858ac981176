"""Changing one job, in the transaction that is open: its row is locked, and what stands beside it is read once."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any

import orjson

from gnomon.domain.calendar import Calendar
from gnomon.domain.change import Author, Change, Origin
from gnomon.domain.override import DEFAULT, FIELDS, Override, declared_value, is_same
from gnomon.domain.schedule import DeclaredRow, StoredJob
from gnomon.domain.tick_exception import TickException
from gnomon.domain.triggers import KINDS, BaseTrigger, build
from gnomon.errors import ChangeRefused, InvalidInput, JobNotFound, StaleToken
from gnomon.operations.beside import NOTHING_BESIDE, exceptions_list, read_beside
from gnomon.operations.change_key import new_key
from gnomon.operations.ports import Context
from gnomon.operations.read import POLICIES, AsOf, job_dict
from gnomon.operations.runnable import reruns_lost, runnable
from gnomon.operations.standing import JobDict, standing_of
from gnomon.operations.tasks import fitting_arguments, offers_of

#: Makes a trigger, given the time zone that the job counts in (``None``: not known).
TriggerMaker = Callable[[str | None], BaseTrigger]

_OUTSIDE = Author("outside", Origin.OUTSIDE, "another program wrote the row")
#: The fields of a job's dict that a line of the log compares.
_COMPARED = ("trigger", "trigger_args", "enabled", *POLICIES, "calendar", "kwargs")
_TRIGGER = frozenset({"trigger", "trigger_args"})


class Changing:
    """One job under its lock. What another program did to its row is put on record first.

    ``before`` is the job as its row stands, in the fields of its dict: what else a dict tells (source, overrides, last
    run, whether anybody has code for it) is left open.

    Raises ``JobNotFound``, and ``ChangeRefused`` for a row that cannot be read.
    """

    def __init__(self, context: Context, job_id: str, author: Author) -> None:
        store = context.store
        row = store.schedules.lock(job_id)
        if row is None:
            raise JobNotFound(job_id)
        self.now = store.database.now()
        self.author = author
        self._context, self._job_id, self._row = context, job_id, row
        self.declaration = store.records.declarations([job_id]).get(job_id)
        self.overrides = store.records.overrides([job_id]).get(job_id, {})
        self._last_run = store.ledger.last_runs([job_id]).get(job_id)
        self._runnable = runnable(context)
        self._beside = read_beside(store, [job_id], now=self.now).get(job_id, NOTHING_BESIDE)
        #: The exceptions as they stood before this change, to be compared with those that stand after it.
        self._exceptions_before = exceptions_list(self._beside.exceptions)
        #: As its row stands now.
        self._stands = self.before = self._standing()
        if self.before["state"] == "quarantined":
            problem = self.before["problem"]
            raise ChangeRefused(f"job {job_id!r} cannot be changed: {problem}; mend or remove its row")
        self._notice_outside()

    @property
    def base(self) -> Mapping[str, Any]:
        """The declared values; none of a job that was never declared."""
        return self.declaration.base if self.declaration else {}

    def expect(self, token: str | None) -> None:
        """Raise ``StaleToken`` unless the job still has the token that somebody saw; ``None`` is not compared."""
        if token is not None and token != self.before["token"]:
            raise StaleToken(self.job, self._context.store.records.changes_after(self._job_id, token))

    def apply(self, wanted: Mapping[str, Any], *, expires_at: datetime | None = None) -> None:
        """Ask the engine, then record. ``wanted`` maps some of ``FIELDS`` to values (a trigger: its maker) or to
        ``DEFAULT``. What is as the code says afterwards is no override; others are kept until ``expires_at``."""
        wanted = {name: self._resolved(name, value) for name, value in wanted.items()}
        self._ask_engine(wanted)
        if "enabled" in wanted:
            # First: whether a row without a next run time is paused is said by this override.
            self._record("enabled", wanted["enabled"], self.before["enabled"], expires_at)
        if "calendar" in wanted:
            self._context.store.calendars.assign({self._job_id: wanted["calendar"]})
            self._beside_changed()
        self._stands = after = self._standing()
        for name in (*POLICIES, "calendar", "kwargs"):
            if name in wanted:
                self._record(name, after[name], self.before[name], expires_at)
        if "trigger" in wanted:
            self._record("trigger", _trigger_of(after), _trigger_of(self.before), expires_at)

    @property
    def stored(self) -> StoredJob:
        """The row as it was found, decoded."""
        return self._context.decode(self._row)

    @property
    def exceptions(self) -> Sequence[TickException]:
        """What was made of single due times that are still to come, also in this change."""
        return self._beside.exceptions

    @property
    def calendar(self) -> Calendar | None:
        """The dates that the job leaves out."""
        return self._beside.calendar

    def make(self, exception: TickException) -> bool:
        """Write the line of a due time ahead; ``False`` if it has one."""
        line = exception.line(rerun_lost=reruns_lost(self.base, self._runnable))
        if self._context.store.ledger.insert([line], at=self.now) == [None]:
            return False
        self._context.store.exceptions.add(exception)
        self._beside_changed()
        return True

    def take_back(self, exception: TickException) -> bool:
        """Take back what was written ahead; ``False`` if it has happened."""
        if exception.scheduled_at <= self.now:
            return False  # its line is the only one that its due time has
        if not self._context.store.exceptions.drop(exception, now=self.now, error=""):
            return False
        self._beside_changed()
        return True

    def settle_before(self, moment: datetime) -> None:
        """The schedule was meant until a moment that has passed: what was due before that is queued."""
        rerun_lost = reruns_lost(self.base, self._runnable)
        self._context.engine.settle_before(self._job_id, moment, rerun_lost=rerun_lost)

    def rename(self, name: str) -> None:
        """The code calls it otherwise now. A name is the code's own; nobody overrides it."""
        self._row = self._context.engine.modify_job(self._job_id, name=name).row

    def redeclare(self, text: str) -> None:
        """The code says something else now: what is as it says is no override any more."""
        records = self._context.store.records
        records.declare([(self._job_id, text, None)], at=self.now)
        self.declaration = records.declarations([self._job_id])[self._job_id]

    def dissolve(self, name: str) -> None:
        """Drop an override whose value the code declares now."""
        self._context.store.records.drop_override(self._job_id, name)
        del self.overrides[name]

    def rebase(self, name: str) -> None:
        """Keep an override though the code has changed its mind: it was seen, and is meant against that."""
        self._write(name, self.overrides[name].value, self.overrides[name].expires_at)

    @property
    def job(self) -> JobDict:
        """The job as it stands now, and after the transaction as it stood at its end."""
        row = DeclaredRow.of(self._row, self.declaration)
        as_of = AsOf.of(self.now)
        return job_dict(self._context, row, self.overrides, self._last_run, self._runnable, as_of, self._beside)

    def finish(self, action: str, *, key: str | None = None, notes: tuple[Any, Any] | None = None) -> Changing:
        """Put on record what differs now. Where nothing differs, nothing is written.

        ``notes`` are further things before and after, for changes that are none of the schedule itself.
        """
        after = self._stands
        self._remember_token(after["token"])
        before, now = notes or ({}, {})
        changed = self._exceptions_before_and_after()
        if changed is not None:
            notes = before, now = {**before, **changed[0]}, {**now, **changed[1]}
        differing = [name for name in _COMPARED if self.before[name] != after[name]]
        if _TRIGGER & set(differing):
            # Both, so that an entry can be read, and undone, by itself.
            differing = [name for name in _COMPARED if name in _TRIGGER or name in differing]
        if differing or notes:
            self._context.store.records.log(
                Change(
                    key=key or new_key(),
                    job_id=self._job_id,
                    at=self.now,
                    author=self.author,
                    action=action,
                    before={**{name: self.before[name] for name in differing}, **before},
                    after={**{name: after[name] for name in differing}, **now},
                    token=self.before["token"],
                )
            )
        return self

    # -- behind them

    def _beside_changed(self) -> None:
        store = self._context.store
        self._beside = read_beside(store, [self._job_id], now=self.now).get(self._job_id, NOTHING_BESIDE)
        store.announce()

    def _exceptions_dropped_outside(self) -> list[dict[str, Any]]:
        """The schedule is another: exceptions for times that it no longer has are dropped, and returned."""
        if not self._beside.exceptions:
            return []
        self._context.engine.keep_exceptions(self._job_id)
        self._beside_changed()
        was, self._exceptions_before = self._exceptions_before, exceptions_list(self._beside.exceptions)
        return [each for each in was if each not in self._exceptions_before]

    def _exceptions_before_and_after(self) -> tuple[dict[str, Any], dict[str, Any]] | None:
        """Exceptions that were made, and those that were taken back or dropped; ``None`` if there are none."""
        if not (self._exceptions_before or self._beside.exceptions):
            return None
        sides = self._exceptions_before, exceptions_list(self._beside.exceptions)
        gone, made = ([each for each in one if each not in other] for one, other in (sides, sides[::-1]))
        return ({"exceptions": gone}, {"exceptions": made}) if gone or made else None

    def _standing(self) -> JobDict:
        row = DeclaredRow.of(self._row, self.declaration)
        return standing_of(self._context, row, self.overrides, self._last_run, self.now, self._beside).job

    def _remember_token(self, token: str) -> None:
        """The row is as Gnomon has written it, or has put on record that others did."""
        if self.declaration is not None and self.declaration.token != token:
            self._context.store.records.remember_token(self._job_id, token)
            self.declaration = self.declaration._replace(token=token)

    def _resolved(self, name: str, value: Any) -> Any:
        if name == "kwargs":
            return self._arguments(value)
        if value is not DEFAULT:
            return value
        if self.declaration is None:
            raise ChangeRefused(f"no code declares job {self._job_id!r}, so there is no default to go back to")
        if name != "trigger":
            return declared_value(self.base, name)
        return lambda _zone: self._declared_trigger()

    def _arguments(self, value: Any) -> Any:
        if self.before["task"] is None:
            raise InvalidInput(
                "kwargs", None if value is DEFAULT else value, "only a job that was added for a task has arguments here"
            )
        offers = offers_of(self._runnable, self.before["task"])
        return fitting_arguments(offers, self.base["kwargs"] if value is DEFAULT else value)

    def _declared_trigger(self) -> BaseTrigger:
        declared = self._context.declared(self._job_id)
        if declared is not None and self.declaration is not None and declared.text == self.declaration.text:
            return declared.trigger
        kind, args = self.base["trigger"], self.base["trigger_args"]
        if kind not in KINDS:
            raise ChangeRefused(
                f"the default of job {self._job_id!r} is a trigger that only its code can make; do this from a process "
                "that declares it: --app TARGET"
            )
        return build(kind, args, timezone=self.before["timezone"] or "UTC", now=self.now)

    def _ask_engine(self, wanted: Mapping[str, Any]) -> None:
        engine, before, stored = self._context.engine, self.before, None
        if "trigger" in wanted:
            stored = engine.reschedule_job(self._job_id, trigger=wanted["trigger"](before["timezone"]))
        policies = {name: wanted[name] for name in POLICIES if name in wanted}
        if policies:
            stored = engine.modify_job(self._job_id, **policies)
        if "kwargs" in wanted:
            stored = engine.replace_arguments(self._job_id, wanted["kwargs"])
        enabled = wanted.get("enabled", before["enabled"])
        if not enabled and (before["enabled"] or "trigger" in wanted):
            # The engine cannot tell a paused job from a finished one when the old trigger has no time left.
            stored = engine.pause_job(self._job_id)
        elif enabled and not before["enabled"]:
            stored = engine.resume_job(self._job_id)
        if stored is not None:
            self._row = stored.row
        if self._beside.exceptions:  # the engine drops those for times that the job no longer has
            self._beside_changed()

    def _record(self, name: str, value: Any, before: Any, expires_at: datetime | None) -> None:
        override = self.overrides.get(name)
        if is_same(name, value, declared_value(self.base, name)):
            if override is not None:
                self.dissolve(name)
        elif value != before or (override is not None and override.expires_at != expires_at):
            self._write(name, value, expires_at)

    def _write(self, name: str, value: Any, expires_at: datetime | None, author: Author | None = None) -> None:
        override = Override(
            job_id=self._job_id,
            field=name,
            value=orjson.loads(orjson.dumps(value)),  # it may be remembered of a row, and this is shown to anyone
            base=declared_value(self.base, name),
            author=author or self.author,
            changed_at=self.now,
            expires_at=expires_at,
        )
        self._context.store.records.override(override)
        self.overrides[name] = override

    def _notice_outside(self) -> None:
        """Another program wrote the row: from here on, what it made of each field is an override like others."""
        if self.declaration is None or self.declaration.token == self.before["token"]:
            return
        before: dict[str, Any] = {}
        for name in FIELDS:
            override = self.overrides.get(name)
            declared = declared_value(self.base, name)
            known = override.value if override is not None else declared
            value = _trigger_of(self.before) if name == "trigger" else self.before[name]
            if is_same(name, value, known):
                continue
            before |= {"trigger": known[0], "trigger_args": known[1]} if name == "trigger" else {name: known}
            if is_same(name, value, declared):
                if override is not None:
                    self.dissolve(name)
            else:
                self._write(name, value, None, _OUTSIDE)
        after = {name: self.before[name] for name in before}
        dropped = self._exceptions_dropped_outside()
        if dropped:
            before, after = {**before, "exceptions": dropped}, {**after, "exceptions": []}
        if before:
            self._context.store.records.log(
                Change(
                    key=new_key(),
                    job_id=self._job_id,
                    at=self.now,
                    author=_OUTSIDE,
                    action="outside",
                    before=before,
                    after=after,
                    token=self.declaration.token,
                )
            )
        self._remember_token(self.before["token"])


def _trigger_of(job: JobDict) -> list[Any]:
    """The value of the field ``trigger``."""
    return [job["trigger"], job["trigger_args"]]
