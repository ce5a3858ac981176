"""Calendars: those that the code declares, those that operators set, and who uses them.

The holidays of a country are worked out for ten years ahead when a calendar is set, and stand in the store. So every
node knows the same dates, whatever it has installed, and a newer library changes nothing by itself.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, timedelta
from typing import Any

from gnomon.domain.calendar import Calendar, Definition, StoredCalendar, check_calendar_name
from gnomon.domain.change import Author, Change, Origin
from gnomon.errors import CalendarNotFound, ChangeRefused, InvalidInput
from gnomon.operations.change import check_reason
from gnomon.operations.change_key import new_key
from gnomon.operations.holidays import holidays_of, is_installed
from gnomon.operations.ports import Context

logger = logging.getLogger("gnomon.operations")

#: In place of a job's id in the log of changes: no job's id has a slash.
LOGGED_AS = "calendar/"

_YEARS_AHEAD = 10
#: A calendar that knows less than this ahead is extended: as far as triggers are looked ahead.
_EXTENDED_BEFORE = timedelta(days=5 * 366)
_SHOWN_DATES = 10
_SHOWN_JOBS = 5


def set_calendar(context: Context, name: str, definition: Definition, author: Author) -> dict[str, Any]:
    """Make a calendar, or make it anew; return it. Jobs that name it leave out its dates from now on.

    Raises ``InvalidInput`` for a name that can't be one, and a country or subdivision that nobody knows.
    """
    check_calendar_name(name)
    check_reason(author.reason)
    store = context.store
    with store.database.transaction("change"):
        store.database.one_at_a_time()
        now = store.database.now()
        known = {each.name: each for each in store.calendars.all()}
        declared = known[name].declared if name in known else None
        _put(context, _made(name, definition, declared, author, now), known.get(name), "calendar")
    return read_calendar(context, name)


def preview_calendar(context: Context, name: str, definition: Definition) -> dict[str, Any]:
    """A calendar as it would be, with the jobs that name it already. Raises ``InvalidInput``."""
    store = context.store
    with store.database.read():
        users, now = store.calendars.users(), store.database.now()
    made = _made(name, definition, None, Author(), now)
    return calendar_dict(made, users.get(name, []), now.date())


def remove_calendar(context: Context, name: str, author: Author, *, force: bool = False) -> list[str]:
    """Remove a calendar; return the ids of the jobs that name it. Those do not fire until there is one of its name
    again, or they name another.

    Raises ``CalendarNotFound``; and, without ``force``, ``ChangeRefused`` where jobs name it.
    """
    check_reason(author.reason)
    store = context.store
    with store.database.transaction("change"):
        store.database.one_at_a_time()
        known = {each.name: each for each in store.calendars.all()}
        if name not in known:
            raise CalendarNotFound(name)
        users = store.calendars.users().get(name, [])
        if users and not force:
            raise ChangeRefused(
                f"calendar {name!r} is named by {_some(users)}, which would not fire without it; give them another "
                "(`gnomon set JOB --calendar none`), or remove it by force"
            )
        store.calendars.remove(name)
        _log(context, name, "remove calendar", author, known[name].definition, None, users)
        store.announce()
    return users


def read_calendars(context: Context) -> list[dict[str, Any]]:
    """All calendars as JSON-ready dicts, by name."""
    store = context.store
    with store.database.read():
        users, now = store.calendars.users(), store.database.now()
        return [calendar_dict(each, users.get(each.name, []), now.date()) for each in store.calendars.all()]


def read_calendar(context: Context, name: str) -> dict[str, Any]:
    """One calendar. Raises ``CalendarNotFound``."""
    for each in read_calendars(context):
        if each["name"] == name:
            return each
    raise CalendarNotFound(name)


def declare_calendars(context: Context, declared: Mapping[str, Definition]) -> None:
    """What the code says of calendars: one that is not stored is made; one that is follows the code where that has
    changed and no operator has set something else. Where nothing has changed, nothing is written."""
    store = context.store
    if not declared or not _differing(context, declared):
        return
    author = Author("code", Origin.START)
    with store.database.transaction("declare"):
        store.database.one_at_a_time()
        now = store.database.now()
        known = {each.name: each for each in store.calendars.all()}
        for name, definition in _differing(context, declared).items():
            stored = known.get(name)
            if stored is not None and stored.declared != stored.definition and stored.definition != definition:
                store.calendars.put(replace(stored, declared=definition))  # an operator's own stays
                continue
            try:
                made = _made(name, definition, definition, author, now)
            except InvalidInput as error:
                logger.warning("calendar %r is not as the code says: %s", name, error)
                continue
            _put(context, made, stored, "calendar")


def extend(context: Context) -> list[str]:
    """Work out more years of calendars that know few ahead, where that can be done here; return their names."""
    store = context.store
    if not is_installed():
        return []
    ending = [each.name for each in store.calendars.all() if _is_ending(each, store.database.now())]
    if not ending:
        return []
    author, extended = Author("gnomon", Origin.EXPIRY, "further years were worked out"), []
    with store.database.transaction("change"):
        store.database.one_at_a_time()
        now = store.database.now()
        for each in store.calendars.all():
            if not _is_ending(each, now) or each.definition.country is None or each.calendar.until is None:
                continue
            years = range(each.calendar.until.year + 1, now.year + _YEARS_AHEAD + 1)
            try:
                more = holidays_of(each.definition.country, each.definition.subdivision, years)
            except InvalidInput as error:  # another version of the library
                logger.warning("calendar %r can't be extended here: %s", each.name, error)
                continue
            dates = {**each.calendar.dates, **more}
            calendar = Calendar(each.name, dates, date(now.year + _YEARS_AHEAD, 12, 31))
            store.calendars.put(replace(each, calendar=calendar))
            before, after = each.calendar.until.isoformat(), str(calendar.until)
            _log(context, each.name, "extend calendar", author, None, None, [], ({"until": before}, {"until": after}))
            extended.append(each.name)
        store.announce()
    return extended


def calendar_dict(stored: StoredCalendar, users: list[str], today: date) -> dict[str, Any]:
    """A calendar, JSON-ready: what it was made from, its next dates, the last that it knows about, and who uses it."""
    definition, calendar = stored.definition, stored.calendar
    upcoming = [day for day in sorted(calendar.dates) if day >= today]
    return {
        "name": stored.name,
        "words": definition.words,
        "country": definition.country,
        "subdivision": definition.subdivision,
        "dates": {day.isoformat(): word for day, word in sorted(definition.dates.items())},
        "upcoming": [{"date": day.isoformat(), "name": calendar.dates[day]} for day in upcoming[:_SHOWN_DATES]],
        "until": None if calendar.until is None else calendar.until.isoformat(),
        "jobs": users,
        "declared": stored.declared is not None,
        "source": "code" if stored.declared == stored.definition else "override",
        "actor": stored.author.actor,
        "origin": stored.author.origin.value,
        "reason": stored.author.reason,
        "changed_at": stored.changed_at.isoformat(),
    }


def _differing(context: Context, declared: Mapping[str, Definition]) -> dict[str, Definition]:
    known = {each.name: each for each in context.store.calendars.all()}
    return {name: said for name, said in declared.items() if name not in known or known[name].declared != said}


def _made(
    name: str, definition: Definition, declared: Definition | None, author: Author, now: datetime
) -> StoredCalendar:
    dates, until = dict(definition.dates), None
    if definition.country is not None:
        last = now.year + _YEARS_AHEAD
        found = holidays_of(definition.country, definition.subdivision, range(now.year - 1, last + 1))
        dates, until = {**found, **dates}, date(last, 12, 31)
    return StoredCalendar(
        name=name,
        definition=definition,
        calendar=Calendar(name, dates, until),
        declared=declared,
        author=author,
        changed_at=now,
    )


def _put(context: Context, made: StoredCalendar, before: StoredCalendar | None, action: str) -> None:
    if before is not None and (before.definition, before.calendar) == (made.definition, made.calendar):
        if before.declared != made.declared:
            context.store.calendars.put(replace(before, declared=made.declared))
        return
    context.store.calendars.put(made)
    users = context.store.calendars.users().get(made.name, [])
    was = before.definition if before is not None else None
    _log(context, made.name, action, made.author, was, made.definition, users)
    context.store.announce()


def _log(
    context: Context,
    name: str,
    action: str,
    author: Author,
    before: Definition | None,
    after: Definition | None,
    users: list[str],
    notes: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
) -> None:
    """Which jobs it affects is part of the line: afterwards, others may name the calendar."""
    sides = [{} if each is None else {"calendar": each.to_dict()} for each in (before, after)]
    context.store.records.log(
        Change(
            key=new_key(),
            job_id=LOGGED_AS + name,
            at=context.store.database.now(),
            author=author,
            action=action,
            before={**sides[0], **notes[0]},
            after={**sides[1], **notes[1], "jobs": users},
        )
    )


def _is_ending(stored: StoredCalendar, now: datetime) -> bool:
    until = stored.calendar.until
    return until is not None and until < (now + _EXTENDED_BEFORE).date()


def _some(job_ids: list[str]) -> str:
    count = f"{len(job_ids)} jobs: " if len(job_ids) > 1 else "job "
    more = f" and {len(job_ids) - _SHOWN_JOBS} more" if len(job_ids) > _SHOWN_JOBS else ""
    return count + ", ".join(job_ids[:_SHOWN_JOBS]) + more
