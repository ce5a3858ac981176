"""``gnomon import-crontab``."""

from __future__ import annotations

import getpass
import io
import sys
from pathlib import Path

import pytest

from tests.cli.conftest import Gnomon, reading

CRONTAB = """\
# Backups
MAILTO=admin@example.org
PATH=/usr/local/bin:/usr/bin:/bin

0 3 * * 1-5  /usr/local/bin/backup.sh --full >/dev/null 2>&1
@daily       tidy /tmp
@reboot      start-everything
61 * * * *   never
"""


@pytest.fixture
def store(tmp_path: Path) -> str:
    """A store that does not exist yet."""
    return f"sqlite:///{tmp_path}/cron.db"


def write(tmp_path: Path, text: str = CRONTAB) -> str:
    """A crontab's path."""
    (tmp_path / "mine").write_text(text)
    return str(tmp_path / "mine")


def test_lines_become_paused_command_jobs(gnomon: Gnomon, tmp_path: Path, store: str) -> None:
    result = gnomon("import-crontab", write(tmp_path), "--yes", "--store", store)
    assert result.code == 0
    assert "2 jobs imported, paused" in result.out
    assert "gnomon node --allow gnomon.executors.commands" in result.out
    jobs = {job["id"].rpartition("-")[0]: job for job in gnomon("jobs", "--json", "--store", store).json}
    assert list(jobs) == ["backup-sh", "tidy-tmp"]
    backup = jobs["backup-sh"]
    assert (backup["state"], backup["source"], backup["executor"]) == ("paused", "code", "command")
    assert backup["default"]["trigger_args"] == backup["trigger_args"]
    assert backup["trigger_args"]["expression"] == "0 3 * * 1-5"
    assert "/usr/local/bin/backup.sh --full" in backup["description"]


def test_lines_that_cannot_be_used_are_told_with_number_and_reason(gnomon: Gnomon, tmp_path: Path, store: str) -> None:
    out = gnomon("import-crontab", write(tmp_path), "--yes", "--store", store).out
    assert "✗ line 7 is not imported: @reboot is no time" in out
    assert "✗ line 8 is not imported: expression: its minute is not one" in out
    refused = gnomon("import-crontab", write(tmp_path), "--yes", "--json", "--store", store).json["refused"]
    assert [line["line"] for line in refused] == [7, 8]


def test_importing_twice_changes_nothing(gnomon: Gnomon, tmp_path: Path, store: str) -> None:
    gnomon("import-crontab", write(tmp_path), "--yes", "--store", store)
    (first, second) = [job["id"] for job in gnomon("jobs", "--json", "--store", store).json]
    gnomon("resume", first, "--store", store)
    gnomon("set", second, "crontab", "@weekly", "--yes", "--store", store)
    before = gnomon("jobs", "--json", "--store", store).json
    again = gnomon("import-crontab", write(tmp_path), "--store", store)
    assert again.code == 0
    assert "nothing to do" in again.out
    after = gnomon("jobs", "--json", "--store", store).json
    assert [job["token"] for job in after] == [job["token"] for job in before]


def test_nothing_is_imported_without_a_yes(gnomon: Gnomon, tmp_path: Path, store: str) -> None:
    result = gnomon("import-crontab", write(tmp_path), "--store", store)
    assert result.code == 2
    assert "at 03:00 on weekdays" in result.out
    assert not (tmp_path / "cron.db").exists()


def test_standard_input_is_read(gnomon: Gnomon, store: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(CRONTAB.encode())))
    result = gnomon("import-crontab", "-", "--yes", "--json", "--store", store)
    assert len(result.json["imported"]) == 2
    assert result.json["imported"][0]["description"].startswith("standard input, line 5: ")


def test_lines_of_another_user_are_marked(gnomon: Gnomon, tmp_path: Path, store: str) -> None:
    path = write(tmp_path, f"5 * * * * {getpass.getuser()} mine\n6 * * * * somebodyelse theirs\n")
    out = gnomon("import-crontab", path, "--system", "--yes", "--store", store).out
    assert "! cron runs it as somebodyelse; here it runs as the user of the node" in out
    mine, theirs = sorted(gnomon("jobs", "--json", "--store", store).json, key=lambda job: job["id"])
    assert "somebodyelse" not in mine["description"]
    assert "somebodyelse" in theirs["description"]


def test_a_systems_file_needs_the_option_that_says_so(gnomon: Gnomon, store: str, tmp_path: Path) -> None:
    if not Path("/etc/crontab").exists():
        assert gnomon("import-crontab", "/etc/crontab", "--store", store).code == 2
        return
    result = gnomon("import-crontab", "/etc/crontab", "--store", store)
    assert result.code == 2
    assert "--system" in result.err


@pytest.mark.parametrize("file", ["missing", ".", "/dev/zero"])
def test_what_cannot_be_read_is_bad_input(gnomon: Gnomon, store: str, file: str) -> None:
    result = gnomon("import-crontab", file, "--store", store)
    assert (result.code, result.err.count("\n")) == (2, 1)


def test_the_import_stands_in_the_log_of_changes(gnomon: Gnomon, tmp_path: Path, store: str) -> None:
    gnomon("import-crontab", write(tmp_path), "--yes", "--store", store)
    with reading(store) as scheduler:
        changes = scheduler.changes()
    assert {change.action for change in changes} == {"import"}
    assert {change.author.origin.value for change in changes} == {"cli"}
