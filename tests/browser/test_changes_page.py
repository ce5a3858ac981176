"""The log of changes as a story, and undoing what it tells."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from gnomon.domain.change import Author, Origin
from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site
from tests.jobs import nothing

MIA = Author("mia", Origin.CLI, "the bank is late")
HOSTILE = '<script>alert(1)</script>"><img src=x onerror=alert(1)> \u202eslaf'


@pytest.fixture
def jobs(site: Site) -> Site:
    for job_id in ("nightly", "hourly"):
        site.scheduler.register(nothing, "cron", id=job_id, hour=3)
    site.store_jobs()
    return site


def reschedule(site: Site, minutes: int = 5, author: Author = MIA) -> int:
    site.scheduler.change_job("nightly", trigger="interval", trigger_args={"minutes": minutes}, author=author)
    return site.scheduler.changes(limit=1)[0].id or 0


def test_an_empty_log_teaches(jobs: Site, browse: Browse) -> None:
    page = live(browse("/changes"))
    expect(page.get_by_role("heading", name="Nothing was changed yet.")).to_be_visible()
    check_barriers(page)


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desk-light", "phone-dark"])
def test_no_page_of_changes_keeps_anybody_out(site: Site, browse: Browse, phone: bool, dark: bool) -> None:
    site.night()
    page = browse("/changes", phone=phone, dark=dark, expect_errors=True)
    for path in ("/changes", "/changes?origin=cli", "/changes?job=none", "/changes/1", "/changes/4711"):
        page.goto(site.address + path)
        live(page)
        check_barriers(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the screen"


def test_who_did_what_and_why_and_undoing_it_in_place(jobs: Site, browse: Browse) -> None:
    page = live(browse("/changes"))
    number = reschedule(jobs)
    entry = page.locator(f"#change-{number}")
    expect(entry).to_contain_text("mia rescheduled nightly")
    expect(entry).to_contain_text("on the command line")
    expect(entry.locator("del")).to_contain_text("at 03:00 every day")
    expect(entry.locator("ins")).to_contain_text("every 5 minutes")
    expect(entry.locator("blockquote")).to_have_text("the bank is late")
    expect(page.get_by_role("heading", level=2)).to_contain_text("Today")
    page.keyboard.press("j")
    page.keyboard.press("u")
    expect(entry.get_by_role("button", name="Undo")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator(f"#change-{number + 1}")).to_contain_text("undid")
    expect(entry).to_contain_text("undone by")
    assert jobs.scheduler.get_job("nightly")["trigger"] == "cron"


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_an_undo_that_something_stands_in_the_way_of_is_refused_and_says_why(
    jobs: Site, browse: Browse, script: bool
) -> None:
    first = reschedule(jobs)
    reschedule(jobs, 7, Author("jonas"))
    page = browse("/changes", script=script, expect_errors=True)
    page.locator(f"#change-{first}").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("was changed since by change 2 of jonas")).to_be_visible()
    assert jobs.scheduler.get_job("nightly")["schedule"].startswith("every 7 minutes")


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_one_change_has_a_page_and_is_undone_there_with_a_reason(jobs: Site, browse: Browse, script: bool) -> None:
    page = browse(f"/changes/{reschedule(jobs)}", script=script)
    expect(page.get_by_role("heading", level=1)).to_have_text("Change 1")
    page.get_by_label("Why").fill("it was a mistake")
    page.get_by_role("button", name="Undo change 1").click()
    expect(page.get_by_text("Undone:").first).to_be_visible()
    expect(page.get_by_role("link", name="change 2")).to_be_visible()
    expect(page.get_by_role("button", name="Undo change 1")).to_have_count(0)
    assert jobs.scheduler.change(2).author == Author("local", Origin.PAGE, "it was a mistake")


def test_the_log_is_narrowed_down_and_read_page_by_page(jobs: Site, browse: Browse) -> None:
    for count in range(105):
        reschedule(jobs, count + 1, Author("jonas", Origin.API))
    reschedule(jobs, 200)
    page = live(browse("/changes"))
    rows = page.locator(".story > li")
    expect(rows).to_have_count(50)
    for shown in (50, 6):
        page.get_by_role("link", name="Older").click()
        expect(rows).to_have_count(shown)
    expect(rows.first).to_have_id("change-6")
    page.get_by_role("link", name="Newer").click()
    expect(rows.first).to_have_id("change-56")
    page.get_by_role("link", name="Newer").click()
    expect(rows.first).to_have_id("change-106")
    expect(page.get_by_role("link", name="Newest")).to_have_count(0)
    page.get_by_label("Who").fill("mia")
    expect(rows).to_have_count(1)
    page.get_by_label("Who").fill("")
    page.get_by_text("More filters").click()
    page.get_by_text("command line", exact=True).click()
    expect(rows).to_have_count(1)
    page.goto(f"{jobs.address}/changes?origin=api&job=nightly&span=hour&since=odd")
    expect(rows).to_have_count(50)
    page.goto(f"{jobs.address}/changes?until=2020-01-01T00:00")
    expect(page.get_by_role("heading", name="No change is like that.")).to_be_visible()


def test_hostile_names_and_reasons_are_text(jobs: Site, browse: Browse) -> None:
    number = reschedule(jobs, author=Author(HOSTILE, Origin.API, HOSTILE))
    page = live(browse("/changes"))
    expect(page.locator("blockquote")).to_contain_text("<script>alert(1)</script>")
    page.goto(f"{jobs.address}/changes/{number}")
    expect(page.locator("blockquote")).to_contain_text("<script>alert(1)</script>")
    assert page.locator("img[src=x], [onerror], main script").count() == 0
    assert "\u202e" not in page.content()
    page.goto(f"{jobs.address}/changes?actor=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E&job=%3Cscript%3E")
    assert page.locator("img[src=x], [onerror], main script").count() == 0
