"""Calendars: made, changed and removed on the page, and chosen for a job."""

from __future__ import annotations

import re
from datetime import date, timedelta

import pytest
from playwright.sync_api import expect

from gnomon.domain.change import Author, Origin
from gnomon.domain.principal import Role
from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site
from tests.jobs import nothing

MIA = Author("mia", Origin.CLI, "the office is closed")
DATES = {"2050-12-24": "Christmas Eve", "2051-01-02": ""}


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def office(site: Site) -> Site:
    """A calendar that one of two jobs names."""
    for name in ("nightly", "hourly"):
        site.scheduler.register(nothing, "cron", id=name, hour=3)
    site.store_jobs()
    site.scheduler.set_calendar("office", dates=DATES, author=MIA)
    site.scheduler.change_job("nightly", calendar="office")
    return site


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desk", "phone"])
def test_nobody_is_kept_out(office: Site, browse: Browse, phone: bool, dark: bool) -> None:
    page = browse("/calendars", phone=phone, dark=dark, expect_errors=True)
    for path in ("/calendars", "/calendars/-new", "/calendars/office", "/calendars/office/remove", "/calendars/gone"):
        page.goto(office.address + path)
        check_barriers(live(page))
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), path


def test_the_list_says_what_each_leaves_out_next_and_for_whom(office: Site, browse: Browse) -> None:
    page = live(browse("/calendars"))
    row = page.locator("#calendar-rows tr")
    expect(row).to_contain_text("2 dates")
    expect(row).to_contain_text("Sat 2050-12-24")
    expect(row.get_by_role("link", name="nightly")).to_be_visible()
    office.scheduler.set_calendar("another", dates=["2050-01-01"])
    expect(row).to_have_count(2)


def test_an_empty_list_teaches_and_one_is_made(site: Site, browse: Browse, script: bool) -> None:
    page = browse("/calendars", script=script, expect_errors=True)
    page.get_by_role("link", name="Make the first one").click()
    page.get_by_label("Name").fill("none")
    page.get_by_label("Holidays of a country").fill("de")
    page.get_by_label("Of a part of it").fill("BE")
    page.get_by_label("Further dates").fill("2050-12-24 Christmas Eve\n\n2050-12-31")
    page.get_by_label("Why").fill("nobody is there")
    if not script:
        page.get_by_role("button", name="Preview").click()
    expect(page.locator("#foreseen")).to_contain_text("holidays of DE-BE and 2 dates")
    expect(page.locator("#foreseen li")).to_have_count(10)
    page.get_by_role("button", name="Make it").click()
    expect(page.locator("#field-name-error")).to_contain_text("`none` stands for no calendar")
    expect(page.get_by_label("Name")).to_be_focused()
    page.get_by_label("Name").fill("berlin")
    page.get_by_role("button", name="Make it").click()
    expect(page.get_by_text("Made the calendar berlin.")).to_be_visible()
    made = site.scheduler.get_calendar("berlin")
    assert (made["country"], made["subdivision"], made["actor"], made["origin"], made["reason"]) == (
        *("DE", "BE", "local", "page", "nobody is there"),
    )
    assert made["dates"] == {"2050-12-24": "Christmas Eve", "2050-12-31": ""}
    page.goto(f"{site.address}/changes")
    page.get_by_role("link", name="calendar/berlin").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("berlin")


@pytest.mark.parametrize(
    ("field", "text", "words"),
    [
        ("country", "XYZ", "ISO 3166"),
        ("subdivision", "ZZ", "Of DE there are"),
        ("dates", "2050-01-01 New Year\n31.12.2050 party", "Line 2: give dates as YYYY-MM-DD"),
        ("dates", "", "Give a country, or dates"),
    ],
)
def test_what_is_wrong_stands_at_its_field_and_is_kept(
    site: Site, browse: Browse, field: str, text: str, words: str
) -> None:
    page = browse("/calendars/-new", script=False, expect_errors=True)
    if field == "subdivision":
        page.get_by_label("Holidays of a country").fill("DE")
    page.get_by_label("Name").fill("office")
    page.locator(f"#field-{field}").fill(text)
    page.get_by_role("button", name="Make it").click()
    expect(page.locator(f"#field-{field}-error")).to_contain_text(words)
    expect(page.locator(f"#field-{field}")).to_have_value(text)
    expect(page.get_by_label("Name")).to_have_value("office")
    assert site.scheduler.get_calendars() == []


def test_a_name_that_is_taken_takes_nothing_away(office: Site, browse: Browse) -> None:
    page = browse("/calendars/-new", script=False, expect_errors=True)
    page.get_by_label("Name").fill("office")
    page.get_by_label("Further dates").fill("2050-01-01")
    page.get_by_role("button", name="Make it").click()
    expect(page.locator("#field-name-error")).to_contain_text("There is a calendar of that name already.")
    assert office.scheduler.get_calendar("office")["dates"] == DATES


def test_who_saves_what_somebody_changed_meanwhile_sees_that_and_loses_nothing(office: Site, browse: Browse) -> None:
    page = browse("/calendars/office", script=False, expect_errors=True)
    page.get_by_label("Further dates").fill("2050-12-31 party")
    office.scheduler.set_calendar("office", dates=["2050-06-01"], author=Author("jonas", Origin.API))
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_role("alert")).to_contain_text("Meanwhile, jonas changed it: it is 1 date now.")
    expect(page.get_by_label("Further dates")).to_have_value("2050-12-31 party")
    assert list(office.scheduler.get_calendar("office")["dates"]) == ["2050-06-01"]
    page.get_by_role("button", name="Save").click()  # now it was seen
    expect(page.get_by_text("Saved the calendar office.")).to_be_visible()
    assert office.scheduler.get_calendar("office")["dates"] == {"2050-12-31": "party"}


def test_one_that_jobs_name_is_removed_only_after_these_were_shown(office: Site, browse: Browse, script: bool) -> None:
    page = browse("/calendars/office", script=script, expect_errors=True)
    page.get_by_role("link", name="Remove …").click()
    expect(page.get_by_text("1 job names it, and will not fire without it")).to_be_visible()
    office.scheduler.change_job("hourly", calendar="office")
    page.get_by_label("Why").fill("we never close")
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_role("alert")).to_contain_text("other jobs name it than those that you saw")
    expect(page.get_by_text("2 jobs name it, and will not fire without it")).to_be_visible()
    expect(page.get_by_label("Why")).to_have_value("we never close")
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("Removed the calendar office.")).to_be_visible()
    assert office.scheduler.get_calendars() == []
    page.goto(f"{office.address}/calendars/office")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no calendar office.")
    expect(page.get_by_text("2 jobs name it, and do not fire without it")).to_be_visible()


def test_a_job_is_given_a_calendar_where_one_edits_it(office: Site, browse: Browse, script: bool) -> None:
    due = office.scheduler.closeup("hourly").fire_times
    office.scheduler.set_calendar("tomorrow", dates=[due[0].date()])
    page = browse("/jobs/hourly/edit", script=script)
    page.get_by_label("Calendar", exact=True).select_option("tomorrow")
    if not script:
        page.get_by_role("button", name="Preview").click()
    expect(page.locator("#then li").first).to_contain_text(f"{due[1]:%a} 03:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Changed hourly.")).to_be_visible()
    assert office.scheduler.get_job("hourly")["calendar"] == "tomorrow"
    expect(page.locator("#job-next li").first).to_contain_text("excluded by calendar tomorrow")
    expect(page.locator("#job-next li").first).to_contain_text(re.compile("left out"))


def test_a_viewer_looks_and_has_no_buttons(office: Site, browse: Browse) -> None:
    token = office.token(Role.VIEWER, "vera")
    office.serve_again(loopback=False)
    page = browse("/sign-in?to=/calendars", expect_errors=True)
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("link", name="Make one")).to_have_count(0)
    page.get_by_role("link", name="office", exact=True).click()
    expect(page.locator("#foreseen")).to_contain_text("Christmas Eve")
    expect(page.locator("form.editor, main button")).to_have_count(0)
    for path in ("/calendars/-new", "/calendars/office/remove"):
        page.goto(office.address + path)
        expect(page.locator("main form")).to_have_count(0)


def test_the_timeline_leaves_out_what_the_calendar_leaves_out(office: Site, browse: Browse) -> None:
    lanes = live(browse("/")).locator(".lane-name")
    expect(lanes.filter(has_text="nightly")).to_have_count(1)
    today = date.today()
    office.scheduler.set_calendar("office", dates=[today + timedelta(days=days) for days in range(-1, 4)])
    expect(lanes.filter(has_text="nightly")).to_have_count(0)
    expect(lanes.filter(has_text="hourly")).to_have_count(1)


def test_what_was_done_to_a_calendar_is_undone(office: Site, browse: Browse, script: bool) -> None:
    office.scheduler.set_calendar("office", dates=["2051-01-02"], author=MIA)
    page = browse("/changes", script=script)
    row = page.locator(".story > li").first
    expect(row).to_contain_text("mia set")
    row.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone:").first).to_be_visible()
    assert list(office.scheduler.get_calendar("office")["dates"]) == list(DATES)


def test_undoing_the_first_line_of_a_calendar_removes_it_and_is_asked_first(
    office: Site, browse: Browse, script: bool
) -> None:
    office.scheduler.change_job("nightly", calendar=None)
    page = browse("/changes?job=calendar/office", script=script)
    page.get_by_role("link", name="Undo").click()
    expect(page.get_by_text("removes the calendar again")).to_be_visible()
    if script:
        check_barriers(page)
    page.get_by_role("button", name="Remove the calendar again").click()
    expect(page.get_by_text("Undone:").first).to_be_visible()
    assert office.scheduler.get_calendars() == []


def test_a_calendar_that_was_just_saved_can_be_had_back(office: Site, browse: Browse, script: bool) -> None:
    page = browse("/calendars/office", script=script)
    page.get_by_label("Further dates").fill("2052-02-02")
    page.get_by_role("button", name="Save").click()
    notice = page.locator("[data-notice]")
    expect(notice).to_contain_text("Saved the calendar office")
    notice.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone:")).to_be_visible()
    assert list(office.scheduler.get_calendar("office")["dates"]) == list(DATES)
