"""A job does not run on the dates of its calendar, and the ledger says so; what can't be known is not guessed."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import date, datetime, timedelta
from typing import Any

import pytest

from gnomon import DEFAULT, Scheduler, Settings
from gnomon.domain.change import Author, Origin
from gnomon.domain.run import RunState
from gnomon.errors import CalendarNotFound, ChangeRefused, InvalidInput, StaleCalendar
from gnomon.operations import calendars
from gnomon.testing import ManualClock, ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import nothing

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
#: The two days after the first one: Tuesday and Wednesday.
TUESDAY, WEDNESDAY = "2050-03-08", "2050-03-09"


@pytest.fixture
def nightly(scheduler: Scheduler) -> Scheduler:
    """A job that is due at 03:00 in Berlin, but for Tuesday and Wednesday."""
    scheduler.calendar("inventory", dates={TUESDAY: "counting", WEDNESDAY: ""})
    scheduler.register(nothing, "cron", id="job", hour=3, timezone="Europe/Berlin", calendar="inventory")
    return scheduler


def lines(scheduler: Scheduler, job_id: str = "job") -> dict[str, tuple[RunState, str | None]]:
    """By date: what became of the due times, and what is said of it."""
    runs = scheduler.runs(job_id, limit=1000)
    found = {run.scheduled_at.date().isoformat(): (run.state, run.error) for run in runs}
    assert len(found) == len(runs)
    return found


def test_a_due_time_on_an_excluded_date_has_a_line_that_says_why(nightly: Scheduler, engine: ManualEngine) -> None:
    job = nightly.get_job("job")
    assert (job["calendar"], job["problem"]) == ("inventory", None)
    assert job["next_run_time"] == "2050-03-08T03:00:00+01:00"
    assert job["next_start"] == "2050-03-10T03:00:00+01:00"
    engine.run_until(NOON + 3 * DAY)
    assert lines(nightly) == {
        TUESDAY: (RunState.SKIPPED, "excluded by calendar inventory: counting"),
        WEDNESDAY: (RunState.SKIPPED, "excluded by calendar inventory"),
        "2050-03-10": (RunState.SUCCEEDED, None),
    }


def test_the_date_is_that_of_the_triggers_zone(scheduler: Scheduler, engine: ManualEngine) -> None:
    scheduler.calendar("inventory", dates=[TUESDAY])
    zones = {"berlin": "Europe/Berlin", "new-york": "America/New_York"}
    for job_id, zone in zones.items():
        # 23:30 UTC on Monday, which is Tuesday in Berlin and Monday in New York.
        scheduler.register(nothing, "date", id=job_id, run_date=NOON + 11.5 * HOUR, timezone=zone, calendar="inventory")
    engine.run_until(NOON + DAY)
    assert lines(scheduler, "berlin")["2050-03-07"][0] is RunState.SKIPPED
    assert lines(scheduler, "new-york")["2050-03-07"][0] is RunState.SUCCEEDED


def test_overdue_times_are_folded_into_the_last_that_is_not_excluded(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.calendar("inventory", dates=["2050-03-10"])
    scheduler.register(nothing, "cron", id="job", hour=3, calendar="inventory", misfire_grace_time=None)
    engine.clock.set(NOON + 3 * DAY)
    engine.step()
    assert {day: state for day, (state, _) in lines(scheduler).items()} == {
        TUESDAY: RunState.COALESCED,
        WEDNESDAY: RunState.SUCCEEDED,
        "2050-03-10": RunState.SKIPPED,
    }


@pytest.mark.parametrize(("days", "states"), [(1.5, 2), (0.25, 3)])
def test_after_a_long_outage_the_last_time_that_is_not_excluded_runs(
    scheduler: Scheduler, engine: ManualEngine, days: float, states: int
) -> None:
    """There are too many due times for a line each, of those before it and of those after it."""
    scheduler.calendar("inventory", dates=[TUESDAY, WEDNESDAY])
    scheduler.register(nothing, "cron", id="job", minute="*", calendar="inventory", misfire_grace_time=None)
    engine.clock.set(NOON + 12 * HOUR + days * DAY)
    engine.step()
    found = sorted(scheduler.runs("job"), key=lambda run: run.scheduled_at)
    assert [run.state for run in found] == [RunState.COALESCED, RunState.SUCCEEDED, RunState.SKIPPED]
    assert found[1].scheduled_at == NOON + 12 * HOUR - MINUTE
    assert found[0].covers_until == found[1].scheduled_at
    assert found[2].scheduled_at == NOON + 12 * HOUR
    assert "inventory" in str(found[2].error)
    assert found[2].covers in {None, 1 + days * 24 * 60}


def test_a_calendar_is_a_field_that_can_be_overridden(nightly: Scheduler, engine: ManualEngine) -> None:
    before = nightly.get_job("job")
    nightly.set_calendar("quiet", dates=["2050-03-10"])
    job = nightly.change_job("job", calendar="quiet", author=Author("mia", reason="moved"))
    assert (job["calendar"], job["source"]) == ("quiet", "override")
    assert job["token"] != before["token"]
    assert {name: job["overrides"]["calendar"][name] for name in ("value", "base", "actor")} == {
        "value": "quiet",
        "base": "inventory",
        "actor": "mia",
    }
    assert nightly.change_job("job", calendar=None)["next_start"] == "2050-03-08T03:00:00+01:00"
    assert nightly.get_job("job")["calendar"] is None
    again = nightly.change_job("job", calendar=DEFAULT)
    assert (again["calendar"], again["token"], again["source"]) == ("inventory", before["token"], "code")
    nightly.undo_change(nightly.changes("job")[0].id or 0)
    assert nightly.get_job("job")["calendar"] is None
    assert nightly.revert_job("job")["calendar"] == "inventory"


def test_a_job_follows_the_code_to_another_calendar(
    nightly: Scheduler, another_scheduler: Callable[..., Scheduler]
) -> None:
    newer = another_scheduler()
    newer.register(nothing, "cron", id="job", hour=3, timezone="Europe/Berlin", calendar="quiet")
    newer.calendar("quiet", dates=["2050-03-10"])
    newer.start_all_jobs()
    job = nightly.get_job("job")
    assert (job["calendar"], job["source"]) == ("quiet", "code")
    assert job["default"] is not None
    assert newer.changes("job")[0].action == "follow"


@pytest.mark.parametrize("name", ["no-such", "with blank", "", 7])
def test_no_job_is_given_a_calendar_that_does_not_exist(nightly: Scheduler, name: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        nightly.change_job("job", calendar=name)
    assert refused.value.field == "calendar"
    assert nightly.get_job("job")["calendar"] == "inventory"


def test_a_calendar_that_a_job_is_being_given_is_not_removed_meanwhile(
    nightly: Scheduler, another_scheduler: Callable[..., Scheduler]
) -> None:
    nightly.set_calendar("stock", dates=["2050-03-09"])
    other, removed = another_scheduler(), threading.Event()
    outcome: list[object] = []

    def remove() -> None:
        try:
            outcome.append(other.remove_calendar("stock"))
        except ChangeRefused as error:
            outcome.append(error)
        removed.set()

    removing = threading.Thread(target=remove)

    def while_uncommitted(point: str) -> None:
        if point == "change:commit":
            removing.start()
            assert not removed.wait(0.3)  # it waits for this change

    nightly.store.database.boundary = while_uncommitted
    assert nightly.change_job("job", calendar="stock")["problem"] is None
    nightly.store.database.boundary = None
    removing.join()
    assert [type(each) for each in outcome] == [ChangeRefused]
    assert nightly.get_job("job")["calendar"] == "stock"
    assert nightly.get_calendar("stock")["jobs"] == ["job"]


def test_without_its_calendar_a_job_is_left_alone_and_says_why(nightly: Scheduler, engine: ManualEngine) -> None:
    with pytest.raises(ChangeRefused, match="named by job job"):
        nightly.remove_calendar("inventory")
    assert nightly.remove_calendar("inventory", force=True) == ["job"]
    nightly.register(nothing, "cron", id="other", hour=3, timezone="Europe/Berlin")

    engine.clock.set(NOON + 14.5 * HOUR)
    engine.step()

    job = nightly.get_job("job")
    assert "'inventory' does not exist" in job["problem"]
    assert (job["state"], job["next_start"]) == ("active", None)
    assert "held" in nightly.health()["set_aside"]["job"]
    assert lines(nightly) == {}
    assert lines(nightly, "other")[TUESDAY][0] is RunState.SUCCEEDED

    run = nightly.run_job("job")  # somebody asked for it
    engine.step()
    assert nightly.run(run).state is RunState.SUCCEEDED

    nightly.set_calendar("inventory", dates=[WEDNESDAY])
    engine.clock.set(NOON + 15.5 * HOUR)
    engine.step()
    (due,) = [run for run in nightly.runs("job") if run.cause.value == "schedule"]
    assert due.state is RunState.MISSED  # 03:00 in Berlin is an hour and a half ago
    assert nightly.get_job("job")["problem"] is None


def test_a_job_that_is_declared_with_a_calendar_that_nobody_makes_is_left_alone(
    scheduler: Scheduler, engine: ManualEngine
) -> None:
    scheduler.register(nothing, "interval", id="job", hours=1, calendar="later")
    engine.run_until(NOON + 30 * MINUTE)
    engine.clock.set(NOON + HOUR)
    assert engine.step() == []
    assert "does not exist" in scheduler.get_job("job")["problem"]
    scheduler.calendar("later", dates=[WEDNESDAY])
    engine.step()
    assert [state for state, _ in lines(scheduler).values()] == [RunState.SUCCEEDED]


def test_a_job_does_not_fire_beyond_what_its_calendar_knows(
    nightly: Scheduler, engine: ManualEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(calendars, "_YEARS_AHEAD", 0)
    nightly.set_calendar("inventory", country="DE")
    monkeypatch.setattr(calendars, "is_installed", lambda: False)
    assert calendars.extend(nightly._context) == []
    engine.clock.set(NOON + 365 * DAY)
    engine.step()
    assert "knows no dates after 2050-12-31" in nightly.get_job("job")["problem"]
    assert lines(nightly) == {}
    monkeypatch.undo()
    assert calendars.extend(nightly._context) == ["inventory"]
    engine.step()
    assert nightly.get_job("job")["problem"] is None
    assert lines(nightly)
    assert nightly.changes("calendar/inventory")[0].after["until"] == "2061-12-31"
    assert calendars.extend(nightly._context) == []


def test_holidays_of_a_country_are_worked_out_once_and_every_node_knows_them(
    scheduler: Scheduler, engine: ManualEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler.calendar("de-holidays", country="DE", subdivision="BE")
    scheduler.register(nothing, "cron", id="job", hour=3, month=12, day="24-26", calendar="de-holidays")
    monkeypatch.setattr(calendars, "holidays_of", None)  # nobody asks for them again
    made = scheduler.get_calendar("de-holidays")
    assert (made["country"], made["subdivision"], made["until"]) == ("DE", "BE", "2060-12-31")
    assert {"date": "2050-03-08", "name": "Women's Day"} in made["upcoming"]
    assert made["jobs"] == ["job"]
    engine.run_until(datetime.fromisoformat("2050-12-31T00:00:00+00:00"))
    assert lines(scheduler) == {
        "2050-12-24": (RunState.SUCCEEDED, None),
        "2050-12-25": (RunState.SKIPPED, "excluded by calendar de-holidays: Christmas Day"),
        "2050-12-26": (RunState.SKIPPED, "excluded by calendar de-holidays: Second Day of Christmas"),
    }


@pytest.mark.parametrize(
    ("given", "field"),
    [
        ({"country": "XX"}, "country"),
        ({"country": "DE", "subdivision": "ZZ"}, "subdivision"),
        ({"subdivision": "BE"}, "dates"),
        ({"subdivision": "BE", "dates": [TUESDAY]}, "subdivision"),
        ({}, "dates"),
        ({"dates": []}, "dates"),
        ({"dates": ["tomorrow"]}, "dates"),
        ({"dates": "2050-03-08"}, "dates"),
        ({"dates": [datetime(2050, 3, 8)]}, "dates"),
        ({"dates": {TUESDAY: 7}}, "dates"),
    ],
)
def test_what_is_no_calendar_is_refused_naming_the_field(
    scheduler: Scheduler, given: dict[str, Any], field: str
) -> None:
    with pytest.raises(InvalidInput) as refused:
        scheduler.set_calendar("name", **given)
    assert refused.value.field == field
    assert scheduler.get_calendars() == []


def test_without_the_library_what_is_stored_holds_and_a_start_goes_on(
    scheduler: Scheduler, another_scheduler: Callable[..., Scheduler], monkeypatch: pytest.MonkeyPatch
) -> None:
    scheduler.set_calendar("known", country="DE")
    monkeypatch.setattr("gnomon.operations.holidays.is_installed", lambda: False)
    with pytest.raises(InvalidInput, match=r"gnomon\[holidays\]"):
        scheduler.set_calendar("new", country="DE")
    node = another_scheduler()
    node.calendar("known", country="DE")
    node.calendar("unknown", country="FR")
    node.register(nothing, "interval", id="job", hours=1, calendar="unknown")
    assert node.start_all_jobs() == ["job"]
    assert [each["name"] for each in node.get_calendars()] == ["known"]
    assert "does not exist" in node.get_job("job")["problem"]


def test_what_an_operator_sets_stays_until_the_code_says_the_same(
    nightly: Scheduler, another_scheduler: Callable[..., Scheduler], clock: ManualClock
) -> None:
    def deploy(*dates: str) -> dict[str, Any]:
        clock.advance(minutes=1)  # a lease after the one before
        newer = another_scheduler()
        newer.calendar("inventory", dates=list(dates))
        newer.start_all_jobs()
        newer.start_all_jobs()
        return newer.get_calendar("inventory")

    assert deploy(WEDNESDAY)["dates"] == {WEDNESDAY: ""}  # nobody has set anything else
    nightly.set_calendar("inventory", dates=["2050-05-05"], author=Author("mia", Origin.CLI, "as agreed"))
    found = deploy(TUESDAY)
    assert (list(found["dates"]), found["source"], found["actor"]) == (["2050-05-05"], "override", "mia")
    assert deploy("2050-05-05")["source"] == "code"
    assert list(deploy(TUESDAY)["dates"]) == [TUESDAY]


def test_each_change_of_a_calendar_is_a_line_of_the_audit_log_with_the_jobs_it_affects(nightly: Scheduler) -> None:
    nightly.set_calendar("inventory", dates=[WEDNESDAY], author=Author("mia", Origin.CLI, "as agreed"))
    nightly.set_calendar("inventory", dates=[WEDNESDAY])  # it is so already
    nightly.remove_calendar("inventory", force=True)
    remove, change, made = nightly.changes("calendar/inventory")
    assert [each.action for each in (made, change, remove)] == ["calendar", "calendar", "remove calendar"]
    assert change.before == {"calendar": {"dates": {TUESDAY: "counting", WEDNESDAY: ""}}}
    assert change.after == {"calendar": {"dates": {WEDNESDAY: ""}}, "jobs": ["job"]}
    assert (change.author.actor, change.author.reason) == ("mia", "as agreed")


class TestUndo:
    def test_a_calendar_that_was_set_is_as_before(self, nightly: Scheduler) -> None:
        before = nightly.get_calendar("inventory")
        nightly.set_calendar("inventory", dates=["2050-05-05"])
        (change, _) = nightly.changes("calendar/inventory")
        stands = nightly.undo_change(change.id or 0, author=Author("mia", Origin.CLI, "wrong year"))
        assert stands == nightly.get_calendar("inventory")
        assert (stands["dates"], stands["token"]) == (before["dates"], before["token"])
        (undone, *_) = nightly.changes("calendar/inventory")
        assert (undone.action, undone.author.actor, undone.author.reason) == ("undo", "mia", "wrong year")
        assert (undone.before["calendar"], undone.after["calendar"]) == (
            change.after["calendar"],
            change.before["calendar"],
        )
        assert undone.after["undone"] == change.id
        nightly.undo_change(undone.id or 0)  # and back
        assert list(nightly.get_calendar("inventory")["dates"]) == ["2050-05-05"]

    def test_a_calendar_that_was_removed_is_there_again(self, nightly: Scheduler, engine: ManualEngine) -> None:
        nightly.remove_calendar("inventory", force=True)
        assert nightly.get_job("job")["problem"] is not None
        (change, _) = nightly.changes("calendar/inventory")
        nightly.undo_change(change.id or 0)
        assert sorted(nightly.get_calendar("inventory")["dates"]) == [TUESDAY, WEDNESDAY]
        assert nightly.get_job("job")["problem"] is None

    def test_a_calendar_that_was_made_is_removed_unless_jobs_name_it(self, nightly: Scheduler) -> None:
        nightly.set_calendar("new", dates=[WEDNESDAY])
        (made,) = nightly.changes("calendar/new")
        nightly.change_job("job", calendar="new")
        with pytest.raises(ChangeRefused, match="named by job job"):
            nightly.undo_change(made.id or 0)
        nightly.change_job("job", calendar=None)
        assert nightly.undo_change(made.id or 0)["name"] == "new"
        with pytest.raises(CalendarNotFound):
            nightly.get_calendar("new")

    def test_what_somebody_did_since_is_not_undone_with_it(self, nightly: Scheduler) -> None:
        nightly.set_calendar("inventory", dates=[WEDNESDAY])
        (change, *_) = nightly.changes("calendar/inventory")
        nightly.set_calendar("inventory", dates=[TUESDAY], author=Author("bob"))
        (later, *_) = nightly.changes("calendar/inventory")
        with pytest.raises(ChangeRefused, match=f"changed since by change {later.id} of bob"):
            nightly.undo_change(change.id or 0)
        nightly.remove_calendar("inventory", force=True)
        with pytest.raises(ChangeRefused, match="changed since"):
            nightly.undo_change(later.id or 0)
        assert [each.action for each in nightly.changes("calendar/inventory")][:2] == ["remove calendar", "calendar"]

    def test_it_obeys_the_token(self, nightly: Scheduler) -> None:
        nightly.set_calendar("inventory", dates=[WEDNESDAY])
        (change, *_) = nightly.changes("calendar/inventory")
        with pytest.raises(StaleCalendar):
            nightly.undo_change(change.id or 0, if_token="x")
        nightly.undo_change(change.id or 0, if_token=nightly.get_calendar("inventory")["token"])

    def test_further_years_are_nothing_to_undo(self, nightly: Scheduler, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(calendars, "_YEARS_AHEAD", 0)
        nightly.set_calendar("inventory", country="DE")
        monkeypatch.undo()
        assert calendars.extend(nightly._context) == ["inventory"]
        (extended, *_) = nightly.changes("calendar/inventory")
        with pytest.raises(ChangeRefused, match="nothing that could be undone"):
            nightly.undo_change(extended.id or 0)


class TestTokens:
    def test_the_token_changes_exactly_when_what_is_left_out_does(
        self, nightly: Scheduler, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def token() -> str:
            found: str = nightly.get_calendar("inventory")["token"]
            return found

        first = token()
        nightly.set_calendar("inventory", dates={TUESDAY: "counting", WEDNESDAY: ""}, author=Author("mia"))
        nightly.change_job("job", calendar=None)
        assert token() == first
        seen = {first}
        for given in ({TUESDAY: "", WEDNESDAY: ""}, {TUESDAY: "counting"}):
            nightly.set_calendar("inventory", dates=given)
            seen.add(token())
        monkeypatch.setattr(calendars, "_YEARS_AHEAD", 0)
        nightly.set_calendar("inventory", country="DE")
        seen.add(token())
        monkeypatch.undo()
        assert calendars.extend(nightly._context) == ["inventory"]
        seen.add(token())
        assert len(seen) == 5
        nightly.set_calendar("inventory", dates={TUESDAY: "counting", WEDNESDAY: ""})
        assert token() == first

    def test_who_sets_what_somebody_has_set_meanwhile_is_told_what_and_by_whom(self, nightly: Scheduler) -> None:
        seen = nightly.get_calendar("inventory")["token"]
        nightly.set_calendar("inventory", dates=[WEDNESDAY], if_token=seen, author=Author("mia"))
        nightly.set_calendar("inventory", country="DE", dates=[WEDNESDAY], author=Author("bob"))
        for act in (
            lambda: nightly.set_calendar("inventory", dates=[TUESDAY], if_token=seen),
            lambda: nightly.remove_calendar("inventory", force=True, if_token=seen),
        ):
            with pytest.raises(StaleCalendar, match="set by 'bob' since you looked at it") as raised:
                act()
            assert raised.value.differing == ("country", "dates")
            assert raised.value.calendar == nightly.get_calendar("inventory")
        assert [each.author.actor for each in nightly.changes("calendar/inventory")] == ["bob", "mia", "code"]

    def test_what_was_removed_or_made_meanwhile_is_told_too(self, nightly: Scheduler) -> None:
        seen = nightly.get_calendar("inventory")["token"]
        nightly.remove_calendar("inventory", force=True, if_token=seen, author=Author("mia"))
        with pytest.raises(StaleCalendar, match="removed by 'mia' since you looked at it") as raised:
            nightly.set_calendar("inventory", dates=[TUESDAY], if_token=seen)
        assert (raised.value.calendar, raised.value.differing) == (None, ("dates",))
        with pytest.raises(StaleCalendar, match="there is no calendar 'inventory'"):
            nightly.set_calendar("inventory", dates=[TUESDAY], if_exists=True)
        nightly.set_calendar("inventory", dates=[TUESDAY], if_exists=False, author=Author("bob"))
        with pytest.raises(StaleCalendar, match="set by 'bob' since you looked at it"):
            nightly.set_calendar("inventory", dates=[WEDNESDAY], if_exists=False)
        with pytest.raises(StaleCalendar) as raised:
            nightly.set_calendar("inventory", dates=[WEDNESDAY], if_token="x")
        assert raised.value.differing is None
        assert list(nightly.get_calendar("inventory")["dates"]) == [TUESDAY]

    @pytest.mark.parametrize("is_new", [True, False])
    def test_of_many_operators_at_once_one_wins_and_the_others_are_told(
        self, nightly: Scheduler, another_scheduler: Callable[..., Scheduler], is_new: bool
    ) -> None:
        """Each with connections of its own."""
        name = "new" if is_new else "inventory"
        expected = {"if_exists": False} if is_new else {"if_token": nightly.get_calendar(name)["token"]}
        operators = [another_scheduler() for _ in range(4)]
        told: list[str | StaleCalendar] = []
        together = threading.Barrier(len(operators))

        def act(number: int, scheduler: Scheduler) -> None:
            scheduler.open()
            together.wait()
            author = Author(f"operator {number}")
            try:
                scheduler.set_calendar(name, dates=[f"2050-05-0{number + 1}"], author=author, **expected)
                told.append(author.actor)
            except StaleCalendar as error:
                told.append(error)

        threads = [threading.Thread(target=act, args=each) for each in enumerate(operators)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        (winner,) = [each for each in told if isinstance(each, str)]
        refused = [each for each in told if isinstance(each, StaleCalendar)]
        stands = nightly.get_calendar(name)
        assert len(refused) == len(operators) - 1
        assert {str(each.calendar and each.calendar["actor"]) for each in refused} == {winner} == {stands["actor"]}
        assert nightly.changes(f"calendar/{name}")[0].author.actor == winner
        assert len(nightly.changes(f"calendar/{name}")) == (1 if is_new else 2)


def test_an_unknown_calendar_is_said_to_be_unknown(scheduler: Scheduler) -> None:
    for act in (
        lambda: scheduler.get_calendar("no-such"),
        lambda: scheduler.remove_calendar("no-such"),
        lambda: scheduler.preview("cron", hour=3, calendar="no-such"),
    ):
        with pytest.raises(CalendarNotFound, match="no-such"):
            act()


def test_a_start_where_nothing_has_changed_writes_nothing(
    nightly: Scheduler, another_scheduler: Callable[..., Scheduler]
) -> None:
    before = nightly.changes(limit=100)
    nightly.store.database.boundary = lambda point: pytest.fail(point) if point.endswith(":commit") else None
    nightly.start_all_jobs()
    nightly.store.database.boundary = None
    assert nightly.changes(limit=100) == before


class TestRollingDeploys:
    """``engine`` is a node that lives; programs start around it."""

    def declare(self, scheduler: Scheduler, *dates: str) -> Scheduler:
        scheduler.calendar("inventory", dates=dates)
        scheduler.start_all_jobs()
        return scheduler

    def dates(self, scheduler: Scheduler) -> list[str]:
        return list(scheduler.get_calendar("inventory")["dates"])

    @pytest.fixture
    def newer(
        self, engine: ManualEngine, another_engine: Callable[..., ManualEngine], clock: ManualClock
    ) -> ManualEngine:
        """A node of newer code: its sign of life says what it declares."""
        self.declare(engine.scheduler, TUESDAY)
        newer = another_engine()
        self.declare(newer.scheduler, WEDNESDAY)
        newer.scheduler.engine.lease._beat()
        clock.advance(minutes=5)
        return newer

    def test_an_old_process_that_starts_late_puts_no_older_dates_back(
        self, newer: ManualEngine, another_engine: Callable[..., ManualEngine], caplog: pytest.LogCaptureFixture
    ) -> None:
        before = newer.scheduler.changes()
        late = another_engine().scheduler
        for _ in range(2):
            self.declare(late, TUESDAY)
        assert self.dates(late) == [WEDNESDAY]
        assert late.changes() == before
        assert "declares 1 calendars as older code did" in caplog.text
        late._declare_again()
        assert self.dates(late) == [WEDNESDAY]

    def test_dates_that_were_taken_back_hold_once_the_newer_code_is_gone(
        self, newer: ManualEngine, another_engine: Callable[..., ManualEngine]
    ) -> None:
        back = self.declare(another_engine().scheduler, TUESDAY)
        assert self.dates(back) == [WEDNESDAY]
        newer.scheduler.shutdown()
        back._declare_again()
        assert self.dates(back) == [TUESDAY]
        change = back.changes("calendar/inventory")[0]
        assert (change.author.origin, change.after["calendar"]) == (Origin.START, {"dates": {TUESDAY: ""}})

    def test_right_after_a_deploy_its_node_counts_as_alive_before_its_first_sign_of_life(
        self, another_scheduler: Callable[..., Scheduler], clock: ManualClock
    ) -> None:
        self.declare(another_scheduler(), TUESDAY)
        clock.advance(minutes=5)
        self.declare(another_scheduler(), WEDNESDAY)
        clock.advance(seconds=Settings().lease - 1)
        assert self.dates(self.declare(another_scheduler(), TUESDAY)) == [WEDNESDAY]
        clock.advance(seconds=2)
        assert self.dates(self.declare(another_scheduler(), TUESDAY)) == [TUESDAY]

    def test_what_is_newer_still_is_no_older_code(
        self, newer: ManualEngine, another_engine: Callable[..., ManualEngine]
    ) -> None:
        newest = self.declare(another_engine().scheduler, "2050-03-10")
        assert self.dates(newest) == ["2050-03-10"]

    def test_an_operators_dates_outlast_late_code_and_what_comes_after_it(
        self, newer: ManualEngine, another_engine: Callable[..., ManualEngine], clock: ManualClock
    ) -> None:
        newer.scheduler.set_calendar("inventory", dates=["2050-05-05"])
        late = self.declare(another_engine().scheduler, TUESDAY)
        assert self.dates(late) == ["2050-05-05"]
        late.set_calendar("inventory", dates=[WEDNESDAY])
        assert late.get_calendar("inventory")["source"] == "code"  # what the newer code declares

    def test_one_that_stood_before_superseded_ones_were_remembered_follows_the_code(
        self, another_scheduler: Callable[..., Scheduler], clock: ManualClock
    ) -> None:
        old = self.declare(another_scheduler(), TUESDAY)
        with old.store.database.transaction("test") as session:
            session.execute("UPDATE gnomon_calendars SET declared_at = NULL, superseded = NULL")
        self.declare(another_scheduler(), WEDNESDAY)
        late = self.declare(another_scheduler(), TUESDAY)
        assert self.dates(late) == [WEDNESDAY]


# -- together with exceptions


def test_skipping_passes_over_what_is_excluded_anyway(nightly: Scheduler, engine: ManualEngine) -> None:
    assert nightly.skip_next("job")["exceptions"][0]["scheduled_at"] == "2050-03-10T02:00:00+00:00"
    with pytest.raises(ChangeRefused, match="does not run anyway: excluded by calendar inventory: counting"):
        nightly.skip_next("job", at=datetime.fromisoformat("2050-03-08T03:00:00+01:00"))


def test_a_run_that_a_calendar_excludes_can_be_moved_to_another_day(nightly: Scheduler, engine: ManualEngine) -> None:
    """Also to an hour of an excluded date: somebody says so."""
    at, to = (datetime.fromisoformat(f"2050-03-0{day}T03:00:00+01:00") for day in (8, 9))
    job = nightly.move_next("job", to + HOUR, at=at)
    assert job["next_start"] == (to + HOUR).isoformat()
    engine.run_until(NOON + 3 * DAY)
    assert {day: state for day, (state, _) in lines(nightly).items()} == {
        TUESDAY: RunState.SUCCEEDED,
        WEDNESDAY: RunState.SKIPPED,
        "2050-03-10": RunState.SUCCEEDED,
    }


def test_a_change_of_schedule_leaves_excluded_times_their_reason(nightly: Scheduler, engine: ManualEngine) -> None:
    engine.clock.set(NOON + 2.5 * DAY + 4 * HOUR)
    nightly.update_job_schedule("job", "cron", hour=5)
    found = lines(nightly)
    assert found[TUESDAY] == (RunState.SKIPPED, "excluded by calendar inventory: counting")
    assert found["2050-03-10"] == (RunState.MISSED, "the schedule was changed before this could start")


def test_a_job_that_is_removed_names_no_calendar_any_more(nightly: Scheduler) -> None:
    nightly.engine.remove_job("job")
    assert nightly.get_calendar("inventory")["jobs"] == []
    assert nightly.store.calendars.of_jobs() == {}
    nightly.start_all_jobs()
    assert nightly.get_calendar("inventory")["jobs"] == ["job"]


def test_dates_may_be_given_as_dates(scheduler: Scheduler) -> None:
    made = scheduler.set_calendar("name", dates={date(2050, 3, 8): "counting"})
    assert made["dates"] == {TUESDAY: "counting"}
