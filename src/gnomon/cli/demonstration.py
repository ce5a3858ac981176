"""The jobs of ``gnomon demo``: real work on the machine that it runs on."""

from __future__ import annotations

import hashlib
import itertools
import json
import shutil
import sqlite3
import ssl
import sysconfig
import tempfile
import time
import urllib.request
from collections.abc import Mapping
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from gnomon.executors import current_run, run_command
from gnomon.scheduler import Scheduler

BACKUPS_KEPT = 5

_PLACES = ("/", "/home", "/var", "/tmp")
#: The checksums are made at this pace, so that the machine stays free for others and there is a progress to be seen.
_FILES_A_SECOND = 60
_MOST_FILES = 100_000
_A_WEEK, _A_YEAR = 7 * 86400, 365 * 86400


def declare_jobs(scheduler: Scheduler, *, address: str, database: Path | None) -> None:
    """Declare them. ``address`` is where this demo answers, ``database`` the file of its store, if it is one."""
    scheduler.register(
        check_health, "interval", id="health-check", seconds=15, kwargs={"url": f"{address}/health"}, timeout=10
    )
    scheduler.register(fail_now_and_then, "interval", id="flaky", minutes=1, retries=1, retry_delay=5)
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
    scheduler.register(certificates, "cron", id="certificates", hour=6, minute=15)
    scheduler.register(old_files, "crontab", "0 8 * * 1-5", id="old-files", executor="processes", timeout=60)
    if database is not None:
        scheduler.register(
            back_up, "crontab", "@hourly", id="backup", kwargs={"database": str(database)}, retries=2, timeout=120
        )
        scheduler.register(
            check_store, "crontab", "30 3 * * *", id="store-check", kwargs={"database": str(database)}, timeout=300
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


def check_store(database: str) -> None:
    """Lets SQLite look for damage in the demo's own database."""
    with closing(sqlite3.connect(database)) as reading:
        found = [row[0] for row in reading.execute("PRAGMA quick_check")]
        pages, free = (reading.execute(f"PRAGMA {name}").fetchone()[0] for name in ("page_count", "freelist_count"))
    if found != ["ok"]:
        raise RuntimeError(f"{database} is damaged: {found[0]}")
    print(f"{database} is sound: {pages:,} pages, {free:,} of them free")


def certificates() -> None:
    """Tells which of the certificates that this machine trusts end within a year."""
    trusted = ssl.create_default_context().get_ca_certs()
    ends = sorted((ssl.cert_time_to_seconds(str(each["notAfter"])), _subject(each)) for each in trusted)
    soon = [(end, subject) for end, subject in ends if end < time.time() + _A_YEAR]
    for end, subject in soon:
        print(f"{time.strftime('%Y-%m-%d', time.gmtime(end))}  {subject}")
    print(f"{len(trusted)} certificates, {len(soon)} of which end within a year")


def old_files() -> None:
    """Adds up what lies in the folder for temporary files, and how much of that nobody has touched for a week."""
    folder, now = Path(tempfile.gettempdir()), time.time()
    sizes, old = [], []
    for file in itertools.islice(folder.rglob("*"), _MOST_FILES):
        with suppress(OSError):  # gone meanwhile, or not for this user's eyes
            stat = file.lstat()
            sizes.append(stat.st_size)
            if now - stat.st_mtime > _A_WEEK:
                old.append(stat.st_size)
    print(f"{folder}: {len(sizes):,} files, {_gibibytes(sum(sizes))}")
    print(f"untouched for a week: {len(old):,} files, {_gibibytes(sum(old))}")


def checksums() -> None:
    """Adds up the SHA-256 checksums of Python's standard library, and shows its progress."""
    run, total = current_run(), hashlib.sha256()
    library = Path(sysconfig.get_path("stdlib"))
    found = [*library.glob("*.py"), *library.glob("[a-z]*/*.py")]
    done = 0
    for folder, files in itertools.groupby(
        sorted(found, key=lambda file: (file.parent, file)), lambda file: file.parent
    ):
        digest, before = hashlib.sha256(), done
        for file in files:
            digest.update(hashlib.sha256(file.read_bytes()).digest())
            done += 1
            run.progress(done, len(found))
            time.sleep(1 / _FILES_A_SECOND)
        total.update(digest.digest())
        print(f"{digest.hexdigest()[:16]}  {done - before:>4} files  {folder.relative_to(library.parent)}", flush=True)
    print(f"{total.hexdigest()[:16]}  {done:>4} files in all")


def fail_now_and_then() -> None:
    """Fails at about every second attempt, and is tried once more."""
    run = current_run()
    drawn = hashlib.blake2b(f"{run.scheduled_at:%H:%M:%S} {run.attempt}".encode(), digest_size=1).digest()[0]
    if drawn % 2 == 0:
        raise ConnectionError("the far side hung up (the demo does this on purpose)")
    print(f"attempt {run.attempt} got through")


def _subject(certificate: Mapping[str, Any]) -> str:
    """The name that people know it by."""
    names = dict(pair for part in certificate["subject"] for pair in part)
    return str(names.get("commonName") or names.get("organizationName") or "without a name")


def _gibibytes(size: int) -> str:
    return f"{size / 1024**3:.1f} GiB"
