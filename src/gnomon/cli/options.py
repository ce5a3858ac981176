"""Options that several commands share."""

from __future__ import annotations

from typing import Annotated, Any

import typer


def flag(*names: str, help: str) -> Any:
    """An option that is given or not: it has no value, so the help shows none."""
    return typer.Option(*names, help=help, metavar="", show_default=False)


JsonOption = Annotated[bool, flag("--json", help="Print JSON for programs, and nothing else.")]
YesOption = Annotated[bool, flag("--yes", "-y", help="Do it without asking: for scripts.")]
