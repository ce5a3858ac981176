"""``--until``: when what is changed returns to what the code says."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated

import typer

from gnomon.domain.spans import span_of
from gnomon.errors import InvalidInput

UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="TIME",
        help="Return to what the code says then: 2026-12-01T09:00 (local, or with an offset), or 30min, 2h, 3d.",
        show_default=False,
    ),
]


def moment_of(text: str | None) -> datetime | None:
    """The time that is meant. Raises ``InvalidInput``."""
    if text is None:
        return None
    span = span_of(text)
    try:
        if span is not None:
            return datetime.now(UTC) + span
        return datetime.fromisoformat(text.strip()).astimezone()
    except (ValueError, OverflowError):
        raise InvalidInput("--until", text, "give a time such as 2026-12-01T09:00, or a span such as 2h") from None
