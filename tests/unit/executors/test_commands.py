"""Jobs that are shell commands."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from gnomon.domain.run import RunState
from gnomon.executors import CommandFailed, CommandsExecutor, Execution, Outcome, ThreadsExecutor, run_command
from tests.unit.executors.jobs import is_alive
from tests.unit.executors.recording import Recorder, eventually, execution, outcome_of, running


def command(text: str, timeout: float | None = None, **kwargs: Any) -> Execution:
    return execution(run_command, timeout=timeout, command=text, **kwargs)


def run(text: str, timeout: float | None = None, **kwargs: Any) -> tuple[Outcome, Recorder]:
    executor = CommandsExecutor(workers=1, grace=0.2)
    with running(executor) as recorder:
        run = command(text, timeout, **kwargs)
        executor.submit([run])
        return recorder.outcome(run), recorder


def test_output_is_kept_line_by_line() -> None:
    outcome, recorder = run("echo one; echo two >&2; printf three")
    assert outcome == Outcome(RunState.SUCCEEDED)
    assert recorder.output("stdout") == "one\nthree"
    assert recorder.output("stderr") == "two\n"


def test_output_is_shown_while_the_command_runs() -> None:
    executor = CommandsExecutor()
    with running(executor) as recorder:
        executor.submit([command("echo begun; sleep 60")])
        recorder.wait_until(lambda: recorder.output("stdout") == "begun\n")


def test_an_exit_code_that_is_not_0_is_a_failure() -> None:
    assert run("exit 3")[0] == Outcome(RunState.FAILED, "exit code 3")


def test_a_signal_is_told_by_name() -> None:
    assert run("kill -SEGV $$")[0] == Outcome(RunState.FAILED, "killed by SIGSEGV")


def test_a_signal_that_the_shell_tells_of_is_told_by_name() -> None:
    outcome, _ = run("sh -c 'kill -KILL $$'; exit $?")
    assert outcome == Outcome(RunState.FAILED, "exit code 137 (killed by SIGKILL)")


def test_the_command_knows_its_run() -> None:
    executor = CommandsExecutor()
    with running(executor) as recorder:
        run = command("echo $GNOMON_RUN_ID $GNOMON_JOB_ID $GNOMON_SCHEDULED_AT $GNOMON_ATTEMPT")
        executor.submit([run])
        recorder.outcome(run)
        assert recorder.output("stdout") == f"{run.run_id} report 2026-03-01T04:30:00+00:00 2\n"


def test_environment_and_directory_can_be_given(tmp_path: Path) -> None:
    _, recorder = run("echo $COLOUR $HOME; pwd", env={"COLOUR": "red", "HOME": "/nowhere"}, cwd=str(tmp_path))
    assert recorder.output("stdout") == f"red /nowhere\n{tmp_path}\n"


def test_there_is_no_input() -> None:
    assert run("cat")[0].state is RunState.SUCCEEDED


@pytest.mark.parametrize(
    ("kwargs", "word"),
    [({"cwd": "/no/such/directory"}, "/no/such/directory"), ({"env": {"a": 1}}, "int"), ({"colour": "red"}, "colour")],
)
def test_a_command_that_cannot_be_started_is_a_failure(kwargs: dict[str, Any], word: str) -> None:
    outcome, _ = run("true", **kwargs)
    assert outcome.state is RunState.FAILED
    assert outcome.error is not None
    assert "could not be started" in outcome.error
    assert word in outcome.error


def test_a_command_with_a_nul_is_a_failure() -> None:
    assert run("echo \0")[0].state is RunState.FAILED


def test_huge_output_is_cut_and_counted() -> None:
    outcome, recorder = run("head -c 3000000 /dev/zero | tr '\\0' x")
    assert outcome.state is RunState.SUCCEEDED
    assert recorder.output("stdout") == "x" * 256 * 1024
    assert recorder.output("log") == f"\n… {3_000_000 - 256 * 1024:,} bytes more were not kept\n"


def test_bytes_that_are_no_text_are_marked() -> None:
    assert run("printf 'a\\377b\\n'")[1].output("stdout") == "a\N{REPLACEMENT CHARACTER}b\n"


def test_a_character_that_comes_in_two_parts_stays_whole() -> None:
    assert run("printf '\\303'; sleep 0.02; printf '\\244\\n'")[1].output("stdout") == "ä\n"


def test_a_command_that_takes_too_long_is_ended() -> None:
    outcome, recorder = run("trap 'echo tidied up; exit' TERM; echo begun; while :; do sleep 0.01; done", timeout=0.1)
    assert outcome == Outcome(RunState.TIMED_OUT, "timed out after 0.1 s")
    assert recorder.output("stdout") == "begun\ntidied up\n"


def test_a_command_that_ignores_the_end_is_killed(tmp_path: Path) -> None:
    pid = tmp_path / "pid"
    outcome, _ = run(f"trap '' TERM; echo $$ >{pid}; while :; do sleep 0.01; done", timeout=1.0)
    assert outcome.state is RunState.TIMED_OUT
    assert eventually(lambda: not is_alive(int(pid.read_text()))), "it goes on, though its run is said to have ended"


def test_what_a_command_has_started_ends_with_it(tmp_path: Path) -> None:
    child = tmp_path / "child"
    executor = CommandsExecutor(grace=0.2)
    with running(executor) as recorder:
        run = command(f"sh -c 'trap \"\" TERM; echo $$ >{child}; echo begun; while :; do sleep 0.01; done' & wait")
        executor.submit([run])
        recorder.wait_until(lambda: recorder.output("stdout") == "begun\n")
        assert is_alive(int(child.read_text()))
        assert executor.cancel(run.run_id)
        assert recorder.outcome(run) == Outcome(RunState.CANCELLED, "cancelled on request")
        assert eventually(lambda: not is_alive(int(child.read_text())))


def test_a_process_left_in_the_background_does_not_hold_up_the_run() -> None:
    outcome, recorder = run("sleep 5 & echo done")
    assert outcome.state is RunState.SUCCEEDED
    assert recorder.output("stdout") == "done\n"


def test_as_many_are_free_as_there_are_idle_slots() -> None:
    executor = CommandsExecutor(workers=2)
    with running(executor) as recorder:
        run = command("sleep 60")
        executor.submit([run])
        assert executor.free() == 1
        assert executor.cancel(run.run_id)
        recorder.outcome(run)
        assert executor.free() == 2


def test_an_ordinary_function_is_refused() -> None:
    outcome = outcome_of(CommandsExecutor(), execution(print))
    assert outcome == Outcome(
        RunState.FAILED, "the executor 'command' runs shell commands only, not the function print"
    )


def test_shutdown_with_waiting_lets_commands_end() -> None:
    executor, recorder = CommandsExecutor(), Recorder()
    executor.start(recorder)
    executor.submit([command("sleep 0.02") for _ in range(3)])
    executor.shutdown(wait=True)
    assert [outcome.state for _, outcome in recorder.ends] == [RunState.SUCCEEDED] * 3


def test_shutdown_without_waiting_ends_commands_and_tells_it() -> None:
    executor, recorder = CommandsExecutor(), Recorder()
    executor.start(recorder)
    executor.submit([command("sleep 60"), command("sleep 60")])
    executor.shutdown(wait=False)
    expected = Outcome(RunState.CANCELLED, "cancelled because Gnomon was shut down")
    assert [outcome for _, outcome in recorder.ends] == [expected, expected]
    late = command("true")
    executor.submit([late])
    assert recorder.outcome(late) == expected


def test_a_command_works_in_another_executor_too() -> None:
    executor = ThreadsExecutor()
    with running(executor) as recorder:
        good, bad = command("echo hello"), command("exit 4")
        executor.submit([good, bad])
        assert recorder.outcome(good).state is RunState.SUCCEEDED
        assert recorder.output("stdout") == "hello\n"
        assert recorder.outcome(bad).error == "gnomon.executors.commands.CommandFailed: exit code 4"


def test_a_command_works_outside_of_a_run_too(tmp_path: Path) -> None:
    run_command(f"echo $COLOUR >{tmp_path}/out", env={"COLOUR": "red"})
    assert (tmp_path / "out").read_text() == "red\n"
    with pytest.raises(CommandFailed, match="exit code 1"):
        run_command("false")
