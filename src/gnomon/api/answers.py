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


def job_answer(job: Mapping[str, Any], status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """A job, with its token as entity tag."""
    return answer(job, status, {**etag(job), **(headers or {})})
