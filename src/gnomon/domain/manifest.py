"""A manifest: which jobs a node has code for, and for which tasks jobs can be added."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from gnomon.domain.task import TaskOffer


@dataclass(frozen=True, slots=True)
class Manifest:
    """Declared job ids, references of functions that were added in code, allowed module prefixes, and ``versions``: the
    names of the declarations of jobs and calendars (``version_of``), by which one can tell who still runs older code.
    Of a name there are several ``tasks`` while nodes run different versions of it."""

    job_ids: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()
    tasks: frozenset[TaskOffer] = frozenset()

    def runs(self, job_id: str, func: str) -> bool:
        """Whether there is code for a job whose row names ``func``."""
        if job_id in self.job_ids or func in self.functions:
            return True
        module = func.partition(":")[0]
        return any(module == prefix or module.startswith(prefix + ".") for prefix in self.allow)

    def tasks_of(self, func: str) -> tuple[TaskOffer, ...]:
        """The task that a row's function is, in all versions."""
        return _by_function(self.tasks).get(func, ())

    @property
    def says_anything(self) -> bool:
        """Whether there is code for any job."""
        return bool(self.job_ids or self.functions or self.allow)

    def merged(self, others: Iterable[Manifest]) -> Manifest:
        """What all of them have code for."""
        together = [self, *others]
        return Manifest(
            frozenset().union(*(m.job_ids for m in together)),
            frozenset().union(*(m.functions for m in together)),
            frozenset().union(*(m.allow for m in together)),
            frozenset().union(*(m.versions for m in together)),
            frozenset().union(*(m.tasks for m in together)),
        )

    def to_json(self) -> str:
        """The same text for the same set."""
        names = (self.job_ids, self.functions, self.allow, self.versions)
        sets: list[Any] = [sorted(each) for each in names]
        if self.tasks:
            sets.append(sorted(self.tasks, key=repr))
        return json.dumps(sets, separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Reads what ``to_json`` wrote. A Gnomon of another version may tell of tasks otherwise: those are left out."""
        sets = json.loads(text)
        told = [each for tasks in sets[4:5] for each in tasks if len(each) == len(TaskOffer._fields)]
        job_ids, functions, allow, versions = map(frozenset, sets[:4])
        return cls(job_ids, functions, allow, versions, frozenset(TaskOffer(*each) for each in told))

    @property
    def digest(self) -> str:
        """Names the set."""
        return hashlib.blake2b(self.to_json().encode(), digest_size=12).hexdigest()


@lru_cache(maxsize=100)
def _by_function(tasks: frozenset[TaskOffer]) -> Mapping[str, tuple[TaskOffer, ...]]:
    found: dict[str, tuple[TaskOffer, ...]] = {}
    for offer in sorted(tasks, key=repr):
        found[offer.func] = (*found.get(offer.func, ()), offer)
    return found
