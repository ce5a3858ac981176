"""The ledger and one run: what failed and why, how it went, what it writes while it writes, and what can be done."""

from __future__ import annotations

import re
from contextlib import closing

import pytest
from playwright.sync_api import expect

from gnomon import Scheduler
from gnomon.domain.change import Author, Origin
from gnomon.domain.ledger import PIECES_AN_ATTEMPT, Finish
from gnomon.domain.run import RunState
from tests.browser import scene
from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site
from tests.jobs import nothing, talk

TRACEBACK = 'Traceback (most recent call last):\n  File "bank.py", line 4, in fetch\nValueError: no luck today'
HOSTILE = "\x1b[31m<script>alert(1)</script>\x1b[0m<img src=x onerror=alert(1)>\x1b]0;title\x07 \u202eslaf & \x07 ends"
_INERT = "img[src=x], [onerror], main script, .text > :not(span)"


@pytest.fixture
def jobs(site: Site) -> Site:
    for job_id in ("nightly", "hourly"):
        site.scheduler.register(nothing, "cron", id=job_id, hour=3, max_instances=5)
    site.store_jobs()
    return site


def failed(site: Site, error: str = TRACEBACK) -> int:
    return scene.ended(site.scheduler, "nightly", scene.ago(minutes=3), RunState.FAILED, took=31, error=error)


# -- the ledger


def test_an_empty_ledger_teaches(site: Site, browse: Browse) -> None:
    page = live(browse("/runs"))
    expect(page.get_by_role("heading", name="Nothing has run yet.")).to_be_visible()
    expect(page.get_by_text("No node is alive")).to_be_visible()
    check_barriers(page)


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desk-light", "phone-dark"])
def test_no_page_of_runs_keeps_anybody_out(site: Site, browse: Browse, phone: bool, dark: bool) -> None:
    site.night()
    run_id = failed_of_night(site)
    page = browse("/runs", phone=phone, dark=dark, expect_errors=True)
    for path in ("/runs", "/runs?state=failed&job=x", f"/runs/{run_id}", f"/runs/{run_id}/output", "/runs/99999"):
        page.goto(site.address + path)
        live(page)
        check_barriers(page)
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth"), f"{path} is wider than the screen"
        assert page.locator("h1").count() == 1


def failed_of_night(site: Site) -> int:
    run_id = scene.ended(site.scheduler, "import-bank", scene.ago(minutes=2), RunState.FAILED, error=TRACEBACK)
    colours = "".join(f"\x1b[{code}mcolour {code}\x1b[0m x\n" for code in [1, *range(30, 38), *range(90, 98)])
    scene.write(site.scheduler, run_id, ("stdout", colours), ("stderr", "oh\n" + "long " * 200), ("log", "INFO: x\n"))
    return run_id


def test_the_ledger_is_narrowed_down_and_the_address_keeps_how(jobs: Site, browse: Browse) -> None:
    failed(jobs)
    scene.ended(jobs.scheduler, "hourly", scene.ago(minutes=1), RunState.SUCCEEDED)
    scene.ended(jobs.scheduler, "hourly", scene.ago(hours=30), RunState.MISSED)
    page = live(browse("/runs"))
    rows = page.locator("#run-rows tr")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text("ValueError: no luck today")
    page.get_by_text("failed or missed").click()
    expect(rows).to_have_count(2)
    page.get_by_label("When").select_option("day")
    expect(rows).to_have_count(1)
    assert "state=failed" in page.url
    assert "span=day" in page.url
    page.reload()
    expect(rows).to_have_count(1)
    page.get_by_role("searchbox").fill("nothing like it")
    expect(page.get_by_role("heading", name="No run is like that.")).to_be_visible()
    page.goto(f"{jobs.address}/runs?job=hourly&cause=schedule&node=scene&state=missed&state=odd&span=odd&since=odd")
    expect(rows).to_have_count(1)
    expect(page.get_by_label("Job")).to_have_value("hourly")


def test_the_ledger_is_read_page_by_page_without_javascript(jobs: Site, browse: Browse) -> None:
    for minutes in range(60):
        scene.ended(jobs.scheduler, "nightly", scene.ago(minutes=minutes + 1), RunState.SUCCEEDED)
    page = browse("/runs?job=nightly", script=False)
    expect(page.locator("#run-rows tr")).to_have_count(50)
    page.get_by_role("link", name="Older").click()
    expect(page.locator("#run-rows tr")).to_have_count(10)
    page.get_by_role("link", name="Newer").click()
    expect(page.locator("#run-rows tr")).to_have_count(50)
    expect(page.get_by_role("link", name="Newer")).to_have_count(0)
    page.go_back()
    expect(page.locator("#run-rows tr")).to_have_count(10)
    page.get_by_role("link", name="Newest").click()
    page.get_by_text("succeeded").first.click()
    page.get_by_role("button", name="Apply").click()
    expect(page.locator("#run-rows tr")).to_have_count(50)
    assert "job=nightly" in page.url


def test_a_run_appears_and_moves_on_by_itself(jobs: Site, browse: Browse) -> None:
    page = live(browse("/runs"))
    run_id = scene.running(jobs.scheduler, "nightly", scene.ago(seconds=3), done=3, total=4)
    expect(page.locator("#run-rows tr")).to_contain_text("3 of 4")
    scene.end(jobs.scheduler, run_id, RunState.FAILED, error="ValueError: no such file")
    expect(page.locator("#run-rows tr")).to_contain_text("no such file")


def test_the_list_is_gone_through_by_keys(jobs: Site, browse: Browse) -> None:
    newest = scene.ended(jobs.scheduler, "hourly", scene.ago(minutes=1), RunState.SUCCEEDED)
    run_id = failed(jobs)
    page = live(browse("/"))
    page.keyboard.press("g")
    page.keyboard.press("r")
    page.wait_for_url("**/runs")
    live(page)
    page.keyboard.press("j")
    expect(page.locator(f"#run-{newest} a.name")).to_be_focused()
    page.keyboard.press("j")
    expect(page.locator(f"#run-{run_id} a.name")).to_be_focused()
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs/{run_id}")
    live(page)
    page.keyboard.press("a")
    expect(page.get_by_role("link", name="Try again …")).to_be_focused()


# -- one run


def test_what_went_wrong_stands_first(jobs: Site, browse: Browse) -> None:
    page = live(browse(f"/runs/{failed(jobs)}"))
    expect(page.get_by_role("heading", level=1)).to_contain_text("of nightly failed")
    expect(page.locator(".error-said")).to_have_text("ValueError: no luck today")
    expect(page.get_by_text("line 4, in fetch")).to_be_hidden()
    page.get_by_text("All of it").click()
    expect(page.get_by_text("line 4, in fetch")).to_be_visible()
    head = page.locator("#run-head")
    head.evaluate("head => head.setAttribute('data-before', '')")
    scene.running(jobs.scheduler, "hourly", scene.ago(seconds=1))  # the page is read anew …
    expect(head).not_to_have_attribute("data-before", "")
    expect(page.get_by_text("line 4, in fetch")).to_be_visible()  # … and what was unfolded stays so
    stages = page.locator(".stages li")
    expect(stages).to_have_count(4)
    expect(stages.nth(2)).to_contain_text("31 s")
    expect(page.locator("#facts")).to_contain_text("its schedule")


def test_who_started_it_by_hand_is_told(jobs: Site, browse: Browse) -> None:
    run_id = jobs.scheduler.run_job("nightly", author=Author("mia", Origin.CLI, "the bank was late"))
    page = live(browse(f"/runs/{run_id}"))
    expect(page.locator("#facts")).to_contain_text("mia, by hand: “the bank was late”")
    page.get_by_role("link", name="change 1").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("Change 1")


def test_a_real_job_is_watched_while_it_runs(site: Site, browse: Browse) -> None:
    with closing(Scheduler(site.url, timezone="Europe/Berlin")) as node:
        node.register(talk, "cron", id="talk", hour=3)
        node.start()
        try:
            page = live(browse(f"/runs/{node.run_job('talk')}"))
            expect(page.locator("#lines")).to_contain_text("step 2 of 4")
            expect(page.locator("#lines")).to_contain_text("that was all")
            expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded")
            assert page.locator("#lines .text").all_inner_texts() == [
                "".join(f"step {step} of 4\n" for step in range(4)) + "that was all\n"
            ]
            expect(page.locator("#follow")).to_be_hidden()
        finally:
            node.shutdown()


def test_output_is_followed_only_while_one_is_at_its_end(jobs: Site, browse: Browse) -> None:
    run_id = scene.running(jobs.scheduler, "nightly", scene.ago(seconds=3))
    scene.write(jobs.scheduler, run_id, ("stdout", "line\n" * 200 + "\x1b[32mgreen"))
    page = live(browse(f"/runs/{run_id}"))
    lines, follow = page.locator("#lines"), page.get_by_label("Follow")
    expect(follow).to_be_checked()
    scene.write(jobs.scheduler, run_id, ("stdout", " still green\x1b[0m\n"), ("stderr", "oh no\n"), first=1)
    expect(lines).to_contain_text("oh no")
    expect(page.locator(".ansi-green")).to_have_count(2)  # the colour goes on over the pieces
    expect(page.locator(".block")).to_have_count(2)
    assert lines.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight < 32")
    lines.evaluate("e => { e.scrollTop = 0; }")
    expect(follow).not_to_be_checked()
    scene.write(jobs.scheduler, run_id, ("stderr", "much later\n"), first=3)
    expect(lines).to_contain_text("much later")
    assert lines.evaluate("e => e.scrollTop") == 0
    follow.check()
    assert lines.evaluate("e => e.scrollHeight - e.scrollTop - e.clientHeight < 32")
    scene.end(jobs.scheduler, run_id, RunState.SUCCEEDED)
    expect(page.get_by_role("heading", level=1)).to_contain_text("succeeded")


def test_output_is_searched(jobs: Site, browse: Browse) -> None:
    run_id = failed(jobs)
    scene.write(jobs.scheduler, run_id, ("stdout", "a nee\x1b[31mdle\x1b[0m in hay\n" + "hay\n" * 300 + "Needle\n"))
    page = live(browse(f"/runs/{run_id}"))
    page.keyboard.press("/")
    page.keyboard.type("needle")
    expect(page.locator(".find output")).to_have_text("1 of 2")
    assert page.evaluate("CSS.highlights.get('found').size") == 2
    assert page.locator("#lines").evaluate("e => e.scrollTop") == 0
    page.keyboard.press("Enter")
    expect(page.locator(".find output")).to_have_text("2 of 2")
    assert page.locator("#lines").evaluate("e => e.scrollTop") > 1000
    page.locator("#find").fill("gold")
    expect(page.locator(".find output")).to_have_text("none")
    page.get_by_label("Wrap lines").uncheck()
    assert page.locator(".text").last.evaluate("e => getComputedStyle(e).whiteSpace") == "pre"


def test_long_output_is_read_back_to_its_beginning(jobs: Site, browse: Browse) -> None:
    run_id = failed(jobs)
    scene.write(jobs.scheduler, run_id, *(("stdout", f"piece {count}\n" + "x" * 8000 + "\n") for count in range(15)))
    page = live(browse(f"/runs/{run_id}"))
    lines = page.locator("#lines")
    expect(lines).to_contain_text("piece 14")
    expect(lines).not_to_contain_text("piece 4\n")
    page.get_by_role("link", name="Earlier output").click()
    page.get_by_role("link", name="Earlier output").click()
    expect(lines).to_contain_text("piece 0")
    expect(page.get_by_role("link", name="Earlier output")).to_be_hidden()
    text = "".join(page.locator("#lines .text").all_text_contents())
    assert re.findall(r"piece (\d+)", text) == [str(count) for count in range(15)]
    with page.expect_download() as download:
        page.get_by_role("link", name="Download").click()
    assert download.value.path().read_text().startswith("piece 0\n")


def test_all_of_a_run_is_read_without_javascript(jobs: Site, browse: Browse) -> None:
    run_id = failed(jobs)
    scene.write(jobs.scheduler, run_id, *(("stdout", f"piece {count}\n" + "x" * 8000 + "\n") for count in range(15)))
    page = browse(f"/runs/{run_id}", script=False)
    expect(page.locator("#lines")).to_contain_text("piece 14")
    expect(page.locator("#find")).to_be_hidden()
    page.get_by_role("link", name="Earlier output").click()
    page.get_by_role("link", name="Earlier").click()
    expect(page.locator(".lines")).to_contain_text("piece 0\n")
    page.get_by_role("link", name="What followed").click()
    expect(page.locator(".lines")).to_contain_text("piece 7\n")
    page.goto(f"{jobs.address}/runs/{run_id}")
    page.get_by_text("All of it").click()
    expect(page.get_by_text("line 4, in fetch")).to_be_visible()


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_run_is_cancelled_after_saying_what_that_leads_to(jobs: Site, browse: Browse, script: bool) -> None:
    run_id = scene.running(jobs.scheduler, "nightly", scene.ago(seconds=3))
    page = browse(f"/runs/{run_id}", script=script)
    page.get_by_role("link", name="Cancel …").click()
    expect(page.get_by_text("It runs in a thread, which nobody can end from outside").first).to_be_visible()
    if script:
        check_barriers(page)
    assert jobs.scheduler.get_run(run_id)["cancel_requested"] is None
    page.get_by_label("Why").last.fill("<b>too long</b>")
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_text("It runs in a thread: it ends when its code looks.")).to_be_visible()
    expect(page.locator("#run-head")).to_contain_text("asked to end")
    expect(page.locator("#facts")).to_contain_text("<b>too long</b>")
    expect(page.get_by_role("link", name="Cancel …")).to_have_count(0)


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_a_run_is_tried_again_and_what_waits_is_cancelled(jobs: Site, browse: Browse, script: bool) -> None:
    page = browse(f"/runs/{failed(jobs)}", script=script)
    page.get_by_role("link", name="Try again …").click()
    page.get_by_role("button", name="Try again").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("waits")
    expect(page.locator("#run-error")).to_contain_text("An earlier attempt failed")
    page.get_by_role("link", name="Cancel …").click()
    page.get_by_role("button", name="Cancel the run").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("was cancelled")
    expect(page.locator("#facts")).to_contain_text("Tried again by")


def test_attempts_are_told_apart(jobs: Site, browse: Browse) -> None:
    scheduler = jobs.scheduler
    run_id = failed(jobs, "OSError: first")
    scheduler.retry_run(run_id)
    scene.write(scheduler, run_id, ("stdout", "\x1b[31mone\n"))
    scene.write(scheduler, run_id, ("stdout", "two\n"), first=PIECES_AN_ATTEMPT)
    page = live(browse(f"/runs/{run_id}"))
    expect(page.locator(".begins")).to_have_text("Attempt 2")
    expect(page.locator(".ansi-red")).to_have_count(1)
    expect(page.locator("#facts tbody tr")).to_have_count(2)
    expect(page.locator("#facts tbody tr").last).to_contain_text("OSError: first")


def test_a_viewer_sees_everything_and_can_do_nothing(jobs: Site, browse: Browse) -> None:
    from gnomon.domain.principal import Role

    run_id, token = failed(jobs), jobs.token(Role.VIEWER)
    page = browse("/sign-in")
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    page.goto(f"{jobs.address}/runs/{run_id}")
    expect(page.locator(".error-said")).to_be_visible()
    expect(page.get_by_role("link", name="Try again …")).to_have_count(0)
    expect(page.get_by_role("link", name="Tokens")).to_have_count(0)


def test_a_run_that_was_pruned_says_so(site: Site, browse: Browse) -> None:
    page = browse("/runs/4711", expect_errors=True)
    expect(page.get_by_text("Old runs are pruned")).to_be_visible()
    page.get_by_role("link", name="All runs").click()
    page.wait_for_url("**/runs")


def test_hostile_output_and_errors_are_text(jobs: Site, browse: Browse) -> None:
    run_id = scene.running(jobs.scheduler, "nightly", scene.ago(seconds=3))
    scene.write(jobs.scheduler, run_id, ("stdout", HOSTILE), ("stderr", HOSTILE), ("log", HOSTILE))
    page = live(browse(f"/runs/{run_id}"))
    scene.write(jobs.scheduler, run_id, ("stdout", "followed " + HOSTILE), first=3)
    expect(page.locator("#lines")).to_contain_text("followed <script>alert(1)</script><img")
    finish = Finish(run_id, scene.NODE, 1, RunState.FAILED, HOSTILE + "\n" + HOSTILE, 1, None)
    jobs.scheduler.store.ledger.finish([finish], at=scene.ago(seconds=0))
    jobs.scheduler.store.announce()
    expect(page.locator(".error-said")).to_contain_text("<script>alert(1)</script>")
    assert page.locator(_INERT).count() == 0
    assert "\u202e" not in page.content()
    page.goto(f"{jobs.address}/runs?search=<script>")
    expect(page.locator("#run-rows tr")).to_contain_text("<script>")
    page.goto(f"{jobs.address}/runs?job=%3Cscript%3E&node=%22%3E%3Cimg%20src=x%3E&search=%22onfocus=alert(1)")
    expect(page.get_by_role("heading", name="No run is like that.")).to_be_visible()
    assert page.locator("img[src=x], [onfocus]").count() == 0
