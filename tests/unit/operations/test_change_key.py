"""Keys of changes."""

from __future__ import annotations

import random

from gnomon.operations.change_key import new_key
from tests.processes import output_of


def test_keys_are_different_and_grow() -> None:
    keys = [new_key() for _ in range(1000)]
    assert len(set(keys)) == 1000
    assert [key[:16] for key in keys] == sorted(key[:16] for key in keys)
    assert {len(key) for key in keys} == {32}


def test_an_application_that_seeds_its_random_numbers_makes_other_keys_each_time() -> None:
    found = []
    for _ in range(2):
        random.seed(4711)
        found.append(new_key()[16:])
    assert found[0] != found[1]


_FORKING = """
    import os
    from gnomon.operations.change_key import new_key
    reading, writing = os.pipe()
    if os.fork() == 0:
        os.write(writing, new_key().encode())
        os._exit(0)
    print(new_key()[16:], os.read(reading, 32).decode()[16:])
"""


def test_a_forked_process_makes_other_keys_than_its_parent() -> None:
    ours, theirs = output_of(_FORKING).split()
    assert ours != theirs
