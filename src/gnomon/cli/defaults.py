"""``gnomon revert`` and ``keep``: what the code says, and what was made of it."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from rich.console import Console
from rich.text import Text

from gnomon.cli.changes import ReasonOption, author_of, say_done
from gnomon.cli.options import JsonOption, YesOption, flag
from gnomon.cli.output import confirm, in_one_line, listing, print_json, screen
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.domain.override import FIELDS
from gnomon.errors import ChangeRefused
from gnomon.operations.audit import value_in_words


def revert(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The id of a job.")],
    fields: Annotated[
        list[str] | None, typer.Argument(metavar="FIELD", help=f"Some of {', '.join(FIELDS)}; without, all.")
    ] = None,
    moved: Annotated[bool, flag("--moved", help="Only what the code has changed its mind about since.")] = False,
    reason: ReasonOption = None,
    yes: YesOption = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Return what was changed to what the code says.

    Examples:
      gnomon revert nightly
      gnomon revert nightly trigger --yes
      gnomon revert nightly --moved
    """
    author = author_of(reason)
    with opened(store, app) as scheduler:
        before = scheduler.get_job(job)
        chosen = _chosen(before, fields, moved)
        if not chosen:
            _say_nothing(before, as_json)
            return
        confirm(
            f"Return {in_one_line(job)} to what the code says?",
            yes=yes,
            show=lambda console: _show(console, before, chosen),
            as_json=as_json,
        )
        after = scheduler.revert_job(job, fields=chosen, if_token=before["token"], author=author)
        say_done(scheduler, after, as_json, "is as the code says" if not after["overrides"] else "reverted")


def keep(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The id of a job.")],
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Keep what was changed though the code has changed its mind since (default moved).

    Examples:
      gnomon keep nightly --reason "the new default is too early for us"
    """
    author = author_of(reason)
    with opened(store, app) as scheduler:
        before = scheduler.get_job(job)
        after = scheduler.keep_override(job, if_token=before["token"], author=author)
        say_done(scheduler, after, as_json, "stays as it is")


def _chosen(job: dict[str, Any], fields: list[str] | None, moved: bool) -> list[str]:
    overrides = job["overrides"]
    for name in fields or ():
        if name not in FIELDS:
            raise ChangeRefused(f"{name!r} is no field that can be overridden; there are {', '.join(FIELDS)}")
    return [
        name
        for name, override in overrides.items()
        if (not fields or name in fields) and (override["moved"] or not moved)
    ]


def _say_nothing(job: dict[str, Any], as_json: bool) -> None:
    if as_json:
        print_json(job)
    else:
        screen().print(f"Nothing to change: {in_one_line(job['id'])} is as the code says.", soft_wrap=True)


def _show(console: Console, job: dict[str, Any], fields: list[str]) -> None:
    table = listing(in_one_line(job["id"]), "NOW", "THE CODE SAYS")
    for name in fields:
        override = job["overrides"][name]
        values = [value_in_words(name, override[side]) for side in ("value", "declared")]
        cells = [Text(in_one_line(values[0])), Text(in_one_line(values[1]), "green")]
        table.add_row(name.replace("_", " "), *cells)
    console.print(table)
    console.print()
