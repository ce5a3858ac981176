"""What routes answer with: JSON, written at once, without models in between."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson
from fastapi.responses import Response

from gnomon.api.conditional import etag


def answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """JSON."""
    return Response(orjson.dumps(content), status, headers, media_type="application/json")


def tagged_answer(stored: Mapping[str, Any], status: int = 200) -> Response:
    """A job or a calendar, with its token as entity tag."""
    return answer(stored, status, etag(stored))
