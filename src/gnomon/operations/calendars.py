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

from gnomon.domain.calendar import LOGGED_AS, Calendar, Definition, StoredCalendar, check_calendar_name
from gnomon.domain.change import Author, Change, Origin
from gnomon.domain.schedule import StoredDeclaration
from gnomon.errors import CalendarNotFound, ChangeRefused, InvalidInput, StaleCalendar
from gnomon.operations.change import carry_out_alone
from gnomon.operations.change_key import new_key
from gnomon.operations.declare import alive_or_starting
from gnomon.operations.holidays import holidays_of, is_installed
from gnomon.operations.ports import Context

logger = logging.getLogger("gnomon.operations")

_YEARS_AHEAD = 10
#: A calendar that knows less than this ahead is extended: as far as triggers are looked ahead.
_EXTENDED_BEFORE = timedelta(days=5 * 366)
_SHOWN_DATES = 10
_SHOWN_JOBS = 5


def set_calendar(
    context: Context,
    name: str,
    definition: Definition,
    author: Author,
    *,
    if_token: str | None = None,
    if_exists: bool | None = None,
) -> dict[str, Any]:
    """Make a calendar, or make it anew; return it. Jobs that name it leave out its dates from now on.

    ``if_token`` is the token of the calendar that this was decided on, and ``if_exists`` whether there has to be one,
    or none (``None``: either). Raises ``StaleCalendar`` where it is otherwise, and ``InvalidInput`` for a name that
    can't be one, and a country or subdivision that nobody knows.
    """
    check_calendar_name(name)

    def work(key: str) -> dict[str, Any]:
        known = {each.name: each for each in context.store.calendars.all()}
        _expect(context, name, known.get(name), if_token, if_exists)
        declaration = known[name].declaration if name in known else None
        made = _made(name, definition, declaration, author, context.store.database.now())
        _put(context, made, known.get(name), "calendar", key)
        return read_calendar(context, name)

    return carry_out_alone(context, LOGGED_AS + name, author, work, name="calendar")


def preview_calendar(context: Context, name: str, definition: Definition) -> dict[str, Any]:
    """A calendar as it would be, with the jobs that name it already. Raises ``InvalidInput``."""
    store = context.store
    with store.database.read():
        users, now = store.calendars.users(), store.database.now()
    made = _made(name, definition, None, Author(), now)
    return calendar_dict(made, users.get(name, []), now.date())


def remove_calendar(
    context: Context, name: str, author: Author, *, force: bool = False, if_token: str | None = None
) -> list[str]:
    """Remove a calendar; return the ids of the jobs that name it. Those do not fire until there is one of its name
    again, or they name another.

    Raises ``CalendarNotFound``; ``StaleCalendar`` where its token is another than ``if_token``; and, without ``force``,
    ``ChangeRefused`` where jobs name it.
    """
    store = context.store

    def work(key: str) -> list[str]:
        known = {each.name: each for each in store.calendars.all()}
        if name not in known:
            raise CalendarNotFound(name)
        _expect(context, name, known[name], if_token)
        return _remove(context, known[name], author, "remove calendar", key, force=force)

    return carry_out_alone(context, LOGGED_AS + name, author, work, name="calendar")


def undo_calendar_change(
    context: Context, change: Change, author: Author, *, if_token: str | None = None
) -> dict[str, Any]:
    """Make a calendar what it was before one line of the log; return it as it then stands. One that the line made is
    removed, and returned as it stood.

    Raises ``ChangeRefused`` where a later change stands in the way, or jobs name a calendar that would go;
    ``StaleCalendar`` where its token is another than ``if_token``.
    """
    name = change.job_id.removeprefix(LOGGED_AS)
    before, after = change.before.get("calendar"), change.after.get("calendar")
    if before == after:
        raise ChangeRefused(f"change {change.id} ({change.action}) changed nothing that could be undone")
    notes = {"undone": change.id}, {"undone": change.id}

    def work(key: str) -> dict[str, Any]:
        stored = {each.name: each for each in context.store.calendars.all()}.get(name)
        if (None if stored is None else stored.definition.to_dict()) != after:
            later = context.store.records.changes(change.job_id, after=change.id, limit=200)
            by = [each for each in later if each.after.get("calendar") != after]
            who = f" by change {by[-1].id} of {by[-1].author.actor}" if by else ""
            raise ChangeRefused(
                f"change {change.id} of calendar {name!r} cannot be undone: the calendar was changed since{who}; "
                "undo that first, or set the calendar"
            )
        if stored is not None or if_token is not None:
            _expect(context, name, stored, if_token)
        if before is None:
            assert stored is not None  # as the change has left it
            stood = read_calendar(context, name)
            _remove(context, stored, author, "undo", key, notes=notes)
            return stood
        declaration = None if stored is None else stored.declaration
        made = _made(name, Definition.from_dict(before), declaration, author, context.store.database.now())
        _put(context, made, stored, "undo", key, notes)
        return read_calendar(context, name)

    return carry_out_alone(context, change.job_id, author, work, name="calendar")


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


def declare_calendars(context: Context, declared: Mapping[str, Definition], *, lease: timedelta) -> list[str]:
    """What the code says of calendars: one that is not stored is made; one that is follows the code where that has
    changed and no operator has set something else. Where nothing has changed, nothing is written.

    Returns the names of those of which this process declares what older code did: newer code is running, or may be just
    starting (``lease``: how long a node counts as alive that has just declared something), and what that says stays.
    """
    store = context.store
    if not declared or not _differing(context, declared):
        return []
    author, late = Author("code", Origin.START), []
    with store.database.transaction("declare"):
        store.database.one_at_a_time()
        now = store.database.now()
        known = {each.name: each for each in store.calendars.all()}
        lives = alive_or_starting(context, lease)
        for name, definition in _differing(context, declared).items():
            stored = known.get(name)
            before, text = None if stored is None else stored.declaration, definition.to_json()
            if before is not None and before.is_ahead_of(LOGGED_AS + name, text, lives):
                late.append(name)
                continue
            superseded = () if before is None else before.superseded_by(LOGGED_AS + name, text)
            declaration = StoredDeclaration(text, "", now, superseded)
            if stored is not None and stored.declared != stored.definition and stored.definition != definition:
                store.calendars.put(replace(stored, declaration=declaration))  # an operator's own stays
                continue
            try:
                made = _made(name, definition, declaration, author, now)
            except InvalidInput as error:
                logger.warning("calendar %r is not as the code says: %s", name, error)
                continue
            _put(context, made, stored, "calendar")
    if late:
        logger.warning(
            "this process declares %d calendars as older code did; newer code is running, and what it says of them "
            "stays: %s",
            len(late),
            ", ".join(late),
        )
    return late


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
            notes = {"until": before}, {"until": after}
            _log(context, each.name, "extend calendar", author, each, each.definition, [], notes)
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
        "declared": stored.declaration is not None,
        "source": "code" if stored.declared == stored.definition else "override",
        "actor": stored.author.actor,
        "origin": stored.author.origin.value,
        "reason": stored.author.reason,
        "changed_at": stored.changed_at.isoformat(),
        "token": stored.token,
    }


def _expect(
    context: Context, name: str, stored: StoredCalendar | None, if_token: str | None, if_exists: bool | None = None
) -> None:
    """Raise ``StaleCalendar`` unless what stands under a name is what somebody saw there."""
    is_there = stored is not None
    if if_exists in (None, is_there) and (if_token is None or (stored is not None and stored.token == if_token)):
        return
    changes = None if if_token is None else context.store.records.changes_after(LOGGED_AS + name, if_token)
    raise StaleCalendar(name, read_calendar(context, name) if is_there else None, changes)


def _differing(context: Context, declared: Mapping[str, Definition]) -> dict[str, Definition]:
    known = {each.name: each for each in context.store.calendars.all()}
    return {name: said for name, said in declared.items() if name not in known or known[name].declared != said}


def _made(
    name: str, definition: Definition, declaration: StoredDeclaration | None, author: Author, now: datetime
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
        declaration=declaration,
        author=author,
        changed_at=now,
    )


def _remove(
    context: Context,
    stored: StoredCalendar,
    author: Author,
    action: str,
    key: str,
    notes: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
    *,
    force: bool = False,
) -> list[str]:
    # First: it waits for changes that are about to name it.
    context.store.calendars.remove(stored.name)
    users = context.store.calendars.users().get(stored.name, [])
    if users and not force:
        raise ChangeRefused(
            f"calendar {stored.name!r} is named by {_some(users)}, which would not fire without it; give them another "
            "(`gnomon set JOB --calendar none`), or remove it by force"
        )
    _log(context, stored.name, action, author, stored, None, users, notes, key=key)
    context.store.announce()
    return users


def _put(
    context: Context,
    made: StoredCalendar,
    before: StoredCalendar | None,
    action: str,
    key: str | None = None,
    notes: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
) -> None:
    if before is not None and (before.definition, before.calendar) == (made.definition, made.calendar):
        if before.declaration != made.declaration:
            context.store.calendars.put(replace(before, declaration=made.declaration))
        return
    context.store.calendars.put(made)
    users = context.store.calendars.users().get(made.name, [])
    _log(context, made.name, action, made.author, before, made.definition, users, notes, key=key)
    context.store.announce()


def _log(
    context: Context,
    name: str,
    action: str,
    author: Author,
    before: StoredCalendar | None,
    after: Definition | None,
    users: list[str],
    notes: tuple[dict[str, Any], dict[str, Any]] = ({}, {}),
    key: str | None = None,
) -> None:
    """Which jobs it affects is part of the line: afterwards, others may name the calendar."""
    definitions = None if before is None else before.definition, after
    sides = [{} if each is None else {"calendar": each.to_dict()} for each in definitions]
    context.store.records.log(
        Change(
            key=key or new_key(),
            job_id=LOGGED_AS + name,
            at=context.store.database.now(),
            author=author,
            action=action,
            before={**sides[0], **notes[0]},
            after={**sides[1], **notes[1], "jobs": users},
            token=None if before is None else before.token,
        )
    )


def _is_ending(stored: StoredCalendar, now: datetime) -> bool:
    until = stored.calendar.until
    return until is not None and until < (now + _EXTENDED_BEFORE).date()


def _some(job_ids: list[str]) -> str:
    count = f"{len(job_ids)} jobs: " if len(job_ids) > 1 else "job "
    more = f" and {len(job_ids) - _SHOWN_JOBS} more" if len(job_ids) > _SHOWN_JOBS else ""
    return count + ", ".join(job_ids[:_SHOWN_JOBS]) + more
