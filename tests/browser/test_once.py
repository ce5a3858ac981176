"""One run is skipped or moved, and what was made of it is taken back; the schedule stays."""

from __future__ import annotations

import re
from datetime import datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from gnomon.domain.change import Author
from gnomon.domain.principal import Role
from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site
from tests.jobs import nothing

MIA = Author("mia", reason="the bank is closed")


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def nightly(site: Site) -> Site:
    """Due at three in Tokyo; the reader is in Berlin."""
    site.scheduler.register(nothing, "cron", id="nightly", hour=3, timezone="Asia/Tokyo")
    site.store_jobs()
    return site


def due(site: Site, place: int = 0) -> datetime:
    return site.scheduler.closeup("nightly").fire_times[place]


def at_four(site: Site) -> str:
    return f"{due(site) + timedelta(hours=1):%Y-%m-%dT%H:%M}"


def choose(page: Page, what: str) -> None:
    page.get_by_text(what, exact=True).click()


def test_the_next_run_is_skipped_and_that_is_taken_back(nightly: Site, browse: Browse, script: bool) -> None:
    skipped, after = due(nightly), due(nightly, 1)
    page = browse("/jobs/nightly", script=script)
    page.get_by_role("link", name="Skip or move", exact=True).click()
    expect(page.locator("#foreseen")).to_contain_text("It does not run.")
    page.get_by_label("Why").fill("nobody is there")
    if script:
        check_barriers(live(page))
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text("One run of nightly is skipped.")).to_be_visible()
    row = page.locator("#job-next li").first
    expect(row.locator("del")).to_contain_text("03:00 JST")
    expect(row).to_contain_text("skipped by local: nobody is there")
    expect(page.locator("#job-head")).to_contain_text(f"{after:%a} 03:00 JST")
    (exception,) = nightly.scheduler.get_job("nightly")["exceptions"]
    assert datetime.fromisoformat(exception["scheduled_at"]) == skipped
    if script:
        check_barriers(live(page))
    row.get_by_role("button", name="Take back").click()
    expect(page.get_by_text("Taken back: that run of nightly starts as ever.")).to_be_visible()
    expect(page.locator("#job-next del")).to_have_count(0)
    assert nightly.scheduler.get_job("nightly")["exceptions"] == []


def test_a_run_is_moved_by_the_clock_of_the_job_and_said_before(nightly: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs/nightly/once", script=script)
    choose(page, "Move it")
    expect(page.locator("#field-to-hint")).to_contain_text("Asia/Tokyo")
    page.get_by_label("Start at").fill(at_four(nightly))
    if not script:
        page.get_by_role("button", name="Preview").click()
    expect(page.locator("#foreseen")).to_contain_text(re.compile(r"It starts .*04:00 JST"))
    expect(page.locator("#foreseen")).to_contain_text("1 h later than it is due")
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_text("One run of nightly is moved.")).to_be_visible()
    expect(page.locator("#job-next li").first).to_contain_text("04:00 JST")
    (exception,) = nightly.scheduler.get_job("nightly")["exceptions"]
    assert datetime.fromisoformat(exception["to"]) == due(nightly).replace(hour=4)
    page.locator("#job-changes").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: nightly")).to_be_visible()
    assert nightly.scheduler.get_job("nightly")["exceptions"] == []


def test_what_cannot_be_stands_at_its_field_and_is_kept(nightly: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs/nightly/once", script=script, expect_errors=True)
    choose(page, "Move it")
    beyond = f"{due(nightly, 2):%Y-%m-%dT%H:%M}"
    page.get_by_label("Start at").fill(beyond)
    page.get_by_label("Why").fill("half a thought")
    page.get_by_role("button", name="Do it").click()
    expect(page.locator("#field-to-error")).to_contain_text("before the run that follows it")
    expect(page.get_by_label("Start at")).to_be_focused()
    expect(page.get_by_label("Start at")).to_have_value(beyond)
    expect(page.get_by_label("Why")).to_have_value("half a thought")
    assert nightly.scheduler.get_job("nightly")["exceptions"] == []
    if script:
        check_barriers(live(page))


def test_who_was_overtaken_is_told_and_loses_nothing(nightly: Site, browse: Browse) -> None:
    page = browse("/jobs/nightly/once", script=False, expect_errors=True)
    choose(page, "Move it")
    page.get_by_label("Start at").fill(at_four(nightly))
    page.get_by_label("Why").fill("the file comes late")
    nightly.scheduler.skip_next("nightly", at=due(nightly), author=MIA)
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("alert")).to_contain_text("skipped by mia: the bank is closed")
    expect(page.get_by_label("Start at")).to_have_value(at_four(nightly))
    nightly.scheduler.change_job("nightly", max_instances=2, author=MIA)
    page.get_by_role("button", name="Do it").click()
    expect(page.get_by_role("alert")).to_contain_text("was changed by 'mia'")
    expect(page.get_by_label("Why")).to_have_value("the file comes late")
    assert nightly.scheduler.get_job("nightly")["exceptions"][0]["action"] == "skip"
    page.get_by_role("button", name="Do it").click()  # now it was seen
    expect(page.get_by_text("One run of nightly is moved.")).to_be_visible()
    assert nightly.scheduler.get_job("nightly")["exceptions"][0]["action"] == "move"


def test_any_of_the_times_to_come_can_be_chosen_and_lists_tell_it(nightly: Site, browse: Browse) -> None:
    page = live(browse("/jobs/nightly", phone=True))
    second = page.locator("#job-next li").nth(1)
    second.get_by_role("link", name="Skip or move").click()
    page.get_by_role("button", name="Do it").click()
    expect(second.locator("del")).to_have_count(1)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    second.get_by_role("link", name="Change").click()
    expect(page.get_by_role("radio", name="Move it")).to_be_checked()
    page.goto(f"{nightly.address}/jobs")
    expect(page.locator("#job-rows td.next")).to_contain_text("skipped once")
    nightly.scheduler.move_next("nightly", due(nightly, 2) + timedelta(hours=1), at=due(nightly, 2))
    page.goto(nightly.address)
    expect(page.locator("#next")).to_contain_text("skipped once")
    expect(page.locator("#active")).to_contain_text("Nothing runs at this moment.")


@pytest.mark.parametrize("at", ["", "2026-01-01T00:00:00+00:00", "yesterday", "<script>"])
def test_where_there_is_no_such_run_the_page_says_so(nightly: Site, browse: Browse, at: str) -> None:
    if not at:
        nightly.scheduler.pause_job("nightly")
    page = browse(f"/jobs/nightly/once?at={at.replace('+', '%2B')}", expect_errors=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no such run to skip or move.")
    page.get_by_role("link", name="The job as it is now").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("nightly")


def test_a_viewer_sees_what_was_made_of_a_run_and_makes_nothing_of_it(nightly: Site, browse: Browse) -> None:
    nightly.scheduler.skip_next("nightly", author=MIA)
    token = nightly.token(Role.VIEWER, "vera")
    nightly.serve_again(loopback=False)
    page = browse("/sign-in?to=/jobs/nightly", expect_errors=True)
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.locator("#job-next")).to_contain_text("skipped by mia")
    expect(page.locator("#job-next").get_by_role("link").or_(page.locator("#job-next button"))).to_have_count(0)
    page.goto(f"{nightly.address}/jobs/nightly/once")
    expect(page.locator("#once")).to_have_count(0)


def test_the_keyboard_is_enough(nightly: Site, browse: Browse) -> None:
    page = live(browse("/jobs/nightly"))
    page.keyboard.press("s")
    page.wait_for_url("**/once")
    live(page)
    page.get_by_role("radio", name="Skip it").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_label("Start at")).to_be_visible()
    page.keyboard.press("ArrowLeft")
    page.get_by_label("Why").focus()
    page.keyboard.press("Enter")
    expect(page.get_by_text("One run of nightly is skipped.")).to_be_visible()
