"""Every page, as people have it: on a desk and a phone, light and dark, with JavaScript and without."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing

import pytest
from playwright.sync_api import expect

from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site
from tests.jobs import nothing

PAGES = ["/", "/jobs", "/sign-in", "/nowhere"]
LOOKS = [(False, False), (False, True), (True, False), (True, True)]
_IDS = ["desk-light", "desk-dark", "phone-light", "phone-dark"]


@pytest.mark.parametrize(("phone", "dark"), LOOKS, ids=_IDS)
def test_no_page_keeps_anybody_out(site: Site, browse: Browse, phone: bool, dark: bool) -> None:
    site.night()
    page = browse("/", phone=phone, dark=dark, expect_errors=True)
    for path in PAGES:
        page.goto(site.address + path)
        if path != "/nowhere":
            live(page)
        check_barriers(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the screen"
        assert page.locator("h1").count() == 1


@pytest.mark.parametrize("width", [320, 390, 800, 1280])
def test_every_place_can_be_seen_and_reached_at_any_width(site: Site, browse: Browse, width: int) -> None:
    page = browse("/nodes", viewport={"width": width, "height": 700})
    links = page.get_by_role("navigation", name="Main").get_by_role("link")
    names = links.all_inner_texts()
    assert (names[0], names[-1]) == ("Overview", "Tokens")
    for box in links.evaluate_all("all => all.map((link) => link.getBoundingClientRect().toJSON())"):
        assert box["left"] >= 0
        assert box["right"] <= width
        assert box["height"] >= 40
    cut = "all => all.filter((link) => link.scrollWidth > link.clientWidth).map((link) => link.textContent)"
    assert links.evaluate_all(cut) == []
    brand, tools = page.locator(".brand").bounding_box(), page.locator(".tools").bounding_box()
    assert brand is not None
    assert tools is not None
    assert 0 <= tools["y"] <= brand["y"], "the tools have slipped below the name"
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


@pytest.mark.parametrize("path", ["/", "/jobs"])
def test_an_empty_store_teaches(site: Site, browse: Browse, path: str) -> None:
    page = live(browse(path))
    expect(page.get_by_text("No jobs are stored here yet.")).to_be_visible()
    expect(page.get_by_text("gnomon serve myapp:scheduler").first).to_be_visible()
    check_barriers(page)


def test_the_first_page_says_at_a_glance_what_is_wrong(site: Site, browse: Browse) -> None:
    site.night()
    page = browse("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 job is failing.")
    failing = page.locator("#trouble li", has_text="import-bank")
    expect(failing).to_contain_text("failing")
    expect(failing).to_contain_text("the bank hung up after 30 s")
    expect(page.locator("#active li", has_text="nightly-report")).to_contain_text("312 of 840")
    differing = page.locator("#differing")
    expect(differing.locator("li", has_text="import-bank")).to_contain_text("the code says at 02:30 every day")
    expect(differing.locator("li", has_text="sync-stock")).to_contain_text("the warehouse moves")
    expect(differing.locator("li", has_text="old-cleanup")).to_contain_text("orphaned")
    expect(page.locator("#nodes")).to_contain_text("alive")


def test_what_is_wrong_far_down_among_many_is_said_too(
    site: Site, browse: Browse, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gnomon.web.overview._MOST_JOBS", 4)
    for number in range(12):
        site.scheduler.register(nothing, "cron", id=f"job-{number:02}", hour=3)
    site.store_jobs()
    with closing(sqlite3.connect(site.url.removeprefix("sqlite:///"))) as store, store:
        store.execute("UPDATE apscheduler_jobs SET job_state = x'00ff' WHERE id = 'job-09'")
    page = live(browse("/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("1 job cannot be read.")
    expect(page.locator("#differing li")).to_contain_text("job-09")
    expect(page.locator("#differing")).to_contain_text("All 12 jobs were looked through")
    page.get_by_role("link", name="1 quarantined").click()
    expect(page.locator("#job-rows tr")).to_have_count(1)


def test_all_is_well_is_said_calmly(site: Site, browse: Browse) -> None:
    site.scheduler.register(nothing, "cron", id="nightly", hour=3)
    site.store_jobs()
    page = browse("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("All is well.")
    expect(page.locator("#differing")).to_contain_text("Every job fires as the code says.")
    expect(page.locator("#trouble")).to_contain_text("nothing still fails")


def test_that_nothing_fires_cannot_be_overlooked(site: Site, browse: Browse) -> None:
    site.scheduler.register(nothing, "cron", id="nightly", hour=3)
    site.scheduler.start_all_jobs()
    page = browse("/")
    expect(page.get_by_role("heading", level=1)).to_have_text("No node is alive: nothing fires.")
    expect(page.locator("#nodes")).to_contain_text("gnomon serve TARGET")


def test_the_next_day_is_drawn_with_its_herds(site: Site, browse: Browse) -> None:
    site.night()
    coming = browse("/").locator("#coming")
    expect(coming).to_contain_text("Most at once: 9 jobs at")
    expect(coming.get_by_role("link", name="tenant")).to_be_visible()
    expect(coming.get_by_role("img", name="at 03:00 on weekdays, Europe/Berlin")).to_have_count(1)
    expect(coming.locator("rect.herd")).to_have_count(1)


def test_times_are_told_by_the_clock_of_job_and_reader(site: Site, browse: Browse) -> None:
    site.scheduler.register(nothing, "cron", id="far-away", hour=9, timezone="Asia/Tokyo")
    site.store_jobs()
    page = live(browse("/jobs", timezone_id="America/Bogota"))
    row = page.locator("#job-rows tr")
    expect(row).to_contain_text("09:00 JST")
    expect(row.locator(".aka")).to_have_text(re.compile(r"^= (\w+ )?19:00 here$"))
    expect(row.locator("time").first).to_have_attribute(
        "title", re.compile(r"09:00:00 JST = \w+ \d{4}-\d\d-\d\d 19:00:00 UTC-05")
    )


def test_without_javascript_everything_can_be_read(site: Site, browse: Browse) -> None:
    site.night()
    page = browse("/", script=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("1 job is failing.")
    expect(page.locator("#link")).to_contain_text("As of")
    page.get_by_role("link", name="Jobs", exact=True).click()
    expect(page.locator("#job-rows tr")).to_have_count(16)


def test_a_reader_chooses_light_or_dark_and_it_stays(site: Site, browse: Browse) -> None:
    page = browse("/")
    paper = "getComputedStyle(document.documentElement).backgroundColor"
    light = page.evaluate(paper)
    page.get_by_role("button", name="Light or dark").click()
    dark = page.evaluate(paper)
    assert dark != light
    page.goto(f"{site.address}/jobs")
    assert page.evaluate(paper) == dark


def test_a_page_prints_without_its_machinery(site: Site, browse: Browse) -> None:
    site.night()
    page = browse("/jobs")
    page.emulate_media(media="print")
    expect(page.locator("nav")).to_be_hidden()
    expect(page.get_by_role("button", name="Pause").first).to_be_hidden()
    expect(page.locator("#job-rows tr").first).to_be_visible()
