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


#: What would be in the page if any of it were taken for more than text.
_TAKEN = "img[src=x], h1:text-is('Z'), [onerror], [onfocus], [href^='javascript']"


def _as_id(text: str) -> str:
    """What is left of it in an id, which is printable and has no slash."""
    return "".join(letter for letter in text if letter.isprintable() and letter != "/").strip()[:180]


@pytest.fixture
def hostile(site: Site) -> Site:
    """A job for each, which has it in every field that can hold it."""
    for text in HOSTILE.values():
        site.scheduler.register(nothing, "cron", id=_as_id(text), name=text[:1000], description=text, hour=3)
    site.store_jobs()
    for text in HOSTILE.values():
        author = Author(text[:150], Origin.API, text[:900])
        site.scheduler.change_job(_as_id(text), max_instances=2, author=author)
        scene.ended(site.scheduler, _as_id(text), scene.ago(minutes=5), RunState.FAILED, error=text)
        scene.running(site.scheduler, _as_id(text), scene.ago(seconds=5), done=1, total=2)
    return site


@pytest.mark.parametrize(("path", "phone"), [("/", False), ("/", True), ("/jobs", False), ("/jobs", True)])
def test_it_is_shown_as_it_is(hostile: Site, browse: Browse, path: str, phone: bool) -> None:
    page = live(browse(path, phone=phone))
    expect(page.get_by_text(HOSTILE["script"]).first).to_be_visible()
    assert page.locator(_TAKEN).count() == 0
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    content = page.content()
    assert "\u202e" not in content
    assert "\\u202e" in content  # It turns nothing around, and can be seen.


@pytest.mark.parametrize("name", ["attribute", "quote", "direction", "long", "lines"])
def test_it_is_acted_on_like_any_other(hostile: Site, browse: Browse, name: str) -> None:
    job_id = _as_id(HOSTILE[name])
    page = browse("/jobs", script=False)
    at = page.locator("#job-rows input[name=job]").evaluate_all(
        "(boxes, id) => boxes.findIndex(b => b.value === id)", job_id
    )
    row = page.locator("#job-rows tr").nth(at)
    row.get_by_role("button", name="Pause").click()
    expect(page.locator("[data-notice]")).to_contain_text("Paused")
    assert not hostile.scheduler.get_job(job_id)["enabled"]
    at = page.locator("#job-rows input[name=job]").evaluate_all(
        "(boxes, id) => boxes.findIndex(b => b.value === id)", job_id
    )
    page.locator("#job-rows tr").nth(at).get_by_role("checkbox").check()
    page.get_by_role("button", name="Resume …").click()
    page.get_by_label("Why").fill(HOSTILE[name].replace("\r\n", " ").replace("\n", " ")[:900])
    page.get_by_role("button", name="Resume: 1 job").click()
    expect(page.get_by_text("Done for 1 job.")).to_be_visible()
    assert hostile.scheduler.get_job(job_id)["enabled"]
    assert page.locator(_TAKEN).count() == 0


def test_what_was_typed_comes_back_as_it_is(site: Site, browse: Browse) -> None:
    page = browse("/jobs", script=False)
    for text in HOSTILE.values():
        typed = " ".join(text.split())[:200]
        page.get_by_role("searchbox").fill(typed)
        page.get_by_role("button", name="Apply").click()
        expect(page.get_by_role("searchbox")).to_have_value(typed)
        assert page.locator(_TAKEN).count() == 0


@pytest.mark.parametrize(
    "path", ["/%3Cscript%3Ealert(1)%3C/script%3E", "/jobs?cursor=%22%3E%3Cimg%20src=x%20onerror=alert(1)%3E"]
)
def test_an_address_is_text_too(site: Site, browse: Browse, path: str) -> None:
    page = browse(path, expect_errors=True)
    expect(page.get_by_role("heading", level=1)).to_be_visible()
    assert page.locator(_TAKEN).count() == 0
