"""How often somebody may try to sign in."""

from __future__ import annotations

import pytest

from gnomon.access.attempts import Attempts
from gnomon.errors import TooManyAttempts


class Time:
    """What time it is."""

    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def attempts(time: Time) -> Attempts:
    return Attempts(most=3, seconds=30, monotonic=time)


def test_some_at_once_and_then_one_after_the_other(attempts: Attempts, time: Time) -> None:
    for _ in range(3):
        attempts.count("a")
    with pytest.raises(TooManyAttempts) as refused:
        attempts.count("a")
    assert refused.value.retry_after == 10
    time.now += 10
    attempts.count("a")
    with pytest.raises(TooManyAttempts):
        attempts.count("a")


def test_who_was_refused_does_not_wait_longer_for_trying(attempts: Attempts, time: Time) -> None:
    for _ in range(3):
        attempts.count("a")
    for _ in range(100):
        with pytest.raises(TooManyAttempts):
            attempts.count("a")
    time.now += 10
    attempts.count("a")


def test_another_place_is_not_concerned(attempts: Attempts) -> None:
    for _ in range(3):
        attempts.count("a")
    attempts.count("b")


def test_after_a_while_all_are_free_again(attempts: Attempts, time: Time) -> None:
    for _ in range(5):
        for _ in range(3):
            attempts.count("a")
        time.now += 30


def test_memory_is_bounded(attempts: Attempts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gnomon.access.attempts._MOST_PLACES", 10)
    for number in range(100):
        attempts.count(str(number))
    assert len(attempts._free_at) == 10
