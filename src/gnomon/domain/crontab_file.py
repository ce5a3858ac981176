"""A crontab as text, read with the meaning that cron gives it, as jobs that run commands.

The rules are those of crontab(5) on Debian: lines of ``NAME = value`` are the environment of the lines that follow;
``%`` ends the command, what follows is its standard input, with further ``%`` as line ends, and ``\\%`` is a percent
sign; the system's files name a user after the five fields. ``CRON_TZ`` counts as in cronie: it is the time zone of the
lines that follow.
"""

from __future__ import annotations

import hashlib
import re
import shlex
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from typing import Any

from gnomon.domain.triggers import BaseTrigger, build, ensure_fires
from gnomon.errors import InvalidTrigger

_LONGEST_LINE = 16 * 1024
_MOST_LINES = 10_000
_LONGEST_DESCRIPTION = 500
_LONGEST_SLUG = 32

_VARIABLE = re.compile(r"""\s*(?P<quote>["']?)(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P=quote)\s*=\s*(?P<value>.*?)\s*""")
_MACRO = re.compile(r"(?P<expression>@\S+)(?:\s+(?P<rest>.*))?")
_FIVE_FIELDS = re.compile(r"(?P<expression>\S+(?:\s+\S+){4})(?:\s+(?P<rest>.*))?")
_PERCENT = re.compile(r"(?<!\\)%")

# Words of a command that say nothing about what it does.
_FILLERS = frozenset(
    (
        *("test", "if", "then", "else", "fi", "not", "and", "or", "true", "cd", "dev", "null"),
        *("command", "exec", "nice", "ionice", "sudo", "env", "bin", "sh", "bash"),
    )
)

_SHELL = "/bin/sh"
#: Variables that are cron's own business. Output is kept with each run, so there is no mail.
_FOR_CRON = frozenset({"MAILTO", "MAILFROM", "CRON_TZ", "SHELL", "RANDOM_DELAY"})


@dataclass(frozen=True, slots=True, kw_only=True)
class CrontabJob:
    """A line as a job. ``command`` is what cron would run, ``kwargs`` the arguments of ``run_command`` for that.

    The same line gives the same ``job_id`` wherever it stands. ``warning`` says how it will differ from cron.
    """

    line: int
    job_id: str
    trigger: BaseTrigger
    command: str
    kwargs: Mapping[str, Any]
    description: str
    warning: str = ""


@dataclass(frozen=True, slots=True)
class RefusedLine:
    """A line that cannot become a job, and why."""

    line: int
    text: str
    reason: str


@dataclass(frozen=True, slots=True)
class CrontabFile:
    """What was found, in the order of the lines."""

    jobs: tuple[CrontabJob, ...]
    refused: tuple[RefusedLine, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class CrontabOrigin:
    """Where a crontab comes from. ``user`` is whose it is, and who asks; ``home`` the directory that its commands
    start in. In a ``system`` file each line names its own user."""

    name: str
    user: str
    home: str | None
    system: bool = False


def parse(text: str, origin: CrontabOrigin, *, timezone: str | tzinfo, now: datetime) -> CrontabFile:
    """Read a crontab. A line that cannot be used is reported, and the others go on. Never raises."""
    reader = _Reader(origin, timezone, now)
    for number, line in enumerate(text.splitlines()[:_MOST_LINES], 1):
        reader.read(number, line)
    return CrontabFile(tuple(reader.jobs), tuple(reader.refused))


class _Reader:
    def __init__(self, origin: CrontabOrigin, timezone: str | tzinfo, now: datetime) -> None:
        self.jobs: list[CrontabJob] = []
        self.refused: list[RefusedLine] = []
        self._origin = origin
        self._timezone = timezone
        self._now = now
        self._environment: dict[str, str] = {}
        self._lines: dict[str, int] = {}

    def read(self, number: int, text: str) -> None:
        stripped = text.strip()
        if not stripped or stripped.startswith("#"):
            return
        variable = _VARIABLE.fullmatch(text)
        if variable is not None:
            self._environment[variable["name"]] = _unquoted(variable["value"])
            return
        try:
            self._add(self._job(number, stripped))
        except _Unusable as error:
            self.refused.append(RefusedLine(number, stripped[:200], str(error)))
        except InvalidTrigger as error:
            # What would have been right follows after a semicolon; here one line shall do.
            reason = error.allowed.partition(";")[0]
            self.refused.append(RefusedLine(number, stripped[:200], f"{error.field}: {reason}"))

    def _add(self, job: CrontabJob) -> None:
        first = self._lines.setdefault(job.job_id, job.line)
        if first != job.line:
            raise _Unusable(f"it is the same as line {first}")
        self.jobs.append(job)

    def _job(self, number: int, text: str) -> CrontabJob:
        if len(text) > _LONGEST_LINE or "\0" in text:
            raise _Unusable(f"it is longer than {_LONGEST_LINE} characters, or holds a NUL")
        expression, user, command = self._parts(text)
        args = {"expression": expression, "timezone": self._environment.get("CRON_TZ")}
        trigger = build("crontab", args, timezone=self._timezone, now=self._now)
        ensure_fires(trigger, now=self._now)
        is_own = user == self._origin.user
        warning = "" if is_own else f"cron runs it as {user}; here it runs as the user of the node"
        job = CrontabJob(
            line=number,
            job_id=f"{_slug(command)}-{_digest(expression, user, command)}",
            trigger=trigger,
            command=command,
            kwargs=self._arguments(command, is_own=is_own),
            description="",
            warning=warning,
        )
        notes = f"; {warning}" if warning else ""
        description = f"{self._origin.name}, line {number}: {command}"
        return replace(job, description=description[: _LONGEST_DESCRIPTION - len(notes)] + notes)

    def _parts(self, text: str) -> tuple[str, str, str]:
        found = (_MACRO if text.startswith("@") else _FIVE_FIELDS).fullmatch(text)
        if found is None:
            raise _Unusable("it has not five fields and a command")
        if found["expression"].lower() == "@reboot":
            raise _Unusable("@reboot is no time; start it as a service, or call it where the program starts")
        expression, command, user = " ".join(found["expression"].split()), found["rest"] or "", self._origin.user
        if self._origin.system:
            user, command = (*command.split(maxsplit=1), "", "")[:2]
        if not command:
            raise _Unusable("it has no user and command" if self._origin.system else "it has no command")
        return expression, user, command

    def _arguments(self, command: str, *, is_own: bool) -> dict[str, Any]:
        environment = {name: value for name, value in self._environment.items() if name not in _FOR_CRON}
        arguments: dict[str, Any] = {"command": _shell_command(command, self._environment.get("SHELL", _SHELL))}
        if environment:
            arguments["env"] = environment
        # Another user's home may be closed to the one who runs it.
        directory = self._environment.get("HOME") or (self._origin.home if is_own else None)
        if directory:
            arguments["cwd"] = directory
        return arguments


class _Unusable(Exception):
    """The message says why."""


def _unquoted(value: str) -> str:
    if len(value) >= 2 and value[0] == value[-1] and value[0] in "\"'":
        return value[1:-1]
    return value


def _shell_command(command: str, shell: str) -> str:
    """What ``/bin/sh -c`` has to be given to do what cron does with the rest of a line."""
    code, *inputs = (part.replace("\\%", "%") for part in _PERCENT.split(command))
    if shell not in {_SHELL, "sh"}:
        code = f"{shlex.quote(shell)} -c {shlex.quote(code)}"
    if not inputs:
        return code
    given = "".join(f"{line}\n" for line in inputs)
    # On lines of its own, so that a comment or a here-document at the end of the command cannot swallow the brace.
    return f"printf %s {shlex.quote(given)} | {{\n{code}\n}}"


def _digest(*parts: str) -> str:
    return hashlib.blake2b("\0".join(parts).encode(), digest_size=3).hexdigest()


def _slug(command: str) -> str:
    """The telling words of a command: ``/usr/local/bin/backup.sh --full >/dev/null`` → ``backup-sh``."""
    words: list[str] = []
    for word in re.split(r"[\s|&;(){}\[\]<>\"'`$!]+", _PERCENT.split(command)[0]):
        if word.startswith("-") or "=" in word:
            continue
        plain = unicodedata.normalize("NFKD", word.rpartition("/")[2].lower()).encode("ascii", "ignore").decode()
        name = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")
        if len(name) > 1 and not name.isdigit() and name not in _FILLERS and name not in words:
            words.append(name)
    slug = ""
    for word in words:
        if slug and len(slug) + len(word) >= _LONGEST_SLUG:
            break
        slug = f"{slug}-{word}" if slug else word[:_LONGEST_SLUG]
    return slug or "command"
