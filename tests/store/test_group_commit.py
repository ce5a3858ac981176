"""Changes that wait for one another are carried out in one transaction, each as if it were alone."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from gnomon.domain.change import Author, Change
from gnomon.domain.override import Override
from gnomon.domain.tick_exception import Action, TickException
from gnomon.errors import StoreUnavailable
from gnomon.store import Store
from tests.processes import wait_until
from tests.store.conftest import NOON

Work = Callable[[], Any]


@pytest.fixture(autouse=True)
def _jobs(store: Store) -> None:
    for job_id in ("a", "b", "c"):
        store.schedules.insert(job_id, NOON, b"as it was.")
    store.records.declare([(job_id, "{}", "as it was") for job_id in ("a", "b", "c")], at=NOON)


def in_one_group(store: Store, *works: tuple[str, Work]) -> list[Any]:
    """Carry out works (job id, work) in one group, those of one job in the order given; return what each returned or
    raised."""
    outcomes: list[Any] = [None] * len(works)
    go_on = threading.Event()

    def ask(number: int, job_id: str, work: Work) -> None:
        try:
            outcomes[number] = store.change(job_id, work)
        except Exception as error:
            outcomes[number] = error

    first = threading.Thread(target=store.change, args=("first", go_on.wait))
    first.start()
    wait_until(lambda: store._changes._is_led, what="a group that the others wait for")
    threads = []
    for number, (job_id, work) in enumerate(works):
        threads.append(threading.Thread(target=ask, args=(number, job_id, work)))
        threads[-1].start()
        wait_until(lambda: len(store._changes._waiting) == len(threads), what="its turn")
    go_on.set()
    for thread in (first, *threads):
        thread.join()
    return outcomes


def reschedule(store: Store, job_id: str, state: bytes, *, actor: str = "ada") -> str:
    """What a change writes."""
    row = store.schedules.lock(job_id)
    assert row is not None
    assert store.schedules.replace(row, None, state)
    author = Author(actor)
    store.records.override(
        Override(job_id=job_id, field="trigger", value=state.decode(), base=None, author=author, changed_at=NOON)
    )
    store.records.remember_token(job_id, state.decode())
    store.records.log(
        Change(key=f"{job_id} {state!r}", job_id=job_id, at=NOON, author=author, action="set", before={}, after={})
    )
    return row.job_state.decode()


def stands(store: Store, job_id: str) -> list[Any]:
    """All that was written of a job."""
    row, declaration = store.schedules.get(job_id), store.records.declarations([job_id])[job_id]
    assert row is not None
    overrides = [each.value for each in store.records.overrides([job_id]).get(job_id, {}).values()]
    return [row.job_state.decode(), declaration.token, overrides, len(store.records.changes(job_id))]


AS_IT_WAS = ["as it was.", "as it was", [], 0]


def test_a_group_is_one_transaction(store: Store) -> None:
    points: list[str] = []
    store.database.boundary = points.append
    works = [(job_id, lambda job_id=job_id: reschedule(store, job_id, b"new.")) for job_id in ("c", "a", "b")]
    assert in_one_group(store, *works) == ["as it was."] * 3
    assert points == ["change:begin", "change:commit", "change:committed"] * 2
    for job_id in ("a", "b", "c"):
        assert stands(store, job_id) == ["new.", "new.", ["new."], 1]


def test_the_second_change_of_a_job_is_made_onto_the_first(store: Store) -> None:
    one = ("a", lambda: reschedule(store, "a", b"one."))
    two = ("a", lambda: reschedule(store, "a", b"two."))
    assert in_one_group(store, one, two) == ["as it was.", "one."]
    assert stands(store, "a") == ["two.", "two.", ["two."], 2]


@pytest.mark.parametrize("looks", [False, True], ids=["at once", "after a look at the database"])
def test_a_change_that_is_refused_late_leaves_no_trace(store: Store, looks: bool) -> None:
    told: list[str] = []

    def refused() -> None:
        reschedule(store, "b", b"refused.")
        store.database.after_commit(lambda: told.append("refused"))
        if looks:
            assert store.records.changes("b")
        raise ZeroDivisionError

    def after() -> list[Any]:
        seen = stands(store, "b")
        reschedule(store, "b", b"after.")
        return seen

    works = [("a", lambda: reschedule(store, "a", b"new.")), ("b", refused), ("b", after)]
    done, error, seen = in_one_group(store, *works)
    assert done == "as it was."
    assert isinstance(error, ZeroDivisionError)
    assert seen == AS_IT_WAS
    assert told == []
    assert stands(store, "a") == ["new.", "new.", ["new."], 1]
    assert stands(store, "b") == ["after.", "after.", ["after."], 1]


def test_what_the_database_will_not_write_fails_alone(store: Store) -> None:
    """It is written after all the works are done, and the database does not say whose it was."""
    works = [
        ("a", lambda: reschedule(store, "a", b"new.")),
        ("b", lambda: reschedule(store, "b", b"new.", actor="\ud800")),
        ("c", lambda: reschedule(store, "c", b"new.")),
    ]
    first, error, last = in_one_group(store, *works)
    assert (first, last) == ("as it was.", "as it was.")
    assert isinstance(error, UnicodeEncodeError)
    assert stands(store, "b") == AS_IT_WAS
    for job_id in ("a", "c"):
        assert stands(store, job_id) == ["new.", "new.", ["new."], 1]


def test_a_statement_sees_what_was_written_before_it(store: Store) -> None:
    def look() -> list[Any]:
        reschedule(store, "b", b"new.")
        with store.database.read() as session:
            return session.execute("SELECT job_id, token FROM gnomon_declarations ORDER BY job_id").all()

    works = [("a", lambda: reschedule(store, "a", b"new.")), ("b", look)]
    assert in_one_group(store, *works)[1] == [("a", "new."), ("b", "new."), ("c", "as it was")]


def test_a_row_that_was_read_before_is_not_replaced(store: Store) -> None:
    old = store.schedules.get("a")
    assert old is not None

    def late() -> bool:
        return store.schedules.replace(old, None, b"late.")

    assert in_one_group(store, ("a", lambda: reschedule(store, "a", b"new.")), ("a", late)) == ["as it was.", False]
    assert stands(store, "a")[0] == "new."


def test_a_job_that_somebody_keeps_locked_holds_up_only_its_own_change(store: Store) -> None:
    if store.database.dialect.name != "postgresql":
        return  # SQLite has one lock for all
    hasty = Store(store.url.render_as_string(hide_password=False), lock_timeout=0.2)
    with store.database.transaction("elsewhere"):
        store.schedules.lock("b")
        works = [(job_id, lambda job_id=job_id: reschedule(hasty, job_id, b"new.")) for job_id in ("a", "b", "c")]
        done, error, last = in_one_group(hasty, *works)
    hasty.close()
    assert (done, last) == ("as it was.", "as it was.")
    assert isinstance(error, StoreUnavailable)
    assert [stands(store, job_id)[0] for job_id in ("a", "b", "c")] == ["new.", "as it was.", "new."]


def test_exceptions_and_calendars_are_read_ahead_and_seen_anew_once_they_are_written(store: Store) -> None:
    store.calendars.assign({"a": "closed", "b": "closed"})

    def beside(job_id: str) -> tuple[bool, list[str], list[Any], list[Any]]:
        is_read_ahead = store.database.batch is not None
        named = [each.name for each in store.calendars.of_jobs([job_id]).values()]
        ahead = store.exceptions.ahead([job_id], now=NOON).get(job_id, [])
        assert store.exceptions.pending(job_id, now=NOON) == ahead
        return is_read_ahead and store.database.batch is not None, named, ahead, [each.action for each in ahead]

    def skip() -> tuple[Any, Any]:
        found = beside("b")
        exception = TickException(
            job_id="b",
            scheduled_at=NOON + timedelta(hours=1),
            action=Action.SKIP,
            moved_to=None,
            author=Author("ada"),
            made_at=NOON,
        )
        store.ledger.insert([exception.line(rerun_lost=False)], at=NOON)
        store.exceptions.add(exception)
        store.calendars.assign({"b": None, "c": "open"})
        return found, beside("b")

    first, (before, after), last = in_one_group(
        store, ("a", lambda: beside("a")), ("b", skip), ("c", lambda: beside("c"))
    )
    assert first == (True, ["closed"], [], [])
    assert before == (True, ["closed"], [], [])
    assert (after[1], after[3]) == ([], [Action.SKIP])
    assert last[1:] == (["open"], [], [])
