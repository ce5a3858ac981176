"""Signing in and out, back to where one was, with what one had written; and what each role may."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from gnomon.domain.principal import Role
from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site
from tests.jobs import nothing


@pytest.fixture
def guarded(site: Site) -> Site:
    """A server that knows nobody by his address."""
    site.scheduler.register(nothing, "cron", id="nightly", hour=3)
    site.store_jobs()
    site.serve_again(loopback=False)
    return site


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_who_is_not_known_is_led_to_where_one_signs_in_and_back(guarded: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs?search=night", script=script)
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    sign_in(page, guarded.token())
    expect(page.locator("#job-rows tr")).to_have_count(1)
    assert page.url.endswith("/jobs?search=night")
    expect(page.get_by_text("Signed in as mia.")).to_be_visible()
    page.get_by_role("button", name="Pause nightly").click()
    expect(page.get_by_text("Paused nightly.")).to_be_visible()
    assert guarded.scheduler.changes("nightly")[0].author.actor == "mia"
    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")
    page.goto(f"{guarded.address}/jobs")
    expect(page.get_by_role("heading", level=1)).to_have_text("Sign in")


def test_a_wrong_token_is_told_at_its_field(guarded: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs", script=script, expect_errors=True)
    sign_in(page, "gnomon_wrong")
    field = page.get_by_label("API token")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(page.locator("#field-token-error")).to_contain_text("no API token that stands")
    if script:
        check_barriers(page)
    sign_in(page, guarded.token())
    assert page.url.endswith("/jobs")


def test_nobody_is_led_to_another_server(guarded: Site, browse: Browse) -> None:
    page = browse("/sign-in?to=//evil.example/x")
    sign_in(page, guarded.token())
    expect(page.get_by_role("heading", level=1)).to_have_text("All is well.")
    assert page.url == f"{guarded.address}/"


def test_what_was_written_survives_the_end_of_a_session(guarded: Site, browse: Browse, script: bool) -> None:
    token = guarded.token()
    page = browse("/jobs", script=script, expect_errors=True)
    sign_in(page, token)
    page.get_by_role("checkbox", name="Choose nightly").check()
    page.get_by_role("button", name="Pause …").click()
    page.get_by_label("Why").fill("the bank is closed")
    page.context.clear_cookies(name="gnomon_session")
    page.get_by_role("button", name="Pause: 1 job").click()
    expect(page.get_by_text("Your session has ended.").first).to_be_visible()
    sign_in(page, token)
    expect(page.get_by_role("heading", level=1)).to_have_text("You are signed in. Go on?")
    expect(page.get_by_text("the bank is closed")).to_be_visible()
    assert guarded.scheduler.get_job("nightly")["enabled"]
    page.get_by_role("button", name="Do it now").click()
    expect(page.get_by_text("Done for 1 job.")).to_be_visible()
    assert guarded.scheduler.changes("nightly")[0].author.reason == "the bank is closed"


def test_a_session_that_ends_under_an_open_page_is_told_there(guarded: Site, browse: Browse) -> None:
    page = browse("/jobs", expect_errors=True)
    sign_in(page, guarded.token())
    live(page)
    guarded.scheduler.access.tokens.revoke("mia")
    page.get_by_role("button", name="Pause nightly").click()
    expect(page.get_by_role("link", name="Sign in").first).to_be_visible()
    assert guarded.scheduler.get_job("nightly")["enabled"]
    expect(page.get_by_text("Your session has ended.")).to_be_visible(timeout=20_000)


def test_a_viewer_sees_everything_and_no_button(guarded: Site, browse: Browse) -> None:
    page = browse("/jobs", expect_errors=True)
    sign_in(page, guarded.token(Role.VIEWER, "vera"))
    expect(page.locator("#job-rows tr")).to_have_count(1)
    expect(page.get_by_role("button", name="Pause")).to_have_count(0)
    expect(page.get_by_role("checkbox", name="Choose")).to_have_count(0)


def test_a_form_without_its_token_is_refused(guarded: Site, browse: Browse) -> None:
    page = browse("/jobs", script=False, expect_errors=True)
    sign_in(page, guarded.token())
    answer = page.request.post(
        f"{guarded.address}/jobs/nightly/pause", form={}, headers={"Accept": "text/html", "Origin": guarded.address}
    )
    assert answer.status == 403
    assert "forgery token" in answer.text()
    assert guarded.scheduler.get_job("nightly")["enabled"]
