"""What ``pip install .`` gives: the command ``gnomon``, with all that its pages and its tables need.

The checkout's own environment would not notice that a file is missing from the wheel: there it is read from ``src``.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import sysconfig
import urllib.request
import zipfile
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_serving import free_port, get
from tests.processes import ROOT, wait_until

pytestmark = pytest.mark.slow


def call(*arguments: str | Path, cwd: Path) -> subprocess.CompletedProcess[str]:
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "GNOMON_"))}
    return subprocess.run(
        [str(argument) for argument in arguments], cwd=cwd, env=environment, capture_output=True, text=True, check=False
    )


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as pip builds it, which fetches the build tool."""
    folder = tmp_path_factory.mktemp("wheel")
    pip = (sys.executable, "-m", "pip", "wheel", "--disable-pip-version-check", "--no-input", "--no-deps")
    built = call(*pip, "--wheel-dir", folder, ROOT, cwd=folder)
    if built.returncode and "No matching distribution found for hatchling" in built.stderr:
        pytest.skip("pip cannot fetch hatchling, which builds the wheel; give it access to a package index")
    assert built.returncode == 0, built.stderr
    (found,) = folder.glob("gnomon-*.whl")
    return found


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The ``bin`` of an environment of its own with the wheel in it; what it depends on is read from this one."""
    folder = tmp_path_factory.mktemp("environment")
    made = call(sys.executable, "-m", "venv", "--without-pip", folder, cwd=folder)
    assert made.returncode == 0, made.stderr
    python = folder / "bin" / "python"
    pip = (sys.executable, "-m", "pip", "--python", python, "install", "--disable-pip-version-check", "--no-deps")
    done = call(*pip, "--no-index", wheel, cwd=folder)
    assert done.returncode == 0, done.stderr
    (packages,) = folder.glob("lib/python3*/site-packages")
    # Only the folder: the file in it that leads to this checkout is not followed from here.
    (packages / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    where = call(python, "-c", "import gnomon; print(gnomon.__file__)", cwd=folder)
    assert Path(where.stdout.strip()).is_relative_to(packages), where
    return python.parent


def test_every_file_of_the_package_is_in_the_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        packed = {name for name in archive.namelist() if name.startswith("gnomon/")}
    files = (file for file in (ROOT / "src" / "gnomon").rglob("*") if file.is_file())
    assert packed == {str(file.relative_to(ROOT / "src")) for file in files if "__pycache__" not in file.parts}


def test_it_gives_the_command_and_the_demo_with_its_pages(installed: Path, tmp_path: Path) -> None:
    version = call(installed / "gnomon", "--version", cwd=tmp_path)
    assert version.stdout.startswith("gnomon 0."), version.stderr

    port, store = free_port(), f"sqlite:///{tmp_path / 'demo.db'}"
    arguments = ("demo", "--no-open", "--port", str(port), "--store", store)
    with subprocess.Popen(
        [installed / "gnomon", *arguments], cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as demo:
        try:
            wait_until(lambda: demo.poll() is not None or get(port, "/health") is not None, what="the demo")
            assert demo.poll() is None, demo.communicate()[1]
            jobs = page(port, "/jobs")
            assert "health-check" in jobs
            parts = set(re.findall(r'(?:href|src)="(/static/[^"#]+)', jobs))
            assert len(parts) > 2
            assert all(page(port, part) for part in parts)
            listed: Any = json.loads(
                call(installed / "gnomon", "jobs", "--json", "--store", store, cwd=tmp_path).stdout
            )
            assert "health-check" in {job["id"] for job in listed}
        finally:
            demo.terminate()


def page(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
        text: str = answer.read().decode()
        return text
