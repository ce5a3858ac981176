"""Until when something is to hold, as people write it into a field."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo

from gnomon.domain.spans import span_of
from gnomon.domain.triggers import zone_name
from gnomon.errors import InvalidInput

FIELD = "until"
_LAST = datetime(2200, 1, 1, tzinfo=UTC)
HINT = "2h, 3d, or 2026-12-01 09:00; empty: until somebody changes it back."


def moment_in(text: str, now: datetime, zone: tzinfo) -> datetime | None:
    """The moment that is meant: a span from ``now``, or a time by the clock of ``zone`` where it names no offset.
    ``None`` for an empty text. Raises ``InvalidInput``."""
    text = text.strip()
    if not text:
        return None
    try:
        span = span_of(text)
        moment = now + span if span is not None else datetime.fromisoformat(text[:64])
        moment = moment.replace(tzinfo=zone) if moment.tzinfo is None else moment
        moment = moment.astimezone(UTC)
    except (ValueError, OverflowError):
        allowed = f"give a span such as 2h or 3d, or a time in {zone_name(zone)} such as 2026-12-01 09:00"
        raise InvalidInput(FIELD, text, allowed) from None
    if not now < moment < _LAST:
        raise InvalidInput(FIELD, text, f"give a time that is still to come, before {_LAST.year}")
    return moment


def text_of(moment: str | None, zone: tzinfo) -> str:
    """A moment (ISO 8601) as it is written into the field; empty for none."""
    if moment is None:
        return ""
    local = datetime.fromisoformat(moment).astimezone(zone).replace(microsecond=0)
    # What the clocks show twice is only clear with its offset.
    is_clear = local.utcoffset() == local.replace(fold=1 - local.fold).utcoffset()
    return (local.replace(tzinfo=None) if is_clear else local).isoformat(sep=" ")
