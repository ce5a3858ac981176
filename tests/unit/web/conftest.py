"""The same scheduler, tokens and clients that the tests of the API have."""

from __future__ import annotations

from tests.unit.api.conftest import client, making, scheduler, tokens

__all__ = ["client", "making", "scheduler", "tokens"]
