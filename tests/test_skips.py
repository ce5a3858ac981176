"""What a machine cannot provide is skipped by name, and is a failure where everything has to be provided."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

IN_A_TEST = "import pytest\ndef test_it(): pytest.skip('no moon; wait for one')\n"
IN_A_FIXTURE = """
import pytest
@pytest.fixture
def moon(): pytest.skip('no moon; wait for one')
def test_it(moon): pass
"""
OF_A_MODULE = "import pytest\npytest.skip('no moon; wait for one', allow_module_level=True)\n"
OF_THE_PLATFORM = "import pytest\n@pytest.mark.platform('tides')\ndef test_it(): pytest.skip('no moon; wait for one')\n"
EXPECTED_FAILURE = "import pytest\n@pytest.mark.xfail\ndef test_it(): assert False\n"


def run(directory: Path, test: str, *, ci: str) -> subprocess.CompletedProcess[str]:
    (directory / "pytest.ini").write_text("[pytest]\nmarkers = platform(reason)\n")
    (directory / "test_moon.py").write_text(test)
    return subprocess.run(
        [sys.executable, "-m", "pytest", "-p", "tests.skips", "-p", "no:cacheprovider", "-ra", str(directory)],
        cwd=directory,
        env={**os.environ, "CI": ci, "PYTHONPATH": str(ROOT), "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1"},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize("test", [IN_A_TEST, IN_A_FIXTURE, OF_A_MODULE], ids=["test", "fixture", "module"])
def test_a_skip_is_a_failure_in_ci_and_says_what_is_missing(test: str, tmp_path: Path) -> None:
    result = run(tmp_path, test, ci="true")

    assert result.returncode != 0
    assert "no moon; wait for one" in result.stdout


@pytest.mark.parametrize("test", [IN_A_TEST, IN_A_FIXTURE], ids=["test", "fixture"])
def test_elsewhere_a_skip_is_a_skip(test: str, tmp_path: Path) -> None:
    result = run(tmp_path, test, ci="")

    assert result.returncode == 0
    assert "1 skipped" in result.stdout
    assert "no moon; wait for one" in result.stdout


@pytest.mark.parametrize("test", [OF_THE_PLATFORM, EXPECTED_FAILURE], ids=["platform", "expected-failure"])
def test_what_a_platform_lacks_and_what_is_known_to_fail_is_no_failure_in_ci(test: str, tmp_path: Path) -> None:
    assert run(tmp_path, test, ci="true").returncode == 0
