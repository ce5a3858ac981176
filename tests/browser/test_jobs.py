"""Finding jobs, and doing something to one or to many."""

from __future__ import annotations

import re

import pytest
from playwright.sync_api import APIResponse, Page, Request, expect

from gnomon.domain.change import Origin
from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site
from tests.jobs import nothing


@pytest.fixture
def busy(site: Site) -> Site:
    site.night()
    return site


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


def test_a_search_shows_what_it_finds_while_one_types(busy: Site, browse: Browse) -> None:
    page = live(browse("/jobs"))
    page.get_by_role("searchbox").press_sequentially("tenant-")
    expect(page.locator("#job-rows tr")).to_have_count(6)
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.wait_for_url("**/jobs?search=tenant-")
    page.reload()
    expect(page.locator("#job-rows tr")).to_have_count(6)
    expect(page.get_by_role("searchbox")).to_have_value("tenant-")


def test_filters_and_order(busy: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs", script=script)
    page.get_by_text("paused", exact=True).first.click()
    page.get_by_label("Sort").select_option("id")
    if not script:
        page.get_by_role("button", name="Apply").click()
    expect(page.locator("#job-rows tr")).to_have_count(1)
    expect(page.locator("#job-rows tr")).to_contain_text("newsletter")


def test_pages_follow_each_other(site: Site, browse: Browse, script: bool) -> None:
    for number in range(120):
        site.scheduler.register(nothing, "cron", id=f"job-{number:03}", hour=3)
    site.store_jobs()
    page = browse("/jobs?sort=id", script=script)
    seen = []
    for _ in range(3):
        seen += page.locator("#job-rows a.name").all_inner_texts()
        following = page.get_by_role("link", name="Next page")
        if following.count():
            following.click()
            page.wait_for_load_state()
    assert seen == [f"job-{number:03}" for number in range(120)]
    first, pager = page.locator("#job-rows a.name").first, page.get_by_role("navigation", name="Pages")
    expect(pager).to_contain_text("job-100 – job-119")
    page.get_by_role("link", name="Previous page").click()
    expect(first).to_have_text("job-050")
    page.get_by_role("link", name="Previous page").click()
    expect(first).to_have_text("job-000")
    expect(page.get_by_role("link", name=re.compile("First|Previous"))).to_have_count(0)
    page.go_back()
    expect(first).to_have_text("job-050")
    page.get_by_role("link", name="Next page").click()
    expect(first).to_have_text("job-100")
    expect(page.get_by_role("link", name="Next page")).to_have_count(0)
    page.get_by_role("link", name="First page").click()
    expect(first).to_have_text("job-000")


def test_pausing_resuming_and_undoing_in_place(busy: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs?search=backup", script=script)
    if script:
        live(page)
    page.get_by_role("button", name="Pause backup").click()
    expect(page.get_by_text("Paused backup.")).to_be_visible()
    expect(page.locator("#job-rows tr")).to_contain_text("paused")
    change = busy.scheduler.changes("backup")[0]
    assert (change.action, change.author.origin, change.author.actor) == ("pause", Origin.PAGE, "local")
    page.get_by_role("button", name="Undo backup").click()
    expect(page.get_by_text("Undone: backup")).to_be_visible()
    expect(page.get_by_role("button", name="Pause backup")).to_be_visible()
    page.get_by_role("button", name="Pause backup").click()
    page.get_by_role("button", name="Resume backup").click()
    expect(page.get_by_text("Resumed backup.")).to_be_visible()
    assert busy.scheduler.get_job("backup")["enabled"]
    assert page.url.endswith("/jobs?search=backup")


def test_running_now_in_place(busy: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs?search=backup", script=script)
    page.get_by_role("button", name="Run now backup").click()
    expect(page.get_by_text("Started backup once, now.")).to_be_visible()
    run = busy.scheduler.runs("backup", limit=1)[0]
    expect(page.get_by_role("link", name=f"Run {run.id}")).to_be_visible()
    assert run.cause.value == "manual"


def test_what_was_pressed_twice_by_one_hand_runs_once_and_on_purpose_twice(site: Site, browse: Browse) -> None:
    site.scheduler.register(nothing, "cron", id="backup", hour=3, max_instances=5)
    site.store_jobs()
    page = live(browse("/jobs"))
    button = page.get_by_role("button", name="Run now backup")
    key = button.get_attribute("value")
    button.dblclick()
    expect(page.get_by_text("Started backup once, now.")).to_have_count(1)
    expect(button).not_to_have_attribute("value", str(key))  # what is morphed in is another wish
    assert len(site.scheduler.runs("backup")) == 1
    button.click(delay=10)
    expect(page.get_by_text("Started backup once, now.")).to_have_count(2)
    assert len(site.scheduler.runs("backup")) == 2


def test_a_double_click_does_not_hit_the_button_that_comes_in_place_of_the_first(site: Site, browse: Browse) -> None:
    site.scheduler.register(nothing, "cron", id="backup", hour=3)
    site.store_jobs()
    page = live(browse("/jobs"))
    box = page.get_by_role("button", name="Pause backup").bounding_box()
    assert box is not None
    at = box["x"] + box["width"] / 2, box["y"] + box["height"] / 2
    page.mouse.move(*at)
    page.mouse.down(click_count=1)
    page.mouse.up(click_count=1)
    expect(page.get_by_role("button", name="Resume backup")).to_be_visible()
    page.mouse.down(click_count=2)
    page.mouse.up(click_count=2)
    page.get_by_role("button", name="Run now backup").click()
    expect(page.get_by_text("Started backup once, now.")).to_be_visible()
    assert not site.scheduler.get_job("backup")["enabled"]


def test_a_form_that_is_sent_again_starts_nothing_more(site: Site, browse: Browse) -> None:
    site.scheduler.register(nothing, "cron", id="backup", hour=3, max_instances=5)
    site.store_jobs()
    page = browse("/jobs", script=False)
    with page.expect_request("**/run") as sent:
        page.get_by_role("button", name="Run now backup").click()
    expect(page.get_by_text("Started backup once, now.")).to_be_visible()
    again = _sent_again(page, sent.value)
    assert again.ok
    assert "Nothing more was started of" in again.text()
    (run,) = site.scheduler.runs("backup")
    assert f"/runs/{run.id}" in again.text()
    page.get_by_role("button", name="Run now backup").click()  # the page that was made since has another key
    expect(page.get_by_text("Started backup once, now.")).to_be_visible()
    assert len(site.scheduler.runs("backup")) == 2


def _sent_again(page: Page, sent: Request) -> APIResponse:
    """The same form once more, as a browser does that is told to load the answer again."""
    headers = {"Origin": page.url.partition("/jobs")[0], "Accept": "text/html"}
    headers["Content-Type"] = "application/x-www-form-urlencoded"
    return page.request.post(sent.url, data=sent.post_data, headers=headers)


def test_many_run_once_however_often_it_is_confirmed(site: Site, browse: Browse) -> None:
    for name in ("one", "two"):
        site.scheduler.register(nothing, "cron", id=name, hour=3, max_instances=5)
    site.store_jobs()
    page = browse("/jobs", script=False)
    for name in ("one", "two"):
        page.get_by_role("checkbox", name=f"Choose {name}").check()
    page.get_by_role("button", name="Run now …").click()
    with page.expect_request("**/jobs/together/do") as sent:
        page.get_by_role("button", name="Run once, now: 2 jobs").click()
    expect(page.get_by_text("Done for 2 jobs.")).to_be_visible()
    assert _sent_again(page, sent.value).ok
    assert [len(site.scheduler.runs(name)) for name in ("one", "two")] == [1, 1]


def test_what_cannot_be_done_says_why(busy: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs?search=thumbnails", script=script, expect_errors=True)
    page.get_by_role("button", name="Run now thumbnails").click()
    expect(page.get_by_text("1 of 1 runs are active")).to_be_visible()


def test_who_clicks_on_what_was_changed_meanwhile_changes_nothing(busy: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs?search=backup", script=False, expect_errors=True)
    busy.scheduler.change_job("backup", trigger="cron", trigger_args={"hour": 5})
    page.get_by_role("button", name="Pause backup").click()
    expect(page.get_by_text("was changed")).to_be_visible()
    assert busy.scheduler.get_job("backup")["enabled"]


def test_many_at_once_are_shown_before_they_are_done(busy: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs?search=tenant", script=script)
    together = page.get_by_role("form", name="Do to all that are chosen")
    expect(together).to_be_hidden()
    for name in ("ada", "bob"):
        page.get_by_role("checkbox", name=f"Choose tenant-{name}").check()
    expect(together).to_be_visible()
    busy.scheduler.pause_job("tenant-bob")
    together.get_by_role("button", name="Pause …").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pause: 1 job?")
    expect(page.locator("tbody tr")).to_contain_text("fires at 00:00 every day")
    expect(page.get_by_text("it is paused already")).to_be_visible()
    check_barriers(page) if script else None
    assert busy.scheduler.get_job("tenant-ada")["enabled"]
    page.get_by_label("Why").fill("the month is closed by hand")
    page.get_by_role("button", name="Pause: 1 job").click()
    expect(page.get_by_text("Done for 1 job.")).to_be_visible()
    assert page.url.endswith("/jobs?search=tenant")
    change = busy.scheduler.changes("tenant-ada")[0]
    assert (change.action, change.author.reason) == ("pause", "the month is closed by hand")


def test_one_that_fails_does_not_keep_the_others_from_it(busy: Site, browse: Browse) -> None:
    page = browse("/jobs?search=tenant")
    for name in ("ada", "bob"):
        page.get_by_role("checkbox", name=f"Choose tenant-{name}").check()
    page.get_by_role("button", name="Pause …").click()
    busy.scheduler.change_job("tenant-bob", max_instances=3)
    page.get_by_role("button", name="Pause: 2 jobs").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Pause: 1 job done, 1 not.")
    expect(page.locator(".rows li")).to_contain_text("was changed")
    assert not busy.scheduler.get_job("tenant-ada")["enabled"]
    assert busy.scheduler.get_job("tenant-bob")["enabled"]


def test_choosing_all(busy: Site, browse: Browse) -> None:
    page = live(browse("/jobs?search=tenant"))
    page.get_by_role("checkbox", name="Choose all that are shown").check()
    expect(page.get_by_text("6 jobs chosen")).to_be_visible()
    page.get_by_role("button", name="Choose none").click()
    expect(page.get_by_role("form", name="Do to all that are chosen")).to_be_hidden()


def test_a_strip_says_in_words_what_it_shows(busy: Site, browse: Browse) -> None:
    page = browse("/jobs?search=import-bank")
    strip = page.locator("#job-rows svg.strip")
    words = re.compile(r"last 20 runs: 18 succeeded, 2 failed; the newest failed; took .* to .*")
    expect(page.locator("#job-rows").get_by_role("img", name=words)).to_have_count(1)
    expect(strip.locator("rect")).to_have_count(2)


def test_the_keyboard_is_enough(busy: Site, browse: Browse) -> None:
    page = live(browse("/"))
    page.keyboard.press("?")
    expect(page.get_by_role("dialog", name="Keyboard shortcuts")).to_be_visible()
    check_barriers(page)
    page.keyboard.press("Escape")
    page.keyboard.press("g")
    page.keyboard.press("j")
    page.wait_for_url("**/jobs")
    live(page)
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).to_be_focused()
    page.keyboard.type("tenant")
    expect(page.locator("#job-rows tr")).to_have_count(6)
    page.keyboard.press("Escape")
    expect(page.get_by_role("searchbox")).to_have_value("tenant")
    page.keyboard.press("j")
    page.keyboard.press("j")
    expect(page.get_by_role("link", name="tenant-bob")).to_be_focused()
    page.keyboard.press("x")
    expect(page.get_by_role("checkbox", name="Choose tenant-bob")).to_be_checked()
    page.keyboard.press("p")
    expect(page.get_by_role("button", name="Pause tenant-bob")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.get_by_text("Paused tenant-bob.")).to_be_visible()


def test_the_keys_can_be_switched_off(busy: Site, browse: Browse) -> None:
    page = live(browse("/jobs"))
    page.get_by_role("button", name="Keyboard shortcuts").click()
    page.get_by_role("checkbox", name="Use these keys").uncheck()
    page.get_by_role("button", name="Close").click()
    page.keyboard.press("/")
    expect(page.get_by_role("searchbox")).not_to_be_focused()
