"""What templates may say: everything that comes from a store as plain text, whatever it holds."""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable, Mapping
from datetime import date
from typing import Any
from urllib.parse import quote

from markupsafe import Markup, escape

from gnomon.domain.calendar import LOGGED_AS
from gnomon.domain.spans import duration
from gnomon.web import standing
from gnomon.web.strip import strip

_CONTROLS = [code for code in (*range(32), *range(127, 160)) if chr(code) not in "\n\t\r"]
#: They turn the order of what follows around, so that it reads as something else; and what cannot be seen.
_UNSEEN = [0x061C, *range(0x200B, 0x2010), *range(0x202A, 0x202F), 0x2060, *range(0x2066, 0x206A), 0xFEFF]
_VISIBLE = {code: f"\\x{code:02x}" for code in _CONTROLS} | {code: f"\\u{code:04x}" for code in _UNSEEN}


def finalize(value: Any) -> Any:
    """What a template puts out: control characters and those that turn the direction made visible, ``None`` as nothing.

    Markup of ours stays as it is.
    """
    if value is None:
        return ""
    if isinstance(value, str) and not isinstance(value, Markup):
        return value.translate(_VISIBLE)
    return value


def visible(text: str) -> str:
    """Text of others, with what cannot be seen made visible, and lines that end as lines do here."""
    return text.replace("\r\n", "\n").replace("\r", "\n").translate(_VISIBLE)


def as_sent(value: str) -> Markup:
    """A value that a form sends back: escaped, and otherwise to the letter."""
    return escape(value)


def cut(text: str, length: int) -> str:
    """The beginning of a text."""
    return text if len(text) <= length else f"{text[: length - 1]}…"


def element(text: str, kind: str = "job") -> str:
    """An element's id for whatever text; ids of elements may hold no blanks."""
    return f"{kind}-{hashlib.blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=6).hexdigest()}"


def job_path(job_id: str) -> str:
    """The address of a job."""
    return f"/jobs/{quote(job_id, safe='')}"


def calendar_path(name: str) -> str:
    """The address of a calendar."""
    return f"/calendars/{quote(name, safe='')}"


def subject_path(job_id: str) -> str:
    """The address of what a line of the log of changes is about: a job, or a calendar."""
    is_calendar = job_id.startswith(LOGGED_AS)
    return calendar_path(job_id.removeprefix(LOGGED_AS)) if is_calendar else job_path(job_id)


def weekday(day: str) -> str:
    """The day of the week of a date in ISO 8601: ``Thu``."""
    return f"{date.fromisoformat(day):%a}"


def run_path(run_id: int) -> str:
    """The address of a run."""
    return f"/runs/{run_id}"


def change_path(change_id: int) -> str:
    """The address of a line of the log of changes."""
    return f"/changes/{change_id}"


def new_key() -> str:
    """What names one wish: a form that is sent twice says the same, and one that is made anew says another."""
    return secrets.token_urlsafe(12)


def counted(count: int, one: str, many: str | None = None) -> str:
    """``1 job``, ``7 jobs``, ``10,000 jobs``."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def with_example(attributes: Mapping[str, str], placeholder: str) -> dict[str, str]:
    """Attributes of a field, with an example of what it wants."""
    return {**attributes, "placeholder": placeholder} if placeholder else dict(attributes)


FILTERS: dict[str, Callable[..., Any]] = {
    "as_sent": as_sent,
    "cut": cut,
    "element": element,
    "counted": counted,
    "weekday": weekday,
    "duration": duration,
    "with_example": with_example,
}
GLOBALS: dict[str, Any] = {
    "job_path": job_path,
    "run_path": run_path,
    "change_path": change_path,
    "calendar_path": calendar_path,
    "subject_path": subject_path,
    "new_key": new_key,
    "strip": strip,
    "job_states": standing.JOB_STATES,
    "run_states": standing.RUN_STATES,
    "sources": standing.SOURCES,
    "node_states": standing.NODE_STATES,
    "meanings": standing.MEANINGS,
}
