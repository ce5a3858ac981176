"""Jobs that are shell commands."""

from __future__ import annotations

import codecs
import contextlib
import os
import select
import selectors
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC
from time import monotonic
from typing import IO

from gnomon.errors import GnomonError
from gnomon.executors import outcomes
from gnomon.executors.attempt import HERE, Attempt
from gnomon.executors.contract import Execution, Outcome
from gnomon.executors.output import OUTPUT_LIMIT
from gnomon.executors.process_group import GRACE, signal_group, signal_name
from gnomon.executors.slots import Slot, SlotsExecutor

_CHUNK = 64 * 1024
_LONGEST_PAUSE = 3600.0
_LOOK = 0.05  # seconds; only where the system cannot tell us that a process has ended


class CommandFailed(GnomonError):
    """The command ended with an exit code that is not 0, or by a signal."""


def run_command(command: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> None:
    """The function of every command job: runs ``command`` with ``/bin/sh``.

    ``env`` is added to the environment, with ``GNOMON_RUN_ID``, ``GNOMON_JOB_ID``, ``GNOMON_SCHEDULED_AT`` (ISO
    8601, UTC) and ``GNOMON_ATTEMPT``. There is no input. What the command writes is kept with the run.

    The executor ``command`` recognises this function and adds what only it can: timeouts and cancelling. Called in
    another executor, or without a run, it runs the command to its end. Raises ``CommandFailed``.
    """
    attempt = HERE.get()
    if attempt is None:
        code = subprocess.run(
            ["/bin/sh", "-c", command], env={**os.environ, **(env or {})}, cwd=cwd, stdin=subprocess.DEVNULL
        ).returncode
    else:
        # In the session of this process, so that it ends with it.
        with _Command(attempt, command, env, cwd, is_leader=False) as running:
            code = running.follow(lambda: None, None)
    if code:
        raise CommandFailed(_exit_in_words(code))


class CommandsExecutor(SlotsExecutor):
    """Runs up to ``workers`` commands at once, each as the leader of a session of its own.

    The run ends when the shell ends. Processes that a command leaves in the background then live on, but what they
    write is no longer read: they should write to a file. On timeout, cancel and shutdown they are ended with it.
    ``grace`` is the time in seconds between SIGTERM and SIGKILL.
    """

    def __init__(self, workers: int = 8, *, grace: float = GRACE, output_limit: int = OUTPUT_LIMIT) -> None:
        super().__init__("command", workers, grace=grace, output_limit=output_limit)

    def make_slot(self) -> Slot:
        return _CommandSlot(self._grace)


class _CommandSlot(Slot):
    def __init__(self, grace: float) -> None:
        super().__init__()
        self._grace = grace

    def run(self, attempt: Attempt) -> Outcome:
        execution = attempt.execution
        if execution.func is not run_command:
            name = getattr(execution.func, "__qualname__", repr(execution.func))
            return outcomes.failed(f"the executor 'command' runs shell commands only, not the function {name}")
        try:
            running = _start(attempt, *execution.args, **execution.kwargs)
        except (OSError, ValueError, TypeError) as error:
            return outcomes.failed(f"the command could not be started: {error}", error)
        with running:
            return self._follow(attempt, running)

    def _follow(self, attempt: Attempt, running: _Command) -> Outcome:
        timeout = attempt.execution.timeout
        deadline = None if timeout is None else monotonic() + timeout
        ended: list[Outcome] = []

        def look() -> float | None:
            """Called between reads: ends the command where it is time for that, and says when to look again."""
            self.woken()
            now = monotonic()
            if ended:
                return running.urge(now)
            if attempt.cancel_reason is not None:
                ended.append(outcomes.cancelled(attempt.cancel_reason))
            elif deadline is not None and timeout is not None and now >= deadline:
                ended.append(outcomes.timed_out(timeout))
            else:
                return deadline
            running.terminate(now + self._grace)
            return now + self._grace

        code = running.follow(look, self._wake_reader)
        if ended:
            return ended[0]
        return outcomes.failed(_exit_in_words(code)) if code else outcomes.succeeded()


def _start(attempt: Attempt, command: str, env: Mapping[str, str] | None = None, cwd: str | None = None) -> _Command:
    return _Command(attempt, command, env, cwd, is_leader=True)


class _Command:
    """A shell at work, from its start until it has been waited for."""

    def __init__(
        self, attempt: Attempt, command: str, env: Mapping[str, str] | None, cwd: str | None, *, is_leader: bool
    ) -> None:
        self._output = attempt.output
        self._kill_at: float | None = None
        self._process = subprocess.Popen(
            ["/bin/sh", "-c", command],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            cwd=cwd,
            env={**os.environ, **(env or {}), **_about(attempt.execution)},
            start_new_session=is_leader,
        )
        assert self._process.stdout is not None
        assert self._process.stderr is not None
        self._streams = (_Stream("stdout", self._process.stdout), _Stream("stderr", self._process.stderr))

    def __enter__(self) -> _Command:
        return self

    def __exit__(self, *_: object) -> None:
        for stream in self._streams:
            stream.pipe.close()
        if self._process.poll() is None:  # we are on our way out of an error
            self._process.kill()
            self._process.wait()

    def terminate(self, kill_at: float) -> None:
        """Ask everything in the command's session to end, and remember when to stop asking."""
        self._kill_at = kill_at
        signal_group(self._process.pid, signal.SIGTERM)

    def urge(self, now: float) -> float | None:
        """Kill what has not ended by then."""
        if self._kill_at is not None and now >= self._kill_at:
            signal_group(self._process.pid, signal.SIGKILL)
            return None
        return self._kill_at

    def follow(self, look: Callable[[], float | None], wake: int | None) -> int:
        """Read its output until it ends; the exit code.

        ``look`` is called whenever something happened, or the time came that it named before (``monotonic``).
        """
        with selectors.DefaultSelector() as selector, _Ending(self._process) as ending:
            for stream in self._streams:
                os.set_blocking(stream.pipe.fileno(), False)
                selector.register(stream.pipe, selectors.EVENT_READ, stream)
            for descriptor in (wake, ending.descriptor):
                if descriptor is not None:
                    selector.register(descriptor, selectors.EVENT_READ)
            while not ending.has_come():
                at = look()
                pause = ending.longest_pause if at is None else min(at - monotonic(), ending.longest_pause)
                for key, _ in selector.select(max(0.0, pause)):
                    if isinstance(key.data, _Stream) and not self._read(key.data):
                        selector.unregister(key.fileobj)
        if self._kill_at is not None:
            # The shell is gone but not waited for, so the group is still its own: nothing of it shall outlive this.
            signal_group(self._process.pid, signal.SIGKILL)
        for stream in self._streams:
            self._drain(stream)
        return self._process.wait()

    def _drain(self, stream: _Stream) -> None:
        # Not until the end of file: a background process may hold the pipe open, and write for ever.
        for _ in range(64):
            if not self._read(stream, is_last=True):
                break
        self._output.write(stream.name, stream.decoder.decode(b"", final=True))

    def _read(self, stream: _Stream, *, is_last: bool = False) -> bool:
        """Pass on what there is to read; ``False`` at the end of file (or when nothing is there, and this is last)."""
        try:
            data = os.read(stream.pipe.fileno(), _CHUNK)
        except BlockingIOError:
            return not is_last
        if self._output.is_full:
            self._output.skip(len(data))
        else:
            self._output.write(stream.name, stream.decoder.decode(data))
        return bool(data)


class _Ending:
    """Tells when a process has ended, where possible without waiting for it: until then its group is surely its own."""

    def __init__(self, process: subprocess.Popen[bytes]) -> None:
        self._process = process
        self.descriptor: int | None = None
        if sys.platform == "linux":
            with contextlib.suppress(OSError):  # an old kernel, or a sandbox that forbids it
                self.descriptor = os.pidfd_open(process.pid)
        self.longest_pause = _LOOK if self.descriptor is None else _LONGEST_PAUSE

    def __enter__(self) -> _Ending:
        return self

    def __exit__(self, *_: object) -> None:
        if self.descriptor is not None:
            os.close(self.descriptor)

    def has_come(self) -> bool:
        if self.descriptor is None:
            return self._process.poll() is not None
        return bool(select.select([self.descriptor], [], [], 0)[0])


class _Stream:
    def __init__(self, name: str, pipe: IO[bytes]) -> None:
        self.name = name
        self.pipe = pipe
        self.decoder = codecs.getincrementaldecoder("utf-8")("replace")


def _about(execution: Execution) -> dict[str, str]:
    return {
        "GNOMON_RUN_ID": str(execution.run_id),
        "GNOMON_JOB_ID": execution.job_id,
        "GNOMON_SCHEDULED_AT": execution.scheduled_at.astimezone(UTC).isoformat(),
        "GNOMON_ATTEMPT": str(execution.attempt),
    }


def _exit_in_words(code: int) -> str:
    if code < 0:
        return f"killed by {signal_name(-code)}"
    if code > 128 and code - 128 in signal.valid_signals():  # how a shell tells that its last command was killed
        return f"exit code {code} (killed by {signal_name(code - 128)})"
    return f"exit code {code}"
