"""A run as it goes on: its output, its progress, its end."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeRemainingColumn
from rich.text import Text

from gnomon.cli import moments
from gnomon.cli.output import in_one_line, printable, state_of_run
from gnomon.domain.ledger import Piece
from gnomon.domain.run import Run, RunState
from gnomon.scheduler import Scheduler

_LOOK_SECONDS = 0.25
_STREAMS = {"stdout": ("   ", ""), "stderr": ("err", "red"), "log": ("log", "cyan")}


class Transcript:
    """Writes the output of a run: on a terminal line by line with its stream, elsewhere as it was written.

    What is said about the run goes to ``notes``, so that standard output holds the output and nothing else.
    """

    def __init__(self, console: Console, notes: Console) -> None:
        self._console = console
        self._notes = notes
        self._unfinished: dict[str, str] = {}
        self._bar = _Bar(console)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._bar.stop()

    def write(self, pieces: Sequence[Piece]) -> None:
        """More output."""
        for piece in pieces:
            if not self._console.is_terminal:
                sys.stdout.write(piece.text)
                continue
            *lines, rest = (self._unfinished.pop(piece.stream, "") + piece.text).split("\n")
            for line in lines:
                self._line(piece.stream, line)
            if rest:
                self._unfinished[piece.stream] = rest
        if not self._console.is_terminal:
            sys.stdout.flush()

    def see(self, run: Run) -> None:
        """How the run stands now."""
        self._bar.show(run)

    def note(self, text: str) -> None:
        """Say something about the run."""
        self._notes.print(Text(text, "dim"))

    def end(self, run: Run) -> None:
        """The last line: what became of it."""
        self._bar.stop()
        for stream, text in self._unfinished.items():
            self._line(stream, text)
        if run.error:
            self._notes.print(Text(printable(run.error.rstrip()), "red"), soft_wrap=True)
        self._notes.print(ending(run).append(f", due {moments.full(moments.local(run.scheduled_at))}", "dim"))

    def _line(self, stream: str, text: str) -> None:
        mark, style = _STREAMS.get(stream, (stream, ""))
        self._console.print(Text.assemble((f"{mark} │ ", style or "dim"), printable(text)), soft_wrap=True)


def follow(scheduler: Scheduler, run_id: int, transcript: Transcript | None) -> Run:
    """Wait until a run has ended and return it; meanwhile pass on what it writes."""
    seen, attempt = -1, 1
    while True:
        # First how it stands and then its output: what was written before the end is seen for sure.
        run = scheduler.run(run_id)
        if transcript is not None:
            pieces = scheduler.output(run_id, after=seen)
            seen = pieces[-1].seq if pieces else seen
            transcript.write(pieces)
            transcript.see(run)
            if run.attempt > attempt and run.state.is_active:
                attempt = run.attempt
                transcript.note(_again(run, scheduler))
        if not run.state.is_active:
            return run
        time.sleep(_LOOK_SECONDS)


def ending(run: Run) -> Text:
    """``✓ succeeded  run 17 of backup, in 0.4 s``."""
    text = state_of_run(run.state.value)
    text.append(f"  run {run.id} of {in_one_line(run.job_id)}", "default")
    if run.started_at is not None and run.finished_at is not None:
        text.append(f", in {moments.duration(run.finished_at - run.started_at)}", "default")
    if run.attempt > 1:
        text.append(f", attempt {run.attempt}", "default")
    return text


def _again(run: Run, scheduler: Scheduler) -> str:
    reason = in_one_line(run.error.strip().splitlines()[-1]) if run.error else "no reason given"
    start = moments.distance(run.not_before, scheduler.store.database.now()) if run.state is RunState.QUEUED else "now"
    return f"attempt {run.attempt - 1} ended: {reason}; attempt {run.attempt} starts {start}"


class _Bar:
    """A progress bar, from the first time that a run tells its progress on a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._progress: Progress | None = None
        self._task = TaskID(0)

    def show(self, run: Run) -> None:
        if run.progress_done is None or run.state is not RunState.RUNNING or not self._console.is_terminal:
            return
        if self._progress is None:
            columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
            self._progress = Progress(*columns, console=self._console, transient=True)
            self._task = self._progress.add_task(in_one_line(run.job_id), total=run.progress_total)
            self._progress.start()
        self._progress.update(self._task, completed=run.progress_done, total=run.progress_total)

    def stop(self) -> None:
        if self._progress is not None:
            self._progress.stop()
            self._progress = None
