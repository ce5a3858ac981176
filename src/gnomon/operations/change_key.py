"""Keys of changes: made before a change is written, and looked for where the answer to its COMMIT was lost."""

from __future__ import annotations

import os
import random
import time

#: Its own, which no application seeds.
_random = random.Random()
os.register_at_fork(after_in_child=_random.seed)


def new_key() -> str:
    """A key for a change: nobody else makes the same one. Later keys sort behind earlier ones, so that the index of a
    log with millions of lines grows at its end, and not in a page of its own for each line."""
    return f"{time.time_ns():016x}{_random.getrandbits(64):016x}"
