"""``gnomon run``: one run now, beside the schedule."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.text import Text

from gnomon.cli.changes import ReasonOption, author_of
from gnomon.cli.exits import ExitCode
from gnomon.cli.following import Transcript, follow
from gnomon.cli.nodes import say_if_nobody_fires
from gnomon.cli.options import JsonOption, flag
from gnomon.cli.output import in_one_line, print_json, screen
from gnomon.cli.store_option import AppOption, StoreOption, opened
from gnomon.domain.run import Run, RunState
from gnomon.operations.run_dicts import run_dict
from gnomon.scheduler import Scheduler


def run(
    job: Annotated[str, typer.Argument(metavar="JOB", help="The id of a job.")],
    reason: ReasonOption = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="TEXT", help="Repeated within a day, it is the same run.", show_default=False),
    ] = None,
    wait: Annotated[bool, flag("--wait", "-w", help="Show its output until it ends; 1 if it fails.")] = False,
    as_json: JsonOption = False,
    store: StoreOption = None,
    app: AppOption = None,
) -> None:
    """Run a job once now, on any node that has its code. Its schedule does not move; a paused job can be run too.

    Examples:
      gnomon run nightly
      gnomon run nightly --wait && echo done
      gnomon run nightly --key "import of $(date +%F)"
    """
    author = author_of(reason)
    with opened(store, app) as scheduler:
        run_id = scheduler.run_job(job, key=key, author=author)
        say_if_nobody_fires(scheduler)
        if not wait:
            _say_queued(scheduler.run(run_id), as_json)
            return
        ended = _follow(scheduler, run_id, as_json)
        if as_json:
            print_json(run_dict(ended))
        if ended.state is not RunState.SUCCEEDED:
            raise typer.Exit(ExitCode.FAILED)


def _say_queued(run: Run, as_json: bool) -> None:
    if as_json:
        print_json(run_dict(run))
        return
    console, job = screen(), in_one_line(run.job_id)
    stands = run.state.value.replace("_", " ")  # With a key it may be the run of an earlier call.
    text = Text.assemble(("✓ ", "green"), "run ", (str(run.id), "bold"), f" of {job} is {stands}")
    console.print(text, soft_wrap=True)
    console.print(Text(f"  gnomon logs {run.id} --follow shows what it writes", "dim"), soft_wrap=True)


def _follow(scheduler: Scheduler, run_id: int, as_json: bool) -> Run:
    if as_json:
        return follow(scheduler, run_id, None)
    with Transcript(screen(), screen(stderr=True)) as transcript:
        try:
            ended = follow(scheduler, run_id, transcript)
        except KeyboardInterrupt:
            transcript.note(f"run {run_id} goes on without you; gnomon logs {run_id} --follow")
            raise
        transcript.end(ended)
        return ended
