"""The application: its commands, and how each of them ends."""

from __future__ import annotations

import inspect
import os
import sys
import traceback
from collections.abc import Callable, Sequence
from importlib.metadata import version
from typing import Annotated, Any, NoReturn, cast

import typer
import typer.main

from gnomon.cli import (
    adding,
    adopt,
    audit,
    calendars,
    celery_beat,
    changes,
    crontab,
    defaults,
    demo,
    doctor,
    exceptions,
    jobs,
    nodes,
    preview,
    running,
    runs,
    serving,
    steering,
    tasks,
)
from gnomon.cli.database import db
from gnomon.cli.exits import EXIT_CODES, ExitCode, SomeFailed, exit_code_of
from gnomon.cli.options import flag
from gnomon.cli.output import printable
from gnomon.cli.tokens import token
from gnomon.errors import GnomonError

#: Typer raises the errors of the parser below it, which some versions bring along and others import.
_UsageError = cast("type[Exception]", typer.BadParameter.__mro__[1])

_LOOK, _CHANGE, _SERVE, _KEEP = "Look", "Change", "Serve", "Look after"

app = typer.Typer(
    name="gnomon",
    help="Recurring jobs for Python, built on APScheduler 3: what you see is what will fire.",
    epilog=EXIT_CODES,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _flowing(text: str) -> str:
    """A docstring for a terminal of any width: the lines of a paragraph are joined, unless some are indented."""
    paragraphs = inspect.cleandoc(text).split("\n\n")
    return "\n\n".join(p if "\n " in p or p.startswith(" ") else p.replace("\n", " ") for p in paragraphs)


_COMMANDS: dict[str, dict[str, Callable[..., None]]] = {
    _LOOK: {
        "jobs": jobs.jobs,
        "show": jobs.show,
        "runs": runs.runs,
        "logs": runs.logs,
        "tasks": tasks.tasks,
        "changes": audit.changes,
        "preview": preview.preview,
        "calendars": calendars.calendars,
    },
    _CHANGE: {
        "set": changes.set_,
        "pause": changes.pause,
        "resume": changes.resume,
        "revert": defaults.revert,
        "keep": defaults.keep,
        "undo": audit.undo,
        "skip": exceptions.skip,
        "move": exceptions.move,
        "clear": exceptions.clear,
        "run": running.run,
        "cancel": steering.cancel,
        "retry": steering.retry,
        "add": adding.add,
        "remove": adding.remove,
    },
    _SERVE: {"serve": serving.serve, "node": serving.node, "web": serving.web, "demo": demo.demo},
    _KEEP: {
        "nodes": nodes.nodes,
        "doctor": doctor.doctor,
        "adopt": adopt.adopt,
        "import-celery-beat": celery_beat.import_celery_beat,
        "import-crontab": crontab.import_crontab,
    },
}
# Made from the description of the triggers, which a docstring cannot be.
_HELP = {"add": adding.ADD_HELP, "set": changes.SET_HELP, "preview": preview.PREVIEW_HELP}
for panel, commands in _COMMANDS.items():
    for name, command in commands.items():
        help_text = _flowing(_HELP.get(name) or command.__doc__ or "")
        app.command(name, help=help_text, rich_help_panel=panel, epilog=EXIT_CODES)(command)
app.add_typer(calendars.calendar, name="calendar", rich_help_panel=_CHANGE)
app.add_typer(db, name="db", rich_help_panel=_KEEP)
app.add_typer(token, name="token", rich_help_panel=_KEEP)


def _say_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"gnomon {version('gnomon')}\n")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _gnomon(
    context: typer.Context,
    debug: Annotated[bool, flag("--debug", help="Show the traceback of an error.")] = False,
    show_version: Annotated[
        bool, typer.Option("--version", help="Show the version.", metavar="", callback=_say_version, is_eager=True)
    ] = False,
) -> None:
    context.obj = debug
    if context.invoked_subcommand is None:
        sys.stdout.write(context.get_help() + "\n")
        raise typer.Exit(ExitCode.BAD_INPUT)


def main() -> NoReturn:
    """The entry point of the command ``gnomon``."""
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Carry out a command line and return its exit code. Errors are told in one line on standard error."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            # A terminal that does not know a symbol shows a question mark instead of an error.
            reconfigure(errors="replace")
    # Its own options come before the command, so this is the program's, and not the value of another's option.
    debug = "--debug" in arguments[:2]
    try:
        code: Any = typer.main.get_command(app).main(list(arguments), prog_name="gnomon", standalone_mode=False)
        sys.stdout.flush()
        return int(code or ExitCode.OK)
    except BrokenPipeError:
        # Whoever read has gone (`gnomon jobs | head`); Python would complain once more when it ends.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return ExitCode.OK
    except _UsageError as error:
        _tell(_usage(error))
        return ExitCode.BAD_INPUT
    except GnomonError as error:
        if debug:
            traceback.print_exc()
        _tell(str(error))
        return exit_code_of(error.first if isinstance(error, SomeFailed) else error)
    except (typer.Abort, KeyboardInterrupt):
        _tell("interrupted")
        return ExitCode.INTERRUPTED
    except Exception as error:
        if debug:
            traceback.print_exc()
        _tell(f"unexpected {type(error).__name__}: {error}; `gnomon --debug …` shows where, please report it")
        return ExitCode.FAILED


def _usage(error: Exception) -> str:
    context = getattr(error, "ctx", None)
    command = context.command_path if context is not None else "gnomon"
    message = str(getattr(error, "format_message", lambda: str(error))()).rstrip(".")
    if not message:  # a group without one of its commands; its help was printed
        message = "a command is missing"
    return f"{message}; `{command} --help` shows what there is"


def _tell(message: str) -> None:
    sys.stderr.write(f"gnomon: {printable(message.strip()).replace(chr(10), ' ')}\n")
