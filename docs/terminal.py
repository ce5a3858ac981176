"""Draws docs/terminal.svg: what a terminal shows when somebody works on a running demo.

    .venv/bin/python docs/terminal.py

Starts ``gnomon demo`` on a store of its own, types the commands below at a terminal that is ``WIDTH`` columns wide,
and draws what they wrote. Takes about ten seconds.
"""

from __future__ import annotations

import fcntl
import io
import os
import pty
import re
import shlex
import struct
import subprocess
import sys
import termios
import time
from pathlib import Path
from tempfile import TemporaryDirectory

from rich.console import Console
from rich.terminal_theme import SVG_EXPORT_THEME
from rich.text import Text
from running_demo import Demo, running_demo

WIDTH = 112
PICTURE = Path(__file__).with_name("terminal.svg")
#: What is done before the picture begins, and what is seen in it.
BEFORE = ["run disk-usage --wait", "run uptime --wait", 'set uptime crontab "*/3 * * * *" --yes']
SHOWN = ["jobs --state active", "set health-check interval minutes=1"]

_FIRST_RUNS_SECONDS = 16


def main() -> None:
    """Make the picture."""
    with TemporaryDirectory(prefix="gnomon-terminal-") as folder, running_demo(folder) as demo:
        for command in BEFORE:
            _type(command, demo)
        time.sleep(_FIRST_RUNS_SECONDS)
        screen = "\n".join(f"$ gnomon {command}\n{_type(command, demo)}" for command in SHOWN)
    PICTURE.write_text(_drawn(screen), encoding="utf-8")


def _type(command: str, demo: Demo) -> str:
    """What a command writes to a terminal, answered with yes."""
    ours, its = pty.openpty()
    fcntl.ioctl(its, termios.TIOCSWINSZ, struct.pack("HHHH", 40, WIDTH, 0, 0))
    program = [sys.executable, "-m", "gnomon", *shlex.split(command)]
    running = subprocess.Popen(program, cwd=demo.folder, env=demo.environment, stdin=its, stdout=its, stderr=its)
    os.close(its)
    written = b""
    while True:
        try:
            piece = os.read(ours, 65536)
        except OSError:  # how Linux tells the end of a terminal
            break
        written += piece
        if b"[y/N]" in piece:
            os.write(ours, b"y\n")
    os.close(ours)
    if running.wait():
        raise SystemExit(f"gnomon {command} failed:\n{written.decode()}")
    return written.decode().replace("\r\n", "\n")


def _drawn(screen: str) -> str:
    console = Console(record=True, width=WIDTH, file=io.StringIO(), force_terminal=True)
    console.print(Text.from_ansi(screen))
    svg = console.export_svg(title="gnomon", theme=SVG_EXPORT_THEME, unique_id="terminal")
    # The reader's own fonts: a picture that asks another host for one tells that host who reads it.
    return re.sub(r"@font-face\s*\{[^}]*\}\s*", "", svg).replace("Fira Code, monospace", "ui-monospace, monospace")


if __name__ == "__main__":
    main()
