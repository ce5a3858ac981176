"""The memory of what was decoded."""

from __future__ import annotations

from gnomon.engine.remembered import Remembered


def test_the_keys_used_last_are_kept() -> None:
    memory: Remembered[int, str] = Remembered(entries=3, weight=100)
    for key in range(10):
        memory.put(key, str(key))

    assert [memory.get(key) for key in (7, 8, 9)] == ["7", "8", "9"]


def test_a_key_that_is_read_again_and_again_outlasts_those_that_are_not() -> None:
    memory: Remembered[int, str] = Remembered(entries=3, weight=100)
    memory.put(0, "kept")
    for key in range(1, 20):
        memory.put(key, str(key))
        assert memory.get(0) == "kept"

    assert memory.get(1) is None


def test_as_many_keys_as_it_promises_can_be_read_in_turn_without_forgetting() -> None:
    memory: Remembered[int, int] = Remembered(entries=100, weight=100)
    for key in range(100):
        memory.put(key, key)

    assert all(memory.get(key) == key for _ in range(3) for key in range(100))


def test_it_never_holds_more_than_twice_its_entries_or_its_weight() -> None:
    by_number: Remembered[int, int] = Remembered(entries=5, weight=10**9)
    by_weight: Remembered[int, int] = Remembered(entries=10**9, weight=50)
    for key in range(1000):
        by_number.put(key, key)
        by_weight.put(key, key, weight=10)

    assert len(by_number) <= 10
    assert len(by_weight) <= 10


def test_what_is_too_heavy_is_not_remembered_and_pushes_nothing_out() -> None:
    memory: Remembered[str, int] = Remembered(entries=5, weight=50)
    memory.put("light", 1, weight=10)
    memory.put("heavy", 2, weight=51)

    assert memory.get("heavy") is None
    assert memory.get("light") == 1


def test_it_can_be_told_to_remember_nothing() -> None:
    memory: Remembered[str, int] = Remembered(entries=0, weight=50)
    memory.put("key", 1)

    assert memory.get("key") is None
