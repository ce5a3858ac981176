"""Never stale: what moves is on the screen; what cannot be vouched for says so."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from gnomon.domain.run import RunState
from tests.browser import scene
from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site
from tests.jobs import nothing


@pytest.fixture
def jobs(site: Site) -> Site:
    """Days away, so that at any time of day what a test makes due sooner comes first."""
    for number in range(5):
        site.scheduler.register(nothing, "date", id=f"job-{number}", run_date=scene.ago(days=-2 - number))
    site.store_jobs()
    return site


def test_what_somebody_else_does_appears_by_itself(jobs: Site, browse: Browse) -> None:
    page = live(browse("/jobs"))
    jobs.scheduler.change_job("job-1", trigger="interval", trigger_args={"minutes": 7})
    expect(page.locator("#job-rows")).to_contain_text("every 7 minutes")
    expect(page.locator("#job-rows tr", has_text="job-1")).to_contain_text("override")


def test_a_run_that_fails_appears_by_itself(jobs: Site, browse: Browse) -> None:
    page = live(browse("/"))
    expect(page.get_by_role("heading", level=1)).to_have_text("All is well.")
    run_id = scene.running(jobs.scheduler, "job-2", scene.ago(seconds=3), done=3, total=4)
    expect(page.locator("#active")).to_contain_text("3 of 4")
    scene.end(jobs.scheduler, run_id, RunState.FAILED, error="ValueError: no such file")
    expect(page.get_by_role("heading", level=1)).to_have_text("1 job is failing.")
    expect(page.locator("#trouble")).to_contain_text("no such file")
    expect(page.locator("#active")).to_contain_text("Nothing runs")


def test_two_readers_see_the_same(jobs: Site, browse: Browse) -> None:
    one, other = live(browse("/jobs")), live(browse("/jobs", phone=True, dark=True))
    one.get_by_role("button", name="Pause job-3").click()
    expect(other.locator("#job-rows tr", has_text="job-3")).to_contain_text("paused")
    other.get_by_role("button", name="Resume job-3").click()
    expect(one.locator("#job-rows tr", has_text="job-3")).to_contain_text("active")


def test_nothing_moves_under_the_pointer(jobs: Site, browse: Browse) -> None:
    page = live(browse("/jobs"))
    rows = page.locator("#job-rows tr")
    before = page.locator("#job-rows a.name").all_inner_texts()
    rows.nth(2).hover()
    place = rows.nth(2).bounding_box()
    moved, gone = before[2], before[1]
    jobs.scheduler.change_job(moved, trigger="interval", trigger_args={"seconds": 900})
    expect(rows.nth(2)).to_contain_text("every 15 minutes")  # it is told at once …
    assert page.locator("#job-rows a.name").all_inner_texts() == before  # … and stays where it is
    assert rows.nth(2).bounding_box() == place
    page.mouse.move(5, 5)
    expect(page.locator("#job-rows a.name").first).to_have_text(moved)
    assert gone in page.locator("#job-rows a.name").all_inner_texts()


def test_a_row_that_is_gone_stays_struck_out_while_one_points_at_the_list(jobs: Site, browse: Browse) -> None:
    page = live(browse("/jobs?state=active"))
    rows = page.locator("#job-rows tr")
    before = page.locator("#job-rows a.name").all_inner_texts()
    rows.nth(3).hover()
    jobs.scheduler.pause_job(before[1])
    expect(rows.nth(1)).to_have_attribute("data-gone", "")
    assert page.locator("#job-rows a.name").all_inner_texts() == before
    page.mouse.move(5, 5)
    expect(rows).to_have_count(4)


def test_focus_choice_and_search_survive_what_moves(jobs: Site, browse: Browse) -> None:
    page = live(browse("/jobs"))
    page.get_by_role("checkbox", name="Choose job-1").check()
    page.get_by_role("button", name="Run now job-4").focus()
    jobs.scheduler.change_job("job-0", trigger="interval", trigger_args={"minutes": 9})
    expect(page.locator("#job-rows")).to_contain_text("every 9 minutes")
    expect(page.get_by_role("button", name="Run now job-4")).to_be_focused()
    expect(page.get_by_role("checkbox", name="Choose job-1")).to_be_checked()
    page.get_by_role("searchbox").fill("job-")
    jobs.scheduler.change_job("job-0", trigger="interval", trigger_args={"minutes": 11})
    expect(page.locator("#job-rows")).to_contain_text("every 11 minutes")
    expect(page.get_by_role("searchbox")).to_have_value("job-")


def test_a_server_that_is_killed_is_told_and_what_moved_meanwhile_is_read(jobs: Site, browse: Browse) -> None:
    page = live(browse("/jobs", expect_errors=True))
    jobs.stop()
    expect(page.get_by_role("alert")).to_contain_text("The connection to the server was lost at")
    expect(page.get_by_role("alert")).to_contain_text("may be out of date")
    expect(page.locator("#jobs")).to_have_css("filter", "grayscale(1)")
    check_barriers(page)
    jobs.scheduler.change_job("job-2", trigger="interval", trigger_args={"minutes": 13})
    expect(page.locator("#job-rows")).not_to_contain_text("every 13 minutes")
    jobs.start()
    expect(page.locator("#job-rows")).to_contain_text("every 13 minutes", timeout=20_000)
    expect(page.get_by_role("alert")).to_have_count(0)
    expect(page.locator("#link")).to_have_text("Live")


def test_a_click_that_reaches_nobody_says_so(jobs: Site, browse: Browse) -> None:
    page = live(browse("/jobs", expect_errors=True))
    jobs.stop()
    page.get_by_role("button", name="Pause job-1").click()
    expect(page.get_by_text("It is not known whether that was done")).to_be_visible()


def test_a_store_that_does_not_answer_is_told(jobs: Site, browse: Browse, monkeypatch: pytest.MonkeyPatch) -> None:
    from gnomon.errors import StoreUnavailable
    from gnomon.scheduler import Scheduler

    page = live(browse("/jobs", expect_errors=True))

    def gone(*_: Any, **__: Any) -> Any:
        raise StoreUnavailable("the disk of the database is gone")

    with monkeypatch.context() as broken:
        broken.setattr(Scheduler, "list_jobs", gone)
        jobs.scheduler.pause_job("job-1")
        expect(page.get_by_role("alert")).to_contain_text("The store does not answer")
        page.reload()
        expect(page.get_by_role("heading", level=1)).to_have_text("The store does not answer.")
        expect(page.get_by_text("the disk of the database is gone")).to_be_visible()
        check_barriers(page)
    page.get_by_role("link", name="Try again").click()
    expect(page.locator("#job-rows tr", has_text="job-1")).to_contain_text("paused")
