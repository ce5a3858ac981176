"""The jobs of ``gnomon demo``: real work on the machine that it runs on."""

from __future__ import annotations

import hashlib
import json
import shutil
import sqlite3
import sysconfig
import time
import urllib.request
from contextlib import closing
from pathlib import Path

from gnomon.executors import current_run, run_command
from gnomon.scheduler import Scheduler

BACKUPS_KEPT = 5

_PLACES = ("/", "/home", "/var", "/tmp")
#: The checksums are made at this pace, so that the machine stays free for others and there is a progress to be seen.
_FILES_A_SECOND = 60


def declare_jobs(scheduler: Scheduler, *, address: str, database: Path | None) -> None:
    """Declare them. ``address`` is where this demo answers, ``database`` the file of its store, if it is one."""
    scheduler.register(
        check_health, "interval", id="health-check", seconds=15, kwargs={"url": f"{address}/health"}, timeout=10
    )
    scheduler.register(fail_now_and_then, "interval", id="flaky", minutes=1, retries=3, retry_delay=5)
    scheduler.register(
        run_command,
        "crontab",
        "*/2 * * * *",
        id="uptime",
        description="How long this machine has been up, and how busy it is.",
        executor="command",
        kwargs={"command": "uptime || cat /proc/loadavg"},
        timeout=10,
    )
    scheduler.register(disk_usage, "cron", id="disk-usage", minute="*/5")
    scheduler.register(checksums, "cron", id="checksums", minute="*/10", executor="processes", timeout=300)
    if database is not None:
        scheduler.register(
            back_up, "crontab", "@hourly", id="backup", kwargs={"database": str(database)}, retries=2, timeout=120
        )


def disk_usage() -> None:
    """Shows how full the disks of this machine are."""
    seen = set()
    print(f"{'place':<8} {'size':>10} {'free':>10}  used")
    for place in _PLACES:
        if not Path(place).exists() or (device := Path(place).stat().st_dev) in seen:
            continue
        seen.add(device)
        usage = shutil.disk_usage(place)
        share = usage.used / usage.total if usage.total else 0.0
        print(f"{place:<8} {_gibibytes(usage.total):>10} {_gibibytes(usage.free):>10}  {share:.0%}")


def check_health(url: str) -> None:
    """Asks this demo over HTTP whether it is well."""
    began = time.monotonic()
    with urllib.request.urlopen(url, timeout=5) as answer:
        found = json.load(answer)
    print(f"{url} says {found['status']} after {(time.monotonic() - began) * 1000:.0f} ms")


def back_up(database: str) -> None:
    """Copies the demo's own database with SQLite's online backup; keeps the last five copies."""
    run, source = current_run(), Path(database)
    folder = source.parent / "backups"
    folder.mkdir(exist_ok=True)
    target = folder / f"{source.stem}-{run.scheduled_at:%Y%m%dT%H%M%S}.db"
    with closing(sqlite3.connect(source)) as reading, closing(sqlite3.connect(target)) as writing:
        reading.backup(writing, pages=256, progress=lambda _status, left, total: run.progress(total - left, total))
    copies = sorted(folder.glob(f"{source.stem}-*.db"))
    for old in copies[:-BACKUPS_KEPT]:
        old.unlink()
    print(f"{target} ({target.stat().st_size:,} bytes); {min(len(copies), BACKUPS_KEPT)} copies are kept")


def checksums() -> None:
    """Adds up the SHA-256 checksums of Python's standard library, and shows its progress."""
    run, digest = current_run(), hashlib.sha256()
    library = Path(sysconfig.get_path("stdlib"))
    files = sorted([*library.glob("*.py"), *library.glob("[a-z]*/*.py")])
    for done, file in enumerate(files, 1):
        digest.update(hashlib.sha256(file.read_bytes()).digest())
        run.progress(done, len(files))
        time.sleep(1 / _FILES_A_SECOND)
    print(f"{len(files)} files, {digest.hexdigest()[:16]}")


def fail_now_and_then() -> None:
    """Fails at about every second attempt, and is tried again."""
    run = current_run()
    drawn = hashlib.blake2b(f"{run.scheduled_at:%H:%M} {run.attempt}".encode(), digest_size=1).digest()[0]
    if drawn % 2 == 0:
        raise ConnectionError("the far side hung up (the demo does this on purpose)")
    print(f"attempt {run.attempt} got through")


def _gibibytes(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"
