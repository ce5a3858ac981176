"""Two people changed the same job: what each made of it, field by field, and who the other was."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from gnomon.domain.change import Change
from gnomon.domain.override import FIELDS
from gnomon.web.explanation import NAMES, in_words


@dataclass(frozen=True, slots=True)
class Row:
    """A field that one of the two has changed. ``began`` is what both began with; ``mine`` is ``None`` where I left it
    alone. ``change`` is the newest line of the log in which they changed it."""

    field: str
    began: str
    theirs: str
    mine: str | None
    is_theirs: bool
    change: Change | None

    @property
    def name(self) -> str:
        """What people call the field."""
        return NAMES[self.field][0]

    @property
    def is_contested(self) -> bool:
        """Whether both changed it, and not to the same."""
        return self.is_theirs and self.mine is not None and self.mine != self.theirs


def rows(
    began: Mapping[str, Any], theirs: Mapping[str, Any], mine: Mapping[str, Any], changes: Sequence[Change] | None
) -> list[Row]:
    """The fields of a job that differ. All three map fields to values; ``mine`` has those that I changed."""
    found = []
    for name in FIELDS:
        is_theirs = name in began and name in theirs and began[name] != theirs[name]
        if not is_theirs and name not in mine:
            continue
        found.append(
            Row(
                field=name,
                began=in_words(name, began[name]) if name in began else "not known",
                theirs=in_words(name, theirs[name]),
                mine=in_words(name, mine[name]) if name in mine else None,
                is_theirs=is_theirs,
                change=_newest(name, changes or ()),
            )
        )
    return found


def _newest(name: str, changes: Sequence[Change]) -> Change | None:
    return next((each for each in reversed(changes) if name in each.after), None)
