"""How states look: an icon, a word and a tone. Never the colour alone."""

from __future__ import annotations

from typing import NamedTuple


class Look(NamedTuple):
    """``icon`` is one of ``static/icons.svg``, ``tone`` a class of the style sheet: good, bad, warn, busy, odd, note,
    calm."""

    icon: str
    word: str
    tone: str


JOB_STATES = {
    "active": Look("dot", "active", "good"),
    "paused": Look("pause", "paused", "warn"),
    "finished": Look("stop", "finished", "calm"),
    "orphaned": Look("question", "orphaned", "odd"),
    "quarantined": Look("cross", "quarantined", "bad"),
}
RUN_STATES = {
    "queued": Look("ring", "queued", "busy"),
    "running": Look("play", "running", "busy"),
    "succeeded": Look("check", "succeeded", "good"),
    "failed": Look("cross", "failed", "bad"),
    "timed_out": Look("hourglass", "timed out", "bad"),
    "cancelled": Look("minus", "cancelled", "warn"),
    "lost": Look("question", "lost", "bad"),
    "missed": Look("bang", "missed", "warn"),
    "skipped": Look("skip", "skipped", "warn"),
    "coalesced": Look("merge", "coalesced", "calm"),
}
SOURCES = {
    "code": Look("equals", "code", "calm"),
    "override": Look("pencil", "override", "note"),
    "outside": Look("enter", "outside", "odd"),
}
NODE_STATES = {
    "alive": Look("dot", "alive", "good"),
    "silent": Look("question", "silent", "bad"),
    "stopped": Look("ring", "stopped", "calm"),
    "dead": Look("cross", "dead", "bad"),
}
#: What each means, for those who meet it for the first time.
MEANINGS = {
    "active": "It has a next run time.",
    "paused": "Somebody paused it, or the code declares it so: it does not fire.",
    "finished": "Its trigger has no further time.",
    "orphaned": "No living node has code for it: it is kept, and not fired.",
    "quarantined": "Its stored row cannot be read: it is kept byte for byte, and not fired.",
    "code": "It fires as the code says.",
    "override": "An operator changed it.",
    "outside": "Another program wrote its row.",
}
