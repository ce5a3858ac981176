"""Hostile text in every field that reaches a page: it is text."""

from __future__ import annotations

import pytest
from playwright.sync_api import expect

from gnomon.domain.change import Author, Origin
from gnomon.domain.run import RunState
from tests.browser import scene
from tests.browser.conftest import Browse, live
from tests.browser.site import Site
from tests.jobs import nothing

HOSTILE = {
    "script": "<script>alert(1)</script>",
    "attribute": '"><img src=x onerror=alert(1)>',
    "quote": "' onfocus='alert(1)' autofocus x='",
    "link": "javascript:alert(1)",
    "template": "{{ 7*7 }}{% raw %}${7*7}",
    "markup": "<h1>Z</h1><hx-partial hx-target='body'>x</hx-partial><p hx-get='/x' hx-trigger='load'>",
    "direction": "abc\u202eslaf\u202c\u2066x",
    "long": "x" * 10_000,
    "lines": "one\ntwo\r\n\tthree",
    "emoji": "🕰️ ጤና ይስጥልኝ مرحبا",
}


def _as_id(text: str) -> str:
    """What is left of it in an id, which is printable and has no slash."""
    return "".join(letter for letter in text if letter.isprintable() and letter != "/").strip()[:180]


@pytest.mark.parametrize("name", HOSTILE)
def test_it_is_shown_as_it_is(site: Site, browse: Browse, name: str) -> None:
    text = HOSTILE[name]
    job_id = _as_id(text)
    site.scheduler.register(nothing, "cron", id=job_id, name=text, description=text, hour=3)
    site.store_jobs()
    author = Author(text[:150], Origin.API, text[:900])
    site.scheduler.change_job(job_id, max_instances=2, author=author)
    scene.ended(site.scheduler, job_id, scene.ago(minutes=5), RunState.FAILED, error=text)
    scene.running(site.scheduler, job_id, scene.ago(seconds=5), done=1, total=2)
    page = live(browse("/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("1 job is failing.")
    assert page.locator("img[src=x], h1:text('Z'), [onerror], [onfocus], [href^='javascript']").count() == 0
    page.goto(f"{site.address}/jobs")
    live(page)
    expect(page.locator("#job-rows tr")).to_have_count(1)
    assert page.locator("img[src=x], h1:text('Z'), [onerror], [onfocus], [href^='javascript']").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert "\u202e" not in page.content()
    page.get_by_role("button", name="Pause").first.click()
    expect(page.locator("[data-notice]")).to_contain_text("Paused")
    expect(page.locator("#job-rows tr")).to_contain_text("paused")
    assert not site.scheduler.get_job(job_id)["enabled"]
    page.get_by_role("checkbox", name="Choose").last.check()
    page.get_by_role("button", name="Resume …").click()
    page.get_by_role("button", name="Resume: 1 job").click()
    expect(page.get_by_text("Done for 1 job.")).to_be_visible()


@pytest.mark.parametrize("name", HOSTILE)
def test_what_was_typed_comes_back_as_it_is(site: Site, browse: Browse, name: str) -> None:
    page = browse("/jobs", expect_errors=True)
    text = HOSTILE[name][:200]
    page.get_by_role("searchbox").fill(text)
    page.get_by_role("searchbox").press("Enter")
    page.goto(f"{site.address}/jobs?search=" + page.evaluate("text => encodeURIComponent(text)", text))
    expect(page.get_by_role("searchbox")).to_have_value(page.get_by_role("searchbox").input_value())
    assert page.locator("img[src=x], [onerror], [onfocus]").count() == 0


@pytest.mark.parametrize(
    "path", ["/%3Cscript%3Ealert(1)%3C/script%3E", "/jobs?cursor=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E"]
)
def test_an_address_is_text_too(site: Site, browse: Browse, path: str) -> None:
    page = browse(path, expect_errors=True)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.locator("img[src=x], [onerror]").count() == 0
