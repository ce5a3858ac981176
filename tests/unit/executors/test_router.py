"""What jobs print and log goes to their runs, and still to where it went before."""

from __future__ import annotations

import contextlib
import io
import logging
import sys
import threading
from collections.abc import Callable, Iterator
from contextvars import Context
from typing import Any

import pytest

from gnomon.executors import router
from gnomon.executors.attempt import HERE, Attempt
from tests.unit.executors.recording import Recorder, execution


@pytest.fixture
def installed() -> Iterator[None]:
    router.install()
    yield
    router.remove()


def run_of(recorder: Recorder) -> tuple[Attempt, Context]:
    """An attempt, and the context of its code."""
    router.ensure()  # pytest has replaced the streams since the fixture was made
    attempt = Attempt(execution(print), recorder)
    context = Context()
    context.run(HERE.set, attempt)
    return attempt, context


def inside_a_run(job: Callable[[], Any]) -> Recorder:
    recorder = Recorder()
    attempt, context = run_of(recorder)
    context.run(job)
    attempt.close()
    return recorder


@pytest.mark.usefixtures("installed")
def test_what_a_job_prints_is_kept_and_shown(capsys: pytest.CaptureFixture[str]) -> None:
    def job() -> None:
        print("to", "stdout")
        print("to stderr", file=sys.stderr)
        sys.stdout.writelines(["a\n", "b\n"])

    recorder = inside_a_run(job)
    assert recorder.writes == [
        ("stdout", "to stdout\n"),
        ("stderr", "to stderr\n"),
        ("stdout", "a\nb\n"),
    ]
    assert capsys.readouterr() == ("to stdout\na\nb\n", "to stderr\n")


def test_what_others_print_meanwhile_is_left_alone(capsys: pytest.CaptureFixture[str], installed: None) -> None:
    def job() -> None:
        thread = threading.Thread(target=print, args=("not the job",))
        thread.start()
        thread.join()

    recorder = inside_a_run(job)
    print("nobody's")
    assert recorder.writes == []
    assert capsys.readouterr().out == "not the job\nnobody's\n"


def test_streams_are_put_back_when_the_last_leaves(capsys: pytest.CaptureFixture[str]) -> None:
    before = sys.stdout, sys.stderr, logging.getLogRecordFactory()
    router.install()
    router.install()
    router.remove()
    assert sys.stdout is not before[0]
    router.remove()
    assert (sys.stdout, sys.stderr, logging.getLogRecordFactory()) == before


def test_a_stream_that_somebody_put_in_place_meanwhile_stays() -> None:
    router.install()
    theirs = io.StringIO()
    with contextlib.redirect_stdout(theirs):
        router.remove()
        assert sys.stdout is theirs
    # redirect_stdout puts back what it found: our stream, which only passes on now.
    print("works")
    router.install()
    router.remove()
    assert "Gnomon" not in repr(sys.stdout)


def test_streams_that_were_replaced_are_wrapped_again(installed: None) -> None:
    theirs = io.StringIO()
    with contextlib.redirect_stdout(theirs):
        router.ensure()
        recorder = inside_a_run(lambda: print("kept"))
    assert recorder.output("stdout") == theirs.getvalue() == "kept\n"


def test_the_streams_behave_like_those_they_stand_for(installed: None, tmp_path: Any) -> None:
    with open(tmp_path / "out", "w", encoding="latin-1") as file, contextlib.redirect_stdout(file):
        router.ensure()
        assert sys.stdout.fileno() == file.fileno()
        assert sys.stdout.encoding == "latin-1"
        assert sys.stdout.isatty() is False
        assert sys.stdout.write("abc") == 3
        assert sys.stdout.buffer is file.buffer
        with pytest.raises(TypeError):
            sys.stdout.write(b"bytes")  # type: ignore[arg-type]
        sys.stdout.flush()
    assert (tmp_path / "out").read_text() == "abc"


def test_a_program_without_standard_streams_keeps_output_all_the_same(
    installed: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdout", None)
    router.ensure()
    assert inside_a_run(lambda: print("kept")).output("stdout") == "kept\n"
    assert not sys.stdout.isatty()
    with pytest.raises(OSError, match="fileno"):
        sys.stdout.fileno()


def test_flush_tells_an_unfinished_line(installed: None) -> None:
    def job() -> None:
        print("working", end="", flush=True)
        assert recorder.writes == [("stdout", "working")]

    recorder = Recorder()
    _, context = run_of(recorder)
    context.run(job)


def test_dots_that_are_flushed_one_by_one_are_told_together(installed: None) -> None:
    def job() -> None:
        for _ in range(1000):
            print(".", end="", flush=True)

    recorder = inside_a_run(job)
    assert recorder.output("stdout") == "." * 1000
    assert len(recorder.writes) < 100


def test_a_line_that_was_held_back_is_told_soon(installed: None) -> None:
    recorder = Recorder()
    _, context = run_of(recorder)
    context.run(print, "a", end="", flush=True)
    context.run(print, "b", end="", flush=True)
    recorder.wait_until(lambda: recorder.output("stdout") == "ab")


def test_what_a_job_logs_is_kept_with_time_level_and_traceback(installed: None) -> None:
    def job() -> None:
        logging.getLogger("shop").warning("%d orders", 3)
        try:
            raise KeyError("basket")
        except KeyError:
            logging.getLogger("shop").exception("lost")

    log = inside_a_run(job).output("log")
    first, second, *trace = log.splitlines()
    assert first[2] == first[5] == ":"
    assert first[8:] == " WARNING shop: 3 orders"
    assert second[8:] == " ERROR shop: lost"
    assert trace[0].startswith("Traceback")
    assert trace[-1] == "KeyError: 'basket'"


def test_a_record_below_the_level_of_its_logger_is_not_kept(installed: None) -> None:
    assert inside_a_run(lambda: logging.getLogger("shop").debug("detail")).writes == []


def test_a_record_with_arguments_that_do_not_fit_does_no_harm(installed: None, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(logging, "raiseExceptions", False)
    log = inside_a_run(lambda: logging.getLogger("shop").warning("%d", "three")).output("log")
    assert log.endswith("WARNING shop: %d\n")


def test_a_record_that_a_handler_shows_is_kept_once(installed: None, capsys: pytest.CaptureFixture[str]) -> None:
    logger = logging.getLogger("shown")
    router.ensure()

    def job() -> None:
        handler = logging.StreamHandler()  # made in the job, so it writes to our stream
        logger.addHandler(handler)
        logger.warning("seen once")
        logger.removeHandler(handler)
        print("still printed", file=sys.stderr)

    recorder = inside_a_run(job)
    assert recorder.output("log").count("seen once") == 1
    assert recorder.output("stderr") == "still printed\n"
    assert "seen once" in capsys.readouterr().err


def test_a_record_is_kept_once_where_others_have_wrapped_the_factory(installed: None) -> None:
    ours = logging.getLogRecordFactory()
    logging.setLogRecordFactory(lambda *args, **kwargs: ours(*args, **kwargs))
    try:
        router.remove()
        router.install()
        log = inside_a_run(lambda: logging.getLogger("shop").warning("once")).output("log")
    finally:
        logging.setLogRecordFactory(ours)
    assert log.count("once") == 1


def test_nothing_is_kept_of_what_leftovers_of_a_job_print(installed: None) -> None:
    recorder = Recorder()
    attempt, context = run_of(recorder)
    attempt.close()
    context.run(print, "late")
    assert recorder.writes == []
