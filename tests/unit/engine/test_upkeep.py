"""Upkeep comes after firing: its services rest, and wait for a crowd of runs to start, though not for ever."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

import pytest

from gnomon.engine.upkeep import Service, Upkeep

_SECONDS = 20


def _carried_out(upkeep: Upkeep, work: Callable[[Callable[[], bool]], object]) -> None:
    """Carry out a service once."""
    done = threading.Event()

    def once(go_on: Callable[[], bool]) -> None:
        if not done.is_set():
            work(go_on)
            done.set()

    upkeep.add(Service("a service", 0.0, once))
    upkeep.start()
    try:
        assert done.wait(_SECONDS)
    finally:
        upkeep.shutdown()


def test_a_service_rests_longer_than_a_part_of_it_took() -> None:
    took: list[tuple[float, float]] = []

    def work(go_on: Callable[[], bool]) -> None:
        began = time.monotonic()
        time.sleep(0.05)
        worked = time.monotonic()
        assert go_on()
        took.append((worked - began, time.monotonic() - worked))

    _carried_out(Upkeep(), work)
    [(working, resting)] = took
    assert resting > 2 * working


def test_a_service_waits_while_runs_wait_for_their_start() -> None:
    waiting = threading.Event()
    waiting.set()
    asked: list[bool] = []

    def is_firing() -> bool:
        asked.append(waiting.is_set())
        if len(asked) == 3:
            waiting.clear()
        return asked[-1]

    _carried_out(Upkeep(is_firing), lambda go_on: go_on())
    assert asked == [True, True, True, False]


def test_a_node_that_always_has_runs_waiting_is_looked_after_all_the_same() -> None:
    answers: list[bool] = []
    _carried_out(Upkeep(lambda: True), lambda go_on: answers.append(go_on()))
    assert answers == [True]


@pytest.mark.parametrize("is_firing", [False, True])
def test_a_service_is_told_at_once_to_end(is_firing: bool) -> None:
    upkeep = Upkeep(lambda: is_firing)
    working = threading.Event()
    answers: list[bool] = []

    def work(go_on: Callable[[], bool]) -> None:
        working.set()
        while go_on():
            pass
        answers.append(False)

    upkeep.add(Service("a service", 0.0, work))
    upkeep.start()
    assert working.wait(_SECONDS)
    upkeep.shutdown()
    assert answers == [False]
