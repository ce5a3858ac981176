"""What is asked of the ledger is checked before it is asked."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import pytest

from gnomon.domain.run_query import LARGEST_PAGE, RunQuery, check_limit
from gnomon.errors import InvalidInput


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("scheduled_from", datetime(2026, 3, 2)),
        ("scheduled_to", datetime(2026, 3, 2)),
        ("search", ""),
        ("search", "x" * 201),
        ("search", "a\0b"),
    ],
)
def test_what_cannot_be_asked_is_refused_by_name(field: str, value: Any) -> None:
    with pytest.raises(InvalidInput, match=field):
        RunQuery(**{field: value})


@pytest.mark.parametrize("limit", [0, -1, LARGEST_PAGE + 1, True, 2.5, "7", None])
def test_a_page_has_a_size(limit: Any) -> None:
    check_limit(1)
    check_limit(LARGEST_PAGE)
    with pytest.raises(InvalidInput, match="limit"):
        check_limit(limit)
