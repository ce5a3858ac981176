"""A crontab as text, read with the meaning that cron gives it."""

from __future__ import annotations

import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.crontab_file import CrontabFile, CrontabJob, CrontabOrigin, parse
from gnomon.domain.triggers import describe

NOW = datetime(2026, 1, 1, tzinfo=UTC)
OWN = CrontabOrigin(name="crontab -l", user="ada", home="/home/ada")
SYSTEM = CrontabOrigin(name="/etc/crontab", user="ada", home="/home/ada", system=True)


def read(text: str, origin: CrontabOrigin = OWN) -> CrontabFile:
    return parse(text, origin, timezone="Europe/Berlin", now=NOW)


def only(text: str, origin: CrontabOrigin = OWN) -> CrontabJob:
    found = read(text, origin)
    assert found.refused == ()
    (job,) = found.jobs
    return job


def test_a_line_is_a_trigger_and_a_command() -> None:
    job = only("  30  4 1,15 *\t5   backup --full  # of everything")
    assert describe(job.trigger).args == {"expression": "30 4 1,15 * 5", "timezone": "Europe/Berlin"}
    assert job.command == "backup --full  # of everything"
    assert job.kwargs == {"command": "backup --full  # of everything", "cwd": "/home/ada"}
    assert job.description == "crontab -l, line 1: backup --full  # of everything"


def test_comments_and_empty_lines_are_passed_over() -> None:
    found = read("# a comment\n\n   # another\n\t\n0 0 * * * x\n")
    assert [job.line for job in found.jobs] == [5]
    assert found.refused == ()


@pytest.mark.parametrize("macro", ["@yearly", "@annually", "@monthly", "@weekly", "@daily", "@midnight", "@hourly"])
def test_macros_stand_for_five_fields(macro: str) -> None:
    assert describe(only(f"{macro} x").trigger).args["expression"] == macro


def test_variables_are_the_environment_of_the_lines_below_them() -> None:
    first, second = read("0 0 * * * one\nA=1\n B = \"two words\" \nC='x'\nD=\n0 0 * * * two\n").jobs
    assert "env" not in first.kwargs
    assert second.kwargs["env"] == {"A": "1", "B": "two words", "C": "x", "D": ""}


def test_what_only_cron_understands_is_no_variable_of_the_command() -> None:
    assert "env" not in only("MAILTO=ada\nSHELL=/bin/sh\n0 0 * * * x").kwargs


def test_home_is_where_the_command_starts() -> None:
    assert only("HOME=/srv\n0 0 * * * x").kwargs["cwd"] == "/srv"


def test_another_shell_gets_the_command() -> None:
    assert only("SHELL=/bin/bash\n0 0 * * * echo 'a b'").kwargs["command"] == "/bin/bash -c 'echo '\"'\"'a b'\"'\"''"


def test_cron_tz_is_the_zone_of_the_lines_below_it() -> None:
    assert describe(only("CRON_TZ=Asia/Tokyo\n0 0 * * * x").trigger).timezone == "Asia/Tokyo"


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("echo one", "one\n"),
        ("date -d @0 -u +\\%Y-\\%m", "1970-01\n"),
        ("cat%first%second", "first\nsecond\n"),
        ("cat # to nobody%hello", "hello\n"),
        ("cat%%", "\n\n"),
        ("cat%100\\%", "100%\n"),
        ('cat%it\'s "quoted" $HOME', 'it\'s "quoted" $HOME\n'),
        ("cat >&2; exit 3%lost", ""),
    ],
)
def test_percent_signs_mean_what_they_mean_to_cron(line: str, expected: str, tmp_path: Path) -> None:
    command = only(f"* * * * * {line}").kwargs["command"]
    done = subprocess.run(["/bin/sh", "-c", command], capture_output=True, text=True, cwd=tmp_path)
    assert done.stdout == expected
    assert done.returncode == (3 if "exit 3" in line else 0)


def test_system_lines_name_a_user() -> None:
    job = only("0 0 * * * ada\tx --now", SYSTEM)
    assert (job.command, job.warning, job.kwargs["cwd"]) == ("x --now", "", "/home/ada")
    other = only("0 0 * * * root  x", SYSTEM)
    assert other.command == "x"
    assert "as root" in other.warning
    assert other.description.endswith(other.warning)
    # Its home may be closed to us.
    assert "cwd" not in other.kwargs


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("@reboot x", "@reboot is no time"),
        ("0 0 * *", "five fields"),
        ("0 0 * * *", "no command"),
        ("@daily", "no command"),
        ("99 0 * * * x", "its minute is not one"),
        ("@fortnightly x", "expression"),
        ("0 0 30 2 * x", "expression"),
        ("just some words that make no sense", "expression"),
        ("\x01" * 20, "five fields"),
        ("0 0 * * * " + "x" * 20_000, "longer"),
    ],
)
def test_a_line_that_cannot_be_used_is_told_and_the_others_go_on(line: str, reason: str) -> None:
    found = read(f"0 1 * * * before\n{line}\n0 2 * * * after")
    assert [job.command for job in found.jobs] == ["before", "after"]
    (refused,) = found.refused
    assert refused.line == 2
    assert reason in refused.reason


def test_a_system_line_without_a_command_is_refused() -> None:
    (refused,) = read("0 0 * * * root", SYSTEM).refused
    assert "no user and command" in refused.reason


def test_a_bad_time_zone_of_cron_is_refused_line_by_line() -> None:
    (refused,) = read("CRON_TZ=Nowhere\n0 0 * * * x").refused
    assert "timezone" in refused.reason


def test_the_same_line_has_the_same_id_wherever_it_stands() -> None:
    one = only("0 0 * * * backup")
    two = only("# moved down\n\nA=1\n0  0 * * *  backup")
    assert one.job_id == two.job_id
    assert only("0 1 * * * backup").job_id != one.job_id
    assert only("0 0 * * * backup -v").job_id != one.job_id


def test_a_line_that_is_there_twice_is_one_job() -> None:
    found = read("0 0 * * * x\n0 0 * * * x")
    assert len(found.jobs) == 1
    assert found.refused[0].reason == "it is the same as line 1"


@pytest.mark.parametrize(
    ("command", "slug"),
    [
        ("/usr/local/bin/backup.sh --full >/dev/null 2>&1", "backup-sh"),
        ("cd / && run-parts --report /etc/cron.hourly", "run-parts-cron-hourly"),
        (
            "test -x /usr/sbin/anacron || { cd / && run-parts --report /etc/cron.daily; }",
            "anacron-run-parts-cron-daily",
        ),
        ("[ -x /usr/lib/php/sessionclean ] && /usr/lib/php/sessionclean", "sessionclean"),
        ("/opt/ünïcode/dô", "do"),
        ("true", "command"),
        ("x" * 300, "x" * 32),
    ],
)
def test_ids_tell_what_the_command_does(command: str, slug: str) -> None:
    assert only(f"0 0 * * * {command}").job_id.rpartition("-")[0] == slug


@given(st.text())
def test_no_text_makes_it_fail(text: str) -> None:
    for origin in (OWN, SYSTEM):
        found = read(text, origin)
        assert len({job.job_id for job in found.jobs}) == len(found.jobs)


@given(st.text(alphabet="*/0159-, @%\\='\"ab\tA\n", max_size=200))
def test_no_text_like_a_crontab_makes_it_fail(text: str) -> None:
    read(text)
