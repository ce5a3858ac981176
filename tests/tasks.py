"""Functions that tests declare as tasks. At module level, so that rows can name them and other processes find them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, JsonValue

from gnomon import current_run


def keep(folder: str, given: JsonValue = None, **more: JsonValue) -> None:
    """Leave what was given in a file of this run."""
    (Path(folder) / f"{current_run().id}.json").write_text(json.dumps([given, more]), encoding="utf-8")


def report(
    folder: str,
    tenant: str,
    limits: dict[str, int] | None = None,
    *,
    mode: Literal["full", "delta"] = "full",
    ratio: float | None = None,
    pages: Annotated[int, Field(ge=1, le=100)] = 1,
    tags: list[str] | None = None,
) -> None:
    """Sends the report of a tenant."""
    given = {"tenant": tenant, "limits": limits, "mode": mode, "ratio": ratio, "pages": pages, "tags": tags}
    (Path(folder) / f"{current_run().id}.json").write_text(json.dumps(given), encoding="utf-8")


async def fetch(folder: str, tenant: str) -> None:
    """A coroutine function."""
    report(folder, tenant)


def greet(tenant: str) -> str:
    """Greets."""
    return f"Hello, {tenant}"


def fail_for(tenant: str) -> None:
    """Fail, and say for whom."""
    raise RuntimeError(f"no report for {tenant}")


def left_in(folder: Path) -> list[Any]:
    """What runs left, in the order of their ids."""
    return [json.loads(file.read_text()) for file in sorted(folder.glob("*.json"), key=lambda file: int(file.stem))]
