"""The pages of a list: where the ones beside this one begin. Nothing is counted; each page is found by where it starts.

The cursor of an address is where its page goes on from, or with ``before``, where it goes back from. Who goes back to
where nothing is in front of sees the first page, whole.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Query

#: The parameters of an address.
Cursor = Annotated[str | None, Query(max_length=2000)]


@dataclass(frozen=True, slots=True)
class Pager:
    """Cursors of the pages beside this one; ``None`` where there is none."""

    preceding: str | None
    following: str | None
    is_first: bool

    @property
    def is_needed(self) -> bool:
        """Whether there is anywhere to go."""
        return bool(self.following) or not self.is_first
