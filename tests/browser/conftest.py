"""A real browser on a real server.

Use ``site`` (a store with nothing in it, served), put into it what the test is about, and open it with ``browse``,
which makes a page like those people have::

    def test_…(site: Site, browse: Browse) -> None:
        site.scheduler.register(…); site.store_jobs()
        page = browse("/jobs", phone=True, dark=True, script=False)

When the test ends, each page it opened is asked what went wrong on it: a violation of the content security policy, an
error in the console, a dialog. ``check_barriers(page)`` lets axe look for what keeps people out (WCAG 2.2 AA).
"""

from __future__ import annotations

import os
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from tests.browser import scene
from tests.browser.site import Site

CHROMIUM = ("/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome")
#: Without the sandbox, which containers do not allow; and nothing that asks another host for anything.
ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
]
_DESKTOP, _PHONE = {"width": 1280, "height": 900}, {"width": 390, "height": 844}
_RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]
_MILLISECONDS = 10_000

Browse = Callable[..., Page]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    here = Path(__file__).parent
    for item in items:
        if here in item.path.parents:
            item.add_marker("browser")


@pytest.fixture(scope="module")  # Playwright keeps an event loop running: tests of other parts want their own.
def browser() -> Iterator[Browser]:
    """The system's Chromium, started once for each module."""
    path = chromium()
    if path is None:
        pytest.skip("there is no Chromium; as root: apt-get install chromium, or set CHROMIUM to the path of one")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="session")
def night(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A store with the scene in it, to be copied."""
    file = tmp_path_factory.mktemp("scene") / "night.db"
    scene.night(f"sqlite:///{file}")
    with closing(sqlite3.connect(file)) as store:
        store.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return file


@pytest.fixture
def site(tmp_path: Path, night: Path) -> Iterator[Site]:
    """A server on a store of its own, SQLite, with nothing in it. ``site.night()`` puts the scene in."""
    with Site(tmp_path / "site.db", night) as site:
        yield site


@pytest.fixture
def browse(browser: Browser, site: Site) -> Iterator[Browse]:
    """Opens a path in a browser of its own: ``phone``, ``dark``, ``script=False``; ``like=page`` shares its cookies.

    ``expect_errors`` is for pages on which a refusal is what the test is about: browsers log those as errors.
    """
    opened: list[_Watched] = []

    def open_(
        path: str = "/",
        *,
        phone: bool = False,
        dark: bool = False,
        script: bool = True,
        like: Page | None = None,
        expect_errors: bool = False,
        **options: Any,
    ) -> Page:
        context = like.context if like is not None else _context(browser, phone, dark, script, options)
        page = context.new_page()
        opened.append(_Watched(page, expect_errors))
        page.goto(site.address + path)
        return page

    yield open_
    problems = [problem for each in opened for problem in each.problems]
    for context in {each.page.context for each in opened}:
        context.close()
    assert problems == []


def _context(browser: Browser, phone: bool, dark: bool, script: bool, options: dict[str, Any]) -> BrowserContext:
    given: dict[str, Any] = {
        "viewport": _PHONE if phone else _DESKTOP,
        "has_touch": phone,
        "color_scheme": "dark" if dark else "light",
        "java_script_enabled": script,
        "timezone_id": "Europe/Berlin",
        "locale": "en-GB",
        "reduced_motion": "reduce",
    }
    context = browser.new_context(**given | options)
    context.set_default_timeout(_MILLISECONDS)
    return context


class _Watched:
    """A page, and what went wrong on it."""

    def __init__(self, page: Page, expect_errors: bool) -> None:
        self.page = page
        self.problems: list[str] = []
        page.on("dialog", lambda dialog: (self.problems.append(f"a dialog: {dialog.message}"), dialog.dismiss()))
        page.on("pageerror", lambda error: self.problems.append(f"an error: {error}"))
        page.on("console", lambda message: self._heard(message.type, message.text, expect_errors))

    def _heard(self, kind: str, text: str, expect_errors: bool) -> None:
        is_violation = "Content Security Policy" in text or "Content-Security-Policy" in text
        if is_violation or (kind == "error" and not expect_errors):
            self.problems.append(f"{kind} in the console: {text}")


def check_barriers(page: Page) -> None:
    """What axe finds on a page: it must be nothing."""
    # Of what is well, axe would describe every element.
    options = {"runOnly": {"type": "tag", "values": _RULES}, "resultTypes": ["violations"]}
    results = Axe().run(page, options=options)
    found = [
        f"{each['id']} ({each['help']}): " + "; ".join(str(node["html"])[:200] for node in each["nodes"][:3])
        for each in results.response["violations"]
    ]
    assert found == []


def live(page: Page) -> Page:
    """The page, once it is told of everything that moves."""
    page.wait_for_selector("body[data-link=live]")
    return page


def chromium() -> str | None:
    """Where the system's Chromium is: what the variable of that name says, otherwise where packages put it."""
    named = os.environ.get("CHROMIUM")
    for path in [named] if named else CHROMIUM:
        if shutil.which(path):
            return path
    return None
