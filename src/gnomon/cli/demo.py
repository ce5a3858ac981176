"""``gnomon demo``: Gnomon at work on this machine."""

from __future__ import annotations

import logging
import os
import shlex
import shutil
import socket
import subprocess
import sys
import threading
import webbrowser
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from gnomon.cli import demonstration, moments
from gnomon.cli.changes import author_of
from gnomon.cli.crontab import origin_of, read_crontab
from gnomon.cli.following import ending
from gnomon.cli.jobs import next_run
from gnomon.cli.listening import address_of, listening, place
from gnomon.cli.log_lines import log_to_stderr
from gnomon.cli.options import flag
from gnomon.cli.output import facts, in_one_line, screen
from gnomon.cli.serving import (
    COMMANDS_MODULE,
    DEFAULT_PORT,
    LevelOption,
    LogLevel,
    PortOption,
    Stopping,
    serve_http,
    start,
    wind_down,
)
from gnomon.cli.store_option import VARIABLE, store_url, stored_in
from gnomon.domain.crontab_file import CrontabOrigin
from gnomon.domain.run import Run
from gnomon.errors import GnomonError, StoreError, StoreUnavailable
from gnomon.scheduler import Scheduler

logger = logging.getLogger("gnomon.demo")

_NEXT = 5
_TO_TRY = ("jobs", "set health-check interval minutes=1", "run checksums --wait", "show flaky")
_LOOK_SECONDS = 0.5
_LONGEST_CRONTAB = 256 * 1024


def demo(
    store: Annotated[
        str | None, typer.Option("--store", metavar="URL", help="Otherwise a file of the demo's own in your home.")
    ] = None,
    port: PortOption = DEFAULT_PORT,
    browser: Annotated[bool, flag("--open/--no-open", help="Open the page in a browser, if there is one.")] = True,
    log_level: LevelOption = LogLevel.INFO,
) -> None:
    """Try Gnomon out: jobs that do real work on this machine, and the API to look at and change them.

    What you change stays, also when the demo is stopped, or killed, and started again.

    Examples:
      gnomon demo
      gnomon demo --store sqlite:///demo.db --port 9000
    """
    url = store_url(store) if store is not None else _default_store()
    scheduler = Scheduler(url, allow=[COMMANDS_MODULE])
    try:
        at = place("127.0.0.1", port)
        with listening(at) as listener, _screen_of_its_own() as console:
            log_to_stderr(log_level.upper())
            stopping = Stopping()
            demonstration.declare_jobs(scheduler, address=address_of(listener), database=_database(scheduler))
            scheduler.open()
            is_first = not scheduler.get_all_jobs()
            start(scheduler)
            try:
                imported = _import_crontabs(scheduler) if is_first else []
                _welcome(console, scheduler, listener, imported)
                if browser:
                    _open_page(address_of(listener))
                with _runs_told(console, scheduler):
                    serve_http(scheduler, listener, stopping, at=at)
            finally:
                wind_down(scheduler, stopping)
    finally:
        scheduler.close()


def command_name() -> str:
    """How this program was called, so that what is printed can be typed."""
    program = Path(sys.argv[0])
    if program.stem == "__main__":
        return f"{Path(sys.executable).name} -m gnomon"
    found = shutil.which(program.name)
    if found is not None and Path(found).resolve() == program.resolve():
        return program.name
    try:
        return shlex.quote(str(program.absolute().relative_to(Path.cwd())))
    except ValueError:
        return shlex.quote(str(program.absolute()))


# -- the store


def _default_store() -> str:
    home = os.environ.get("XDG_DATA_HOME") or str(Path.home() / ".local" / "share")
    folder = Path(home, "gnomon")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnavailable(
            f"cannot make {folder}: {(error.strerror or str(error)).lower()}; say where: gnomon demo --store sqlite:///demo.db"
        ) from error
    return f"sqlite:///{folder / 'demo.db'}"


def _database(scheduler: Scheduler) -> Path | None:
    store = stored_in(scheduler)
    return Path(str(store.url.database)).resolve() if store.database.dialect.name == "sqlite" else None


# -- the machine's crontabs


def _import_crontabs(scheduler: Scheduler) -> list[str]:
    """Every line that this user may read, as a paused job. Why others are left out, ``import-crontab`` tells."""
    jobs = [job for text, origin in _crontabs() for job in read_crontab(scheduler, text, origin).jobs]
    unique = {job.job_id: job for job in jobs}
    return scheduler.import_crontab(list(unique.values()), author=author_of("found on this machine by gnomon demo"))


def _crontabs() -> Iterator[tuple[str, CrontabOrigin]]:
    own = _own_crontab()
    if own:
        yield own, origin_of("crontab -l", system=False)
    # cron itself reads no other names in this folder: no backup copies, no remains of packages.
    folder = [
        file for file in sorted(Path("/etc/cron.d").glob("*")) if file.name.replace("-", "").replace("_", "").isalnum()
    ]
    for file in [Path("/etc/crontab"), *folder]:
        try:
            if file.is_file() and file.stat().st_size <= _LONGEST_CRONTAB:
                yield file.read_text(encoding="utf-8", errors="replace"), origin_of(str(file), system=True)
        except OSError:
            continue  # Not for this user's eyes.


def _own_crontab() -> str:
    if shutil.which("crontab") is None:
        return ""
    try:
        found = subprocess.run(
            ["crontab", "-l"], capture_output=True, timeout=10, stdin=subprocess.DEVNULL, check=False
        )
    except (OSError, subprocess.TimeoutExpired):
        return ""
    return found.stdout.decode("utf-8", errors="replace") if found.returncode == 0 else ""


# -- what people see


@contextmanager
def _screen_of_its_own() -> Iterator[Console]:
    """A console on standard output, which jobs then no longer write to: what they print is kept with their runs."""
    sys.stdout.flush()
    own = os.dup(1)
    with os.fdopen(own, "w", encoding=sys.stdout.encoding, errors="replace", buffering=1) as stream:
        silence = os.open(os.devnull, os.O_WRONLY)
        os.dup2(silence, 1)
        os.close(silence)
        try:
            yield screen(on=stream)
        finally:
            os.dup2(stream.fileno(), 1)


def _welcome(console: Console, scheduler: Scheduler, listener: socket.socket, imported: list[str]) -> None:
    store, gnomon = scheduler.store, command_name()
    console.print(Text.assemble(("Gnomon", "bold"), (f" {version('gnomon')}, the demo", "dim")))
    console.print()
    table = facts()
    table.add_row("address", Text(f"{address_of(listener)}/", "cyan"))
    table.add_row("store", store.shown_url)
    console.print(table)
    console.print()
    console.print(Text("What runs next", "bold"))
    console.print(_next_runs(scheduler))
    console.print()
    console.print(Text("Change it, from a second terminal", "bold"))
    console.print(f"  export {VARIABLE}={shlex.quote(store.shown_url)}", soft_wrap=True)
    for command in _TO_TRY:
        console.print(f"  {gnomon} {command}", soft_wrap=True)
    console.print()
    if imported:
        told = f"{len(imported)} lines of this machine's crontabs are jobs now, paused; cron still runs them:"
        console.print(told, soft_wrap=True)
        console.print(f"  {gnomon} jobs --state paused", soft_wrap=True)
        console.print()
    console.print(Text("Ctrl-C stops the demo. What you changed stays, also after kill -9.", "dim"), soft_wrap=True)
    console.print()


def _next_runs(scheduler: Scheduler) -> object:
    table = facts()
    table.columns[0].style = "bold"
    now = scheduler.store.database.now()
    for job in [job for job in scheduler.get_all_jobs() if job["state"] == "active"][:_NEXT]:
        table.add_row(in_one_line(job["id"]), next_run(job, now, wide=True), Text(in_one_line(job["schedule"])))
    return table


def _open_page(address: str) -> None:
    """Where there is a desktop to show it: a browser inside of this terminal would take it over."""
    has_desktop = sys.platform == "darwin" or bool(os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY"))
    if has_desktop:
        webbrowser.open(address)


@contextmanager
def _runs_told(console: Console, scheduler: Scheduler) -> Iterator[None]:
    """Tell of each run when it has ended, in one line, from a thread of its own."""
    stop = threading.Event()
    thread = threading.Thread(target=_tell_runs, args=(console, scheduler, stop), name="gnomon-told", daemon=True)
    thread.start()
    try:
        yield
    finally:
        stop.set()
        thread.join()


def _tell_runs(console: Console, scheduler: Scheduler, stop: threading.Event) -> None:
    seen, unfinished = max([run.id for run in scheduler.runs(limit=1)], default=0), set[int]()
    while not stop.wait(_LOOK_SECONDS):
        try:
            for run in reversed(scheduler.runs(limit=100)):
                if run.id > seen:
                    seen = run.id
                    unfinished.add(run.id)
            for run_id in sorted(unfinished):
                run = scheduler.run(run_id)
                if not run.state.is_active:
                    unfinished.discard(run_id)
                    console.print(_told(run), soft_wrap=True)
        except StoreError as error:
            logger.warning("%s", error)
        except GnomonError:
            unfinished.clear()  # Runs that were pruned meanwhile.


def _told(run: Run) -> Text:
    moment = run.finished_at or run.scheduled_at
    text = Text(f"{moments.local(moment):%H:%M:%S}  ", "dim").append(ending(run))
    if run.error:
        text.append(f"  {in_one_line(run.error.strip().splitlines()[-1])}", "red")
    return text
