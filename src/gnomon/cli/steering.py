"""``gnomon cancel`` and ``gnomon retry``: ending runs early, and trying them again."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

import typer
from rich.text import Text

from gnomon.cli.changes import ReasonOption, author_of
from gnomon.cli.exits import BadUsage, SomeFailed
from gnomon.cli.nodes import say_if_nobody_fires
from gnomon.cli.options import JsonOption
from gnomon.cli.output import in_one_line, print_json, screen
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.domain.steering import Cancellation
from gnomon.errors import GnomonError
from gnomon.operations.run_dicts import run_dict
from gnomon.scheduler import Scheduler

RunsArgument = Annotated[list[str], typer.Argument(metavar="RUN", help="Numbers of runs, as `gnomon runs` lists them.")]

_SAID = {
    Cancellation.CANCELLED: "cancelled",
    Cancellation.ENDING: "is being ended by its node",
    Cancellation.ASKED: "is asked to end; it runs in a thread, which ends if its code looks at current_run().cancelled",
}


def cancel(
    runs: RunsArgument,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """End runs early, wherever they run.

    A run that has not started is cancelled at once, also one that waits for its next attempt. One that runs is ended by
    its node: a process, a command or a coroutine for sure, a thread only if its code looks. Asking again changes
    nothing.

    Examples:
      gnomon cancel 4711 --reason "it locks the table"
      gnomon cancel 4711 4712 && gnomon logs 4711 --follow
    """
    author = author_of(reason)
    numbers = [_number(text) for text in runs]
    with opened(store, app) as scheduler:

        def end(run_id: int) -> tuple[str, dict[str, Any]]:
            answer = scheduler.cancel_run(run_id, author=author)
            return _SAID[answer], {"cancellation": answer.value}

        _each(scheduler, numbers, as_json, end)


def retry(
    runs: RunsArgument,
    reason: ReasonOption = None,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Try runs again that failed, timed out, were cancelled, lost, missed or skipped: each as its next attempt.

    The run keeps its number and its due time; what earlier attempts wrote and how they ended is kept. What succeeded is
    not tried again: gnomon run runs the job anew.

    Examples:
      gnomon retry 4711 --reason "the bank is back"
      gnomon runs nightly --state failed --json | jq '.[].id' | xargs gnomon retry
    """
    author = author_of(reason)
    numbers = [_number(text) for text in runs]
    with opened(store, app) as scheduler:

        def again(run_id: int) -> tuple[str, dict[str, Any]]:
            run = scheduler.retry_run(run_id, author=author)
            return f"is queued, attempt {run.attempt}", {}

        _each(scheduler, numbers, as_json, again)
        say_if_nobody_fires(scheduler)


def _each(
    scheduler: Scheduler, runs: list[int], as_json: bool, act: Callable[[int], tuple[str, dict[str, Any]]]
) -> None:
    """One after the other; one that is refused does not keep the others from it, and is told at the end."""
    done, first_error = [], None
    for run_id in runs:
        try:
            said, more = act(run_id)
            run = scheduler.run(run_id)
        except GnomonError as error:
            if len(runs) == 1:
                raise
            screen(stderr=True).print(f"gnomon: {error}")
            first_error = first_error or error
            continue
        done.append({**run_dict(run), **more})
        if not as_json:
            text = Text.assemble(
                ("✓ ", "green"), "run ", (str(run.id), "bold"), f" of {in_one_line(run.job_id)} {said}"
            )
            screen().print(text, soft_wrap=True)
    if as_json:
        print_json(done[0] if len(runs) == 1 else done)
    if first_error is not None:
        raise SomeFailed(first_error, f"{len(runs) - len(done)} of {len(runs)} runs were refused")


def _number(text: str) -> int:
    if text.isascii() and text.isdigit() and len(text) < 19:
        return int(text)
    raise BadUsage(f"RUN: {in_one_line(text)!r} is no number of a run; `gnomon runs` lists them")
