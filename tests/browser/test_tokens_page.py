"""API tokens on the page: made and shown once, revoked after a question; and signing out everywhere."""

from __future__ import annotations

import pytest
from playwright.sync_api import Page, expect

from gnomon.domain.principal import Role
from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site

HOSTILE = "<img src=x onerror=alert(1)>"


def sign_in(page: Page, token: str) -> None:
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_token_is_made_shown_once_and_revoked(site: Site, browse: Browse, script: bool) -> None:
    page = browse("/tokens", script=script, expect_errors=True)
    expect(page.get_by_role("heading", name="No token stands.")).to_be_visible()
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_text("Say who it is for")).to_be_visible()
    page.get_by_label("Whose").fill(HOSTILE)
    page.get_by_label("viewer").check()
    page.get_by_label("Expires after days").fill("many")
    page.get_by_role("button", name="Make the token").click()
    expect(page.get_by_text("Give a number from 1 to 3,650")).to_be_visible()
    expect(page.get_by_label("Whose")).to_have_value(HOSTILE)
    expect(page.get_by_label("viewer")).to_be_checked()
    page.get_by_label("Expires after days").fill("7")
    page.get_by_role("button", name="Make the token").click()
    secret = page.locator("#secret").inner_text()
    assert site.scheduler.access.tokens.verify(secret).role is Role.VIEWER
    expect(page.locator(".keyring tbody tr")).to_contain_text(HOSTILE)
    assert page.locator("img[src=x], [onerror]").count() == 0
    page.goto(f"{site.address}/tokens")
    assert secret not in page.content()
    page.get_by_role("link", name="Revoke …").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(f"Revoke the token of {HOSTILE}?")
    page.get_by_role("button", name="Revoke it").click()
    expect(page.get_by_text("opens nothing any more.")).to_be_visible()
    assert not site.scheduler.access.tokens.stands()


def test_a_token_is_copied(site: Site, browse: Browse) -> None:
    page = browse("/tokens", permissions=["clipboard-read", "clipboard-write"])
    page.get_by_label("Whose").fill("mia")
    page.get_by_role("button", name="Make the token").click()
    page.get_by_role("button", name="Copy").click()
    expect(page.get_by_role("button", name="Copied")).to_be_visible()
    assert page.evaluate("navigator.clipboard.readText()") == page.locator("#secret").inner_text()


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desk-light", "phone-dark"])
def test_no_page_of_tokens_keeps_anybody_out(site: Site, browse: Browse, phone: bool, dark: bool) -> None:
    site.token(Role.ADMIN, "grafana of the other department with a long name")
    page = browse("/tokens", phone=phone, dark=dark)
    check_barriers(live(page))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_label("Whose").fill("mia")
    page.get_by_role("button", name="Make the token").click()
    check_barriers(live(page))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.get_by_role("link", name="Revoke …").first.click()
    check_barriers(live(page))


def test_only_administrators_see_tokens(site: Site, browse: Browse) -> None:
    page = browse("/sign-in", expect_errors=True)
    sign_in(page, site.token(Role.OPERATOR))
    expect(page.get_by_role("link", name="Tokens")).to_have_count(0)
    page.goto(f"{site.address}/tokens")
    expect(page.get_by_text("with the role operator")).to_be_visible()


def test_one_signs_out_everywhere(site: Site, browse: Browse) -> None:
    site.serve_again(loopback=False)
    token = site.token(Role.ADMIN)
    one, other = browse("/tokens", expect_errors=True), browse("/runs", expect_errors=True)
    for page in (one, other):
        sign_in(page, token)
        live(page)
    one.reload()
    expect(one.get_by_text("signed in 2 times")).to_be_visible()
    one.get_by_role("button", name="Sign out everywhere").click()
    expect(one.get_by_role("heading", level=1)).to_have_text("Sign in")
    other.reload()
    expect(other.get_by_role("heading", level=1)).to_have_text("Sign in")
