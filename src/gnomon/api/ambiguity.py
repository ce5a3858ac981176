"""JSON that means two things: an object that names a key twice. Each parser decides for itself which of both counts."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

from fastapi import Request

from gnomon.errors import InvalidInput


async def unambiguous(request: Request) -> None:
    """A dependency of the whole application: refuses such a body by the name of the key (``InvalidInput``)."""
    if "json" not in request.headers.get("content-type", ""):
        return
    twice: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        counts = Counter(name for name, _ in pairs)
        twice.extend(name for name, count in counts.items() if count > 1)

    try:
        json.loads(await request.body(), object_pairs_hook=note)
    except (ValueError, RecursionError):
        return  # told by who reads it
    if twice:
        raise InvalidInput(twice[0], "two values", "give each key once")
