"""What people see: a real terminal, of a certain width, with somebody who types."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import select
import struct
import sys
import termios
import time
from pathlib import Path

import pytest

from tests.cli.conftest import SOURCE, process, reading
from tests.processes import wait_until

_SEQUENCES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


class Terminal:
    """A command on a pseudo-terminal."""

    def __init__(self, *arguments: str, columns: int, cwd: Path, **environment: str) -> None:
        self.seen = ""
        self._pid, self._descriptor = pty.fork()
        if self._pid == 0:
            os.chdir(cwd)
            variables = {**os.environ, "PYTHONPATH": SOURCE, "TERM": "xterm-256color", **environment}
            os.execve(sys.executable, [sys.executable, "-m", "gnomon", *arguments], variables)
        fcntl.ioctl(self._descriptor, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))

    def wait_for(self, text: str) -> None:
        """Until it is on the screen."""
        deadline = time.monotonic() + 60
        while text not in self.plain:
            assert time.monotonic() < deadline, self.plain
            assert self._read(), f"it ended without {text!r}: {self.plain}"

    def type(self, text: str) -> None:
        """As if typed, with the return key."""
        os.write(self._descriptor, text.encode() + b"\n")

    def end(self) -> int:
        """The exit code."""
        while self._read():
            pass
        _, status = os.waitpid(self._pid, 0)
        os.close(self._descriptor)
        return os.waitstatus_to_exitcode(status)

    @property
    def plain(self) -> str:
        """What was written, without colours and movements."""
        return _SEQUENCES.sub("", self.seen).replace("\r\n", "\n")

    def _read(self) -> bool:
        ready, _, _ = select.select([self._descriptor], [], [], 60)
        assert ready, f"nothing more came: {self.plain}"
        try:
            data = os.read(self._descriptor, 65536)
        except OSError:  # how Linux tells the end of a terminal
            return False
        self.seen += data.decode(errors="replace")
        return bool(data)


# Python warns of a fork in a process with threads; the child does nothing but become another program.
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


@pytest.mark.parametrize("columns", [80, 120])
def test_tables_fit_the_terminal(store: str, tmp_path: Path, columns: int) -> None:
    for command in (["jobs"], ["show", "nightly"], ["set", "--help"]):
        terminal = Terminal(*command, "--store", store, columns=columns, cwd=tmp_path)
        assert terminal.end() == 0
        assert max(len(line) for line in terminal.plain.splitlines()) <= columns
        assert "\x1b[" in terminal.seen


def test_no_color_means_no_colour(store: str, tmp_path: Path) -> None:
    terminal = Terminal("jobs", "--store", store, columns=80, cwd=tmp_path, NO_COLOR="1")
    terminal.end()
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", terminal.seen)
    assert "● active" in terminal.plain


@pytest.mark.parametrize(("answer", "code", "minute"), [("y", 0, "45"), ("", 1, "30"), ("no", 1, "30")])
def test_set_asks_and_only_yes_changes(store: str, tmp_path: Path, answer: str, code: int, minute: str) -> None:
    arguments = ["set", "nightly", "cron", "hour=3", "minute=45", "--store", store]
    terminal = Terminal(*arguments, columns=80, cwd=tmp_path)
    terminal.wait_for("Change nightly? [y/N]")
    assert "BEFORE" in terminal.plain
    terminal.type(answer)
    assert terminal.end() == code
    assert ("nothing was changed" in terminal.plain) == (code == 1)
    with reading(store) as scheduler:
        assert scheduler.get_job("nightly")["trigger_args"]["minute"] == minute


def test_a_change_by_somebody_else_while_the_question_stands_is_not_overwritten(store: str, tmp_path: Path) -> None:
    arguments = ["set", "nightly", "cron", "hour=3", "minute=45", "--store", store]
    terminal = Terminal(*arguments, columns=80, cwd=tmp_path)
    terminal.wait_for("[y/N]")
    with reading(store) as scheduler:
        scheduler.change_job("nightly", trigger="cron", trigger_args={"hour": 9})
    terminal.type("y")
    assert terminal.end() == 1
    assert "since you looked at it" in terminal.plain
    with reading(store) as scheduler:
        assert scheduler.get_job("nightly")["trigger_args"]["hour"] == "9"


def test_ctrl_c_at_the_question_changes_nothing(store: str, tmp_path: Path) -> None:
    arguments = ["pause", "nightly", "--store", store]
    terminal = Terminal("set", "nightly", "cron", "hour=4", "--store", store, columns=80, cwd=tmp_path)
    terminal.wait_for("[y/N]")
    terminal.type("\x03")
    assert terminal.end() == 130
    assert "Traceback" not in terminal.plain
    assert arguments  # the store is free for the next one
    assert Terminal(*arguments, columns=80, cwd=tmp_path).end() == 0


def test_a_run_shows_its_progress_and_its_streams(tmp_path: Path) -> None:
    (tmp_path / "app.py").write_text(
        "import sys, time\nfrom gnomon import Scheduler, current_run\nscheduler = Scheduler('sqlite:///jobs.db')\n"
        "@scheduler.job('cron', hour=3)\n"
        "def slow():\n"
        "    print('begin \\x1b[31m')\n"
        "    print('careful', file=sys.stderr)\n"
        "    for done in range(20):\n"
        "        current_run().progress(done + 1, 20)\n"
        "        time.sleep(0.1)\n"
    )
    with process("node", "app.py", cwd=tmp_path):
        wait_until((tmp_path / "jobs.db").exists)
        wait_until(lambda: _is_stored(tmp_path))
        terminal = Terminal("run", "slow", "--wait", "--store", "jobs.db", columns=80, cwd=tmp_path)
        terminal.wait_for("/20")
        assert terminal.end() == 0
    assert "━" in terminal.plain
    assert "│ begin \\x1b[31m" in terminal.plain
    assert "err │ careful" in terminal.plain
    assert "✓ succeeded  run 1 of slow, in 2" in terminal.plain


def _is_stored(folder: Path) -> bool:
    with reading(f"sqlite:///{folder}/jobs.db") as scheduler:
        return bool(scheduler.get_all_jobs())
