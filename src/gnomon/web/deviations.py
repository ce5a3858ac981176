"""What is not as the code says, in words: overrides, those that end soon, moved defaults, and what does not fire."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from gnomon.domain.triggers import words_for
from gnomon.operations.audit import arguments_in_words
from gnomon.web.words import counted

_SOON = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Deviation:
    """Why a job is listed. ``kind`` is moved, expiring, override, outside, paused, orphaned or quarantined, the most
    pressing first; ``actor``, ``reason``, ``changed_at``, ``expires_at`` are those of the newest override."""

    job: Mapping[str, Any]
    kind: str
    what: str
    actor: str | None = None
    reason: str | None = None
    changed_at: str | None = None
    expires_at: str | None = None


#: Tone and word of each kind; those that want a decision stand first.
KINDS = {
    "quarantined": ("bad", "quarantined"),
    "orphaned": ("odd", "orphaned"),
    "moved": ("warn", "default moved"),
    "expiring": ("note", "ends soon"),
    "outside": ("odd", "outside"),
    "override": ("note", "override"),
}
_ORDER = list(KINDS)


def deviations(jobs: Iterable[Mapping[str, Any]], now: datetime) -> list[Deviation]:
    """Those of the jobs that are not as the code says."""
    found = [each for job in jobs if (each := _deviation(job, now)) is not None]
    return sorted(found, key=lambda each: (_ORDER.index(each.kind), each.expires_at or "", each.job["id"]))


def _deviation(job: Mapping[str, Any], now: datetime) -> Deviation | None:
    if job["state"] in {"quarantined", "orphaned"}:
        return Deviation(job, job["state"], str(job["problem"] or ""))
    overrides: Mapping[str, Mapping[str, Any]] = job["overrides"]
    if not overrides:
        return Deviation(job, "outside", "another program wrote its row") if job["source"] == "outside" else None
    newest = max(overrides.values(), key=lambda each: str(each["changed_at"]))
    ends = min((str(each["expires_at"]) for each in overrides.values() if each["expires_at"]), default=None)
    moved = [name for name, each in overrides.items() if each["moved"]]
    if moved:
        kind = "moved"
        what = "; ".join(f"the code now says {said(name, overrides[name]['declared'])}" for name in moved)
    else:
        is_soon = ends is not None and datetime.fromisoformat(ends) - now < _SOON
        kind = "expiring" if is_soon else "outside" if job["source"] == "outside" else "override"
        what = "; ".join(
            f"{said(name, each['value'])}, the code says {said(name, each['base'])}" for name, each in overrides.items()
        )
    return Deviation(job, kind, what, newest["actor"], newest["reason"], newest["changed_at"], ends)


def said(field: str, value: Any) -> str:
    """The value of a field, as people say it."""
    if value is None:
        return {"misfire_grace_time": "no limit", "calendar": "no calendar"}.get(field, "nothing")
    if field == "trigger":
        kind, args = value
        return words_for(kind, args)
    if field == "enabled":
        return "it fires" if value else "paused"
    if field == "misfire_grace_time":
        return f"{value} s of grace"
    if field == "coalesce":
        return "coalesced" if value else "not coalesced"
    if field == "calendar":
        return f"without the dates of {value}"
    if field == "kwargs":
        return f"arguments {arguments_in_words(value)}"
    return counted(value, "instance")
