"""A manifest: which jobs a node has code for."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Manifest:
    """Declared job ids, references of functions that were added in code, allowed module prefixes, and ``versions``: the
    names of the declarations (``StoredDeclaration.version``), by which one can tell who still runs older code."""

    job_ids: frozenset[str] = frozenset()
    functions: frozenset[str] = frozenset()
    allow: frozenset[str] = frozenset()
    versions: frozenset[str] = frozenset()

    def runs(self, job_id: str, func: str) -> bool:
        """Whether there is code for a job whose row names ``func``."""
        if job_id in self.job_ids or func in self.functions:
            return True
        module = func.partition(":")[0]
        return any(module == prefix or module.startswith(prefix + ".") for prefix in self.allow)

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
        )

    def to_json(self) -> str:
        """The same text for the same set."""
        sets = (self.job_ids, self.functions, self.allow, self.versions)
        return json.dumps([sorted(each) for each in sets], separators=(",", ":"))

    @classmethod
    def from_json(cls, text: str) -> Manifest:
        """Reads what ``to_json`` wrote."""
        return cls(*(frozenset(each) for each in json.loads(text)))

    @property
    def digest(self) -> str:
        """Names the set."""
        return hashlib.blake2b(self.to_json().encode(), digest_size=12).hexdigest()
