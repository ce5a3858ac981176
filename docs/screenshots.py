"""Takes docs/page-*.png: each page as it looks on the store that its tests use.

    scripts/screenshots

Needs what the tests of the page need: Chromium. A new page has a line in ``PICTURES``.
"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from playwright.sync_api import Browser, sync_playwright

from tests.browser import scene
from tests.browser.conftest import ARGUMENTS, chromium
from tests.browser.site import Site

FOLDER = Path(__file__).parent


class Picture(NamedTuple):
    """A page, as it is taken."""

    name: str
    path: str
    width: int = 1280
    height: int = 860
    is_dark: bool = False


PICTURES = (
    Picture("page-overview", "/"),
    Picture("page-jobs", "/jobs", height=760),
    Picture("page-jobs-dark", "/jobs?search=tenant", height=480, is_dark=True),
    Picture("page-job", "/jobs/import-bank"),
    Picture("page-run", "/runs/155", height=700),
    Picture("page-runs", "/runs", height=700),
    Picture("page-changes", "/changes", height=560),
    Picture("page-overview-phone", "/", width=390, height=844),
)


def main() -> None:
    """Take all pictures."""
    path = chromium()
    if path is None:
        raise SystemExit("there is no Chromium; as root: apt-get install chromium, or set CHROMIUM to the path of one")
    with TemporaryDirectory(prefix="gnomon-pictures-") as folder:
        night = Path(folder) / "night.db"
        scene.night(f"sqlite:///{night}")
        with Site(Path(folder) / "site.db", night) as site, sync_playwright() as playwright:
            site.night()
            with closing(playwright.chromium.launch(executable_path=path, args=ARGUMENTS)) as browser:
                for picture in PICTURES:
                    take(browser, site, picture)


def take(browser: Browser, site: Site, picture: Picture) -> None:
    """Take one."""
    context = browser.new_context(
        viewport={"width": picture.width, "height": picture.height},
        color_scheme="dark" if picture.is_dark else "light",
        timezone_id="Europe/Berlin",
        locale="en-GB",
        reduced_motion="reduce",
    )
    with closing(context):
        page = context.new_page()
        page.goto(site.address + picture.path)
        page.wait_for_selector("body[data-link=live]")
        page.screenshot(path=FOLDER / f"{picture.name}.png")


if __name__ == "__main__":
    main()
