"""``gnomon token``: API tokens, by which people and programs say who they are."""

from __future__ import annotations

import sys
from datetime import datetime, timedelta
from typing import Annotated, Any

import typer
from rich.text import Text

from gnomon.cli import moments
from gnomon.cli.changes import author_of
from gnomon.cli.options import JsonOption, flag
from gnomon.cli.output import in_one_line, listing, print_json, screen
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.domain.credential import ApiToken
from gnomon.domain.principal import Role

token = typer.Typer(no_args_is_help=True, help="Make, list and revoke API tokens: who may ask over HTTP.")

_MOST_DAYS = 3650


@token.command()
def create(
    role: Annotated[
        Role,
        typer.Option(
            "--role", help="viewer looks; operator changes when jobs run as well; admin does all.", show_choices=True
        ),
    ],
    name: Annotated[str, typer.Option("--name", metavar="NAME", help="Who it is for: the audit log says this name.")],
    days: Annotated[
        int | None, typer.Option("--days", min=1, max=_MOST_DAYS, help="It expires after so many days.")
    ] = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Make a token, and show it: this once only, for what is kept of it is a digest.

    A program sends it with each request, as Authorization: Bearer; people sign in with it.

    Examples:
      gnomon token create --role viewer --name grafana
      gnomon token create --role operator --name mia --days 90
    """
    with opened(store, app, may_create=True) as scheduler:
        expires_at = None if days is None else scheduler.store.database.local_now() + timedelta(days=days)
        text, made = scheduler.access.tokens.create(name, role, expires_at=expires_at, created_by=author_of(None).actor)
        where = scheduler.store.shown_url
    if as_json:
        print_json({"token": text, **_as_dict(made, 0)})
        return
    sys.stdout.write(text + "\n")
    sys.stdout.flush()
    until = "" if made.expires_at is None else f", until {moments.local(made.expires_at):%Y-%m-%d %H:%M}"
    told = f"{in_one_line(made.name)} is {made.role} in {where}{until}. Keep the token now: it is not shown again."
    screen(stderr=True).print(Text(told, "dim"), soft_wrap=True)


@token.command("list")
def list_(
    everything: Annotated[bool, flag("--all", help="Also those that were revoked or have expired.")] = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """List the tokens: whose they are, what they may do, when they were last used, who is signed in with them.

    Examples:
      gnomon token list
      gnomon token list --all --json
    """
    with opened(store, app) as scheduler:
        now = scheduler.store.database.local_now()
        sessions = scheduler.access.tokens.session_counts()
        found = [each for each in scheduler.access.tokens.list() if everything or each.is_valid(now)]
    if as_json:
        print_json([_as_dict(each, sessions.get(each.id, 0)) for each in found])
        return
    console = screen()
    if not found:
        console.print("No API token stands; `gnomon token create` makes one.", soft_wrap=True)
        return
    table = listing("ID", "NAME", "ROLE", "MADE", "LAST USED", "UNTIL", "SIGNED IN")
    for each in found:
        table.add_row(
            each.id,
            Text(in_one_line(each.name), "bold"),
            each.role.value,
            f"{_short(each.created_at, now)} by {in_one_line(each.created_by)}",
            "never" if each.used_at is None else _short(each.used_at, now),
            _until(each, now),
            str(sessions.get(each.id, 0)),
        )
    console.print(table)


@token.command()
def revoke(
    which: Annotated[list[str], typer.Argument(metavar="ID|NAME", help="Ids or names of tokens.")],
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Let tokens open nothing from now on. Whoever signed in with one is signed out, and his streams end.

    Examples:
      gnomon token revoke mia
      gnomon token revoke 4f1c0de5a2
    """
    author = author_of(None).actor
    with opened(store, app) as scheduler:
        revoked = [scheduler.access.tokens.revoke(each, revoked_by=author) for each in which]
    if as_json:
        print_json([{"id": each.id, "name": each.name} for each in revoked])
        return
    console = screen()
    for each in revoked:
        console.print(Text.assemble(("✓ ", "green"), f"{each.id} of {in_one_line(each.name)} is revoked"))


def _as_dict(token: ApiToken, sessions: int) -> dict[str, Any]:
    moments = {
        name: None if moment is None else moment.isoformat()
        for name, moment in {
            "created_at": token.created_at,
            "used_at": token.used_at,
            "expires_at": token.expires_at,
            "revoked_at": token.revoked_at,
        }.items()
    }
    known = {"id": token.id, "name": token.name, "role": token.role.value, "created_by": token.created_by}
    return {**known, **moments, "sessions": sessions}


def _short(moment: datetime, now: datetime) -> str:
    return moments.short(moments.local(moment), now)


def _until(token: ApiToken, now: datetime) -> Text:
    if token.revoked_at is not None:
        return Text(f"revoked {_short(token.revoked_at, now)}", "red")
    if token.expires_at is None:
        return Text("it is revoked", "dim")
    return Text(_short(token.expires_at, now), "" if token.is_valid(now) else "red")
