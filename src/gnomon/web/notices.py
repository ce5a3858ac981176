"""What was just done, said once: in place, or on the page that one is led back to.

There it comes by a cookie, which is not believed: it names what is said, and the words are ours.
"""

from __future__ import annotations

import base64
import binascii
from dataclasses import dataclass
from typing import Any

import orjson

COOKIE = "gnomon_notice"
_SECONDS = 60

#: What can be said. ``{job}`` is set in type of its own by the template.
WORDS = {
    "paused": ("Paused ", ". It does not fire until it is resumed."),
    "paused-until": ("Paused ", ", for the time that you gave. It then returns to what the code says."),
    "resumed": ("Resumed ", ". The next run is counted from now."),
    "reverted": ("Returned ", " to what the code says."),
    "kept": ("Kept ", " as it is, against what the code says now."),
    "changed": ("Changed ", ". The next run is counted from now."),
    "added": ("Added ", "."),
    "removed": ("Removed ", ". Its runs and changes stay."),
    "skipped": ("One run of ", " is skipped. All others start as ever."),
    "moved": ("One run of ", " is moved. All others start as ever."),
    "taken-back": ("Taken back: that run of ", " starts as ever."),
    "calendar-made": ("Made the calendar ", "."),
    "calendar-changed": ("Saved the calendar ", "."),
    "calendar-removed": ("Removed the calendar ", "."),
    "unchanged": ("Nothing was to be changed of ", ": it already is like that."),
    "undone": ("Undone: ", " is as it was before."),
    "started": ("Started ", " once, now."),
    "started-already": ("Nothing more was started of ", ": you asked for this run already. Ask again for another."),
    "run-cancelled": ("Cancelled run ", ". It had not started, and now will not."),
    "run-ending": ("Run ", " is being ended: its node has been told."),
    "run-asked": ("Run ", " was asked to end. It runs in a thread: it ends when its code looks."),
    "run-retried": ("Run ", " is queued for its next attempt."),
    "together": ("Done for ", "."),
    "signed-in": ("Signed in as ", "."),
    "revoked": ("The token of ", " opens nothing any more."),
    "signed-out-everywhere": ("Signed out everywhere", "."),
    "signed-out": ("Signed out", "."),
}


@dataclass(frozen=True, slots=True)
class Notice:
    """``what`` is one of ``WORDS``; ``job`` the job, or whatever else stands in its place. ``change`` is the line of
    the log that can be undone, ``run`` a run to look at."""

    what: str
    job: str = ""
    change: int | None = None
    run: int | None = None
    is_job: bool = True

    @property
    def before(self) -> str:
        """The words before the job."""
        return WORDS[self.what][0]

    @property
    def after(self) -> str:
        """The words after it."""
        return WORDS[self.what][1]


def cookie_of(notice: Notice | None) -> str:
    """The header ``Set-Cookie`` that takes a notice along; without one, that takes it away."""
    attributes = "Path=/; HttpOnly; SameSite=Lax"
    if notice is None:
        return f"{COOKIE}=; {attributes}; Max-Age=0"
    content = orjson.dumps([notice.what, notice.job[:200], notice.change, notice.run, notice.is_job])
    return f"{COOKIE}={base64.urlsafe_b64encode(content).decode().rstrip('=')}; {attributes}; Max-Age={_SECONDS}"


def notice_in(value: str | None) -> Notice | None:
    """The notice of a cookie, if it is one."""
    if not value or len(value) > 2000:
        return None
    try:
        found: Any = orjson.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))
    except (ValueError, binascii.Error):
        return None
    match found:
        case [str(what), str(job), int() | None as change, int() | None as run, bool(is_job)] if what in WORDS:
            return Notice(what, job, change, run, is_job)
    return None
