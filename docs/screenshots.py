"""Takes docs/page-*.png: each page of a ``gnomon demo`` that people have worked with for a few minutes.

    scripts/screenshots

Needs what the tests of the page need, Chromium; where there is pngquant, the pictures become a third as large. A new
page has a line in ``PICTURES``. Takes about two minutes.
"""

from __future__ import annotations

import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, NamedTuple

import httpx
from playwright.sync_api import Browser, Page, sync_playwright
from running_demo import Demo, running_demo

from tests.browser.conftest import ARGUMENTS, chromium

FOLDER = Path(__file__).parent
#: Jobs that are run by hand, so that there is a past: once, and often.
DAILY, QUICK, ROUNDS = (
    ("store-check", "certificates", "old-files"),
    ("health-check", "uptime", "disk-usage", "backup"),
    6,
)

_ROUND_SECONDS = 5
_LONGEST_WAIT = 120


class Picture(NamedTuple):
    """A page, as it is taken. ``path`` may name the ``run`` of a past, ``before`` does something on it first."""

    name: str
    path: str
    width: int = 1280
    height: int = 860
    is_dark: bool = False
    before: Callable[[Page], None] = lambda page: None


def edited(page: Page) -> None:
    """Somebody writes another time into the editor."""
    page.get_by_label("Five fields").fill("30 6 * * 1-5")
    page.get_by_text("at 06:30 on weekdays").first.wait_for()


PICTURES = (
    Picture("page-overview", "/"),
    Picture("page-overview-dark", "/", is_dark=True),
    Picture("page-run", "/runs/{running}", height=760),
    Picture("page-overview-phone", "/", width=390, height=844),
    Picture("page-jobs", "/jobs", height=760),
    Picture("page-jobs-dark", "/jobs", height=760, is_dark=True),
    Picture("page-jobs-phone", "/jobs", width=390, height=844),
    Picture("page-job", "/jobs/health-check", height=1000),
    Picture("page-editor", "/jobs/old-files/edit", height=1000, before=edited),
    Picture("page-run-failed", "/runs/{failed}", height=700),
    Picture("page-runs", "/runs", height=760),
    Picture("page-changes", "/changes", height=760),
    Picture("page-calendars", "/calendars", height=460),
    Picture("page-once", "/jobs/certificates/once", height=520),
    Picture("page-nodes", "/nodes", height=420),
    Picture("page-tokens", "/tokens", height=620),
    Picture("page-sign-in", "/sign-in", height=520),
)


def main() -> None:
    """Take all pictures."""
    path = chromium()
    if path is None:
        raise SystemExit("there is no Chromium; as root: apt-get install chromium, or set CHROMIUM to the path of one")
    with TemporaryDirectory(prefix="gnomon-pictures-") as folder, running_demo(folder) as demo:
        runs = Past(demo).make()
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
            for picture in PICTURES:
                take(browser, demo, picture, runs)
            browser.close()


class Past:
    """What people did with a demo: all of it over REST, as they would."""

    def __init__(self, demo: Demo) -> None:
        self._demo = demo
        self._mia, self._jonas = self._reader("mia"), self._reader("jonas")

    def make(self) -> dict[str, int]:
        """Do it, and return runs to look at by name."""
        self._do(self._jonas, "uptime", trigger="crontab", trigger_args={"expression": "*/3 * * * *"})
        for job in (*DAILY, "checksums"):
            self._run(job)
        for _ in range(ROUNDS):
            for job in QUICK:
                self._run(job)
            time.sleep(_ROUND_SECONDS)
        self._let_flaky_fail()
        self._post(self._jonas, "jobs/uptime/revert", reason="it was to be seen sooner only today")
        ends = datetime.now(UTC) + timedelta(hours=3)
        self._do(
            self._mia,
            "health-check",
            trigger="interval",
            trigger_args={"minutes": 1},
            reason="the shop is moved to new machines and answers slowly",
            expires_at=ends.isoformat(),
        )
        self._gnomon("calendar", "set", "holidays", "--country", "DE", "--subdivision", "BE", "--yes")
        self._gnomon("calendar", "set", "stock-taking", "--dates", "2030-12-30,2030-12-31", "--yes")
        self._do(self._jonas, "old-files", calendar="holidays", reason="nobody is there to look")
        self._post(self._jonas, "jobs/backup/pause", reason="the disk of the copies is exchanged")
        self._ended("checksums")
        self._run("checksums")
        self._wait("checksums", "progress", lambda run: (run["progress"] or {"done": 0})["done"] > 200)
        return {
            "running": self._runs("checksums")[0]["id"],
            "failed": self._runs("flaky")[0]["id"],
        }

    def _let_flaky_fail(self) -> None:
        """It fails at about every fourth run."""
        deadline = time.monotonic() + _LONGEST_WAIT
        self._run("flaky")
        while self._ended("flaky")["state"] != "failed":
            if time.monotonic() > deadline:
                raise SystemExit(f"flaky did not fail within {_LONGEST_WAIT} s")
            time.sleep(1)
            self._run("flaky")

    def _ended(self, job: str) -> dict[str, Any]:
        """The newest run of a job, when it has ended."""
        self._wait(job, f"the end of {job}", lambda run: run["finished_at"] is not None)
        return self._runs(job)[0]

    def _reader(self, name: str) -> httpx.Client:
        token = self._gnomon("token", "create", "--role", "operator", "--name", name)
        headers = {"Authorization": f"Bearer {token}", "If-Match": "*"}
        return httpx.Client(base_url=f"{self._demo.address}/api/scheduler/", headers=headers)

    def _gnomon(self, *arguments: str) -> str:
        command = [sys.executable, "-m", "gnomon", *arguments]
        done = subprocess.run(
            command, cwd=self._demo.folder, env=self._demo.environment, capture_output=True, text=True, check=True
        )
        return done.stdout.strip()

    def _do(self, who: httpx.Client, job: str, **fields: Any) -> None:
        who.patch(f"jobs/{job}", json=fields).raise_for_status()

    def _post(self, who: httpx.Client, path: str, **sent: Any) -> None:
        who.post(path, json=sent).raise_for_status()

    def _run(self, job: str) -> None:
        """Run it now; where it runs at this moment, that will do."""
        answer = self._mia.post(f"jobs/{job}/run")
        if answer.status_code != httpx.codes.CONFLICT:
            answer.raise_for_status()

    def _runs(self, job: str) -> list[dict[str, Any]]:
        """Those that started or will: a due time is skipped while another run goes on."""
        found: list[dict[str, Any]] = self._mia.get("runs", params={"job": job, "limit": 20}).json()["runs"]
        return [run for run in found if run["state"] != "skipped"]

    def _wait(self, job: str, what: str, is_so: Callable[[dict[str, Any]], Any]) -> None:
        """Until the newest run of a job is so."""
        deadline = time.monotonic() + _LONGEST_WAIT
        while not is_so(self._runs(job)[0]):
            if time.monotonic() > deadline:
                raise SystemExit(f"{what} did not come about in {_LONGEST_WAIT} s")
            time.sleep(0.2)


def take(browser: Browser, demo: Demo, picture: Picture, runs: dict[str, int]) -> None:
    """Take one."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.is_dark else "light",
        timezone_id="Europe/Berlin",
        locale="en-GB",
        reduced_motion="reduce",
    )
    file = FOLDER / f"{picture.name}.png"
    with closing(context):
        page = context.new_page()
        page.goto(demo.address + picture.path.format_map(runs))
        page.wait_for_selector("body[data-link=live]")
        picture.before(page)
        for real, shown in disguises(demo):
            page.evaluate(_DISGUISE, [real, shown])
        page.screenshot(path=file)
    if shutil.which("pngquant"):
        subprocess.run(["pngquant", "--force", "--ext", ".png", "--speed", "1", "--strip", file], check=True)


def disguises(demo: Demo) -> list[tuple[str, str]]:
    """What is of this machine alone, and what the pictures say instead."""
    return [(socket.gethostname(), "demo-host"), (demo.address, "http://127.0.0.1:8765"), (demo.folder, "/srv/gnomon")]


_DISGUISE = """([real, shown]) => {
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  while (texts.nextNode()) texts.currentNode.data = texts.currentNode.data.replaceAll(real, shown);
}"""


if __name__ == "__main__":
    main()
