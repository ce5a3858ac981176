"""One job: why it is as it is, what it did, and what one does to it."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import expect

from gnomon import Scheduler
from gnomon.domain.change import Author, Origin
from gnomon.domain.principal import Role
from gnomon.domain.run import RunState
from gnomon.web.words import job_path
from tests.browser import scene
from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site
from tests.browser.test_hostile import HOSTILE, _as_id
from tests.jobs import nothing

ANN = Author("ann", Origin.CLI, "the import takes longer")


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def nightly(site: Site) -> Site:
    site.scheduler.register(nothing, "cron", id="nightly", hour=3, description="Copies everything.")
    site.store_jobs()
    return site


@pytest.fixture
def moved(site: Site) -> Site:
    """Its default has moved since somebody overrode it."""
    with closing(Scheduler(site.url, timezone="Europe/Berlin")) as earlier:
        earlier.register(nothing, "cron", id="nightly", hour=3)
        earlier.start_all_jobs()
        ends = datetime.now(UTC) + timedelta(days=3)
        earlier.change_job("nightly", trigger="cron", trigger_args={"hour": 5}, expires_at=ends, author=ANN)
    site.scheduler.register(nothing, "cron", id="nightly", hour=4)
    site.store_jobs()
    return site


def test_it_says_why_it_is_as_it_is(moved: Site, browse: Browse) -> None:
    page = live(browse("/jobs/nightly"))
    fields = page.locator("#job-fields")
    expect(fields).to_contain_text("at 05:00 every day, Europe/Berlin")
    expect(fields).to_contain_text("at 04:00 every day, Europe/Berlin")
    expect(fields.locator(".why")).to_contain_text("Changed by ann from the command line")
    expect(fields.locator(".why")).to_contain_text(
        "because “the import takes longer”; the code said: at 03:00 every day"
    )
    expect(fields.locator(".why")).to_contain_text("returns to the code in 3 d")
    expect(page.locator("#job-next li")).to_have_count(10)
    expect(page.get_by_role("heading", name="Default moved")).to_be_visible()
    check_barriers(page)


@pytest.mark.parametrize(
    ("button", "said", "words"),
    [
        ("Keep the override", "Kept nightly as it is", "at 05:00 every day, Europe/Berlin"),
        ("Follow the code", "Returned nightly to what the code says", "at 04:00 every day, Europe/Berlin"),
    ],
)
def test_a_default_that_moved_is_decided(
    moved: Site, browse: Browse, script: bool, button: str, said: str, words: str
) -> None:
    page = browse("/jobs/nightly", script=script)
    page.get_by_role("button", name=button).click()
    expect(page.get_by_text(said)).to_be_visible()
    expect(page.get_by_role("heading", name="Default moved")).to_have_count(0)
    expect(page.locator("#job-head .fires-when")).to_contain_text(words)


def test_one_field_returns_to_the_code(nightly: Site, browse: Browse, script: bool) -> None:
    nightly.scheduler.change_job("nightly", max_instances=4, coalesce=False)
    page = browse("/jobs/nightly", script=script)
    page.get_by_role("button", name="Return to the code At once").click()
    expect(page.get_by_text("Returned nightly to what the code says")).to_be_visible()
    expect(page.get_by_role("button", name="Return to the code At once")).to_have_count(0)
    job = nightly.scheduler.get_job("nightly")
    assert (job["max_instances"], job["coalesce"]) == (1, False)


def test_it_is_paused_for_a_while_and_resumed(nightly: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs/nightly", script=script)
    page.locator("summary", has_text="Pause").click()
    page.get_by_label("Why").and_(page.locator(":visible")).fill("the disk is full")
    page.get_by_label("Until").fill("2h")
    page.get_by_role("button", name="Pause it").click()
    expect(page.get_by_text("Paused nightly, for the time that you gave")).to_be_visible()
    expect(page.locator("#job-fields .why")).to_contain_text("because “the disk is full”")
    expect(page.locator("#job-next")).to_contain_text("it is paused")
    override = nightly.scheduler.get_job("nightly")["overrides"]["enabled"]
    ends = datetime.fromisoformat(override["expires_at"]) - datetime.now(UTC)
    assert timedelta(minutes=118) < ends < timedelta(minutes=121)
    expect(page.locator("summary", has_text="Pause")).to_be_hidden()
    page.get_by_role("button", name="Resume").click()
    expect(page.get_by_text("Resumed nightly")).to_be_visible()
    expect(page.locator("summary", has_text="Pause")).to_be_visible()


def test_what_was_wrong_stands_at_its_field_and_is_kept(nightly: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs/nightly", script=script, expect_errors=True)
    page.locator("summary", has_text="Pause").click()
    page.locator("#reason-pause").fill("the disk is full")
    page.locator("#until-pause").fill("<img src=x>")
    page.get_by_role("button", name="Pause it").click()
    expect(page.locator("#until-pause-error")).to_contain_text("Give a span such as 2h or 3d")
    expect(page.locator("#until-pause")).to_have_value("<img src=x>")
    expect(page.locator("#until-pause")).to_be_focused()
    expect(page.locator("#reason-pause")).to_have_value("the disk is full")
    assert nightly.scheduler.get_job("nightly")["enabled"]
    if script:
        check_barriers(live(page))


def test_it_is_run_now_once(nightly: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs/nightly", script=script, expect_errors=True)
    page.locator("summary", has_text="Run now").click()
    page.locator("#reason-run").fill("the bank asks")
    page.get_by_role("button", name="Run it once, now").click()
    expect(page.get_by_text("Started nightly once, now.")).to_be_visible()
    run = nightly.scheduler.runs("nightly")[0]
    expect(page.locator("#job-runs")).to_contain_text(f"Run {run.id}")
    assert nightly.scheduler.changes("nightly")[0].author.reason == "the bank asks"
    page.locator("summary", has_text="Run now").click()
    page.get_by_role("button", name="Run it once, now").click()
    expect(page.get_by_text("1 of 1 runs are active")).to_be_visible()


def test_it_is_run_twice_on_purpose_and_once_by_a_double_click(site: Site, browse: Browse, script: bool) -> None:
    site.scheduler.register(nothing, "cron", id="nightly", hour=3, max_instances=5)
    site.store_jobs()
    page = browse("/jobs/nightly", script=script)
    for runs in (1, 2):
        page.locator("summary", has_text="Run now").click()
        page.get_by_role("button", name="Run it once, now").dblclick()
        expect(page.get_by_text("Started nightly once, now.")).to_be_visible()
        expect(page.locator("#job-runs li")).to_have_count(runs)
    assert len(site.scheduler.runs("nightly")) == 2


def test_who_acts_on_what_was_changed_meanwhile_changes_nothing(nightly: Site, browse: Browse) -> None:
    page = browse("/jobs/nightly", script=False, expect_errors=True)
    nightly.scheduler.change_job("nightly", max_instances=3, author=ANN)
    page.locator("summary", has_text="Pause").click()
    page.get_by_role("button", name="Pause it").click()
    expect(page.get_by_text("was changed by 'ann' since you looked at it")).to_be_visible()
    assert nightly.scheduler.get_job("nightly")["enabled"]
    page.get_by_role("button", name="Pause it").click()  # now it was seen
    expect(page.get_by_text("Paused nightly.")).to_be_visible()


def test_a_change_is_undone(nightly: Site, browse: Browse, script: bool) -> None:
    nightly.scheduler.change_job("nightly", max_instances=3, author=ANN)
    page = browse("/jobs/nightly", script=script)
    page.locator("#job-changes").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("Undone: nightly")).to_be_visible()
    expect(page.locator("#job-changes")).to_contain_text("undid change")
    assert nightly.scheduler.get_job("nightly")["max_instances"] == 1


def test_an_undo_that_somebody_stands_in_the_way_of_says_why(nightly: Site, browse: Browse) -> None:
    nightly.scheduler.change_job("nightly", max_instances=3)
    page = browse("/jobs/nightly", script=False, expect_errors=True)
    nightly.scheduler.change_job("nightly", max_instances=5, author=ANN)
    page.locator("#job-changes").get_by_role("button", name="Undo").click()
    expect(page.get_by_text("max_instances was changed since by change")).to_be_visible()


def test_it_is_removed_and_brought_back(site: Site, browse: Browse, script: bool) -> None:
    site.scheduler.register(nothing, "cron", id="old", hour=3)
    site.scheduler.start_all_jobs()
    with closing(Scheduler(site.url)) as code:
        code.register(nothing, "cron", id="other", hour=3)
        code.start_all_jobs()
        scene.join(code)
    page = browse("/jobs/old", script=script, expect_errors=True)
    expect(page.get_by_role("heading", name="Orphaned")).to_be_visible()
    page.locator("summary", has_text="Remove").click()
    page.locator("#reason-remove").fill("nobody needs it")
    page.get_by_role("button", name="Remove it").click()
    expect(page.get_by_text("Removed old. Its runs and changes stay.")).to_be_visible()
    page.goto(f"{site.address}/jobs/old")
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no job old.")
    expect(page.get_by_text("“nobody needs it”").first).to_be_visible()
    page.get_by_role("button", name="Bring it back").click()
    expect(page.get_by_text("Undone: old")).to_be_visible()
    assert site.scheduler.get_job("old")["schedule"] == "at 03:00 every day, Europe/Berlin"
    if script:
        expect(page.get_by_role("heading", level=1)).to_have_text("old")


def test_a_job_that_never_was(site: Site, browse: Browse) -> None:
    page = browse("/jobs/%3Cscript%3E", expect_errors=True)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no job <script>.")
    expect(page.get_by_role("link", name="Search for it")).to_be_visible()
    check_barriers(page)


def test_a_row_that_cannot_be_read_is_explained(nightly: Site, browse: Browse) -> None:
    with closing(sqlite3.connect(nightly.url.removeprefix("sqlite:///"))) as store, store:
        store.execute("UPDATE apscheduler_jobs SET job_state = x'00ff'")
    page = browse("/jobs/nightly")
    expect(page.get_by_role("heading", name="Quarantined")).to_be_visible()
    for name in ("Edit", "Resume"):
        expect(page.get_by_role("link", name=name).or_(page.get_by_role("button", name=name))).to_have_count(0)
    expect(page.locator("summary", has_text="Pause")).to_be_hidden()
    page.goto(f"{nightly.address}/jobs/nightly/edit")
    expect(page.get_by_role("heading", name="Quarantined")).to_be_visible()


def test_what_happens_elsewhere_appears_by_itself_and_what_one_writes_stays(nightly: Site, browse: Browse) -> None:
    page = live(browse("/jobs/nightly"))
    page.locator("summary", has_text="Pause").click()
    page.locator("#reason-pause").fill("half a sen")
    nightly.scheduler.change_job("nightly", trigger="interval", trigger_args={"minutes": 7}, author=ANN)
    expect(page.locator("#job-head")).to_contain_text("every 7 minutes")
    expect(page.locator("#job-changes")).to_contain_text("ann from the command line")
    run_id = scene.running(nightly.scheduler, "nightly", scene.ago(seconds=3))
    expect(page.locator("#job-runs")).to_contain_text("running")
    scene.end(nightly.scheduler, run_id, RunState.FAILED, error="ValueError: no such file")
    expect(page.locator("#job-runs")).to_contain_text("no such file")
    expect(page.locator("#job-chart svg.bad")).to_have_count(1)
    expect(page.locator("#reason-pause")).to_have_value("half a sen")
    expect(page.locator("#reason-pause")).to_be_focused()
    page.get_by_role("button", name="Pause it").click()  # it was decided on what is shown now
    expect(page.get_by_text("Paused nightly.")).to_be_visible()


def test_the_history_is_drawn_and_told(site: Site, browse: Browse) -> None:
    site.night()
    page = browse("/jobs/backup")
    chart = page.get_by_role("img", name="Duration and outcome of its runs over time")
    expect(chart).to_be_visible()
    expect(page.locator("#history-words")).to_contain_text("The last 22 runs:")
    page.get_by_text("The same as a table").click()
    expect(page.locator("#history-table tbody tr")).to_have_count(22)
    check_barriers(page)


def test_the_keyboard_is_enough(nightly: Site, browse: Browse) -> None:
    page = live(browse("/jobs/nightly"))
    page.keyboard.press("p")
    expect(page.locator("#reason-pause")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.locator("#reason-pause")).to_be_hidden()
    expect(page.locator("summary", has_text="Pause")).to_be_focused()
    page.keyboard.press("r")
    expect(page.locator("#reason-run")).to_be_focused()
    assert nightly.scheduler.runs("nightly") == []
    page.keyboard.press("Escape")
    page.keyboard.press("?")
    expect(page.get_by_text("Edit the job")).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("e")
    page.wait_for_url("**/jobs/nightly/edit")


def test_who_may_only_look_sees_nothing_to_press(nightly: Site, browse: Browse) -> None:
    token = nightly.token(Role.VIEWER, "vera")
    nightly.serve_again(loopback=False)
    nightly.scheduler.change_job("nightly", max_instances=3)
    page = browse("/sign-in?to=/jobs/nightly", expect_errors=True)
    page.get_by_label("API token").fill(token)
    page.get_by_role("button", name="Sign in").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("nightly")
    expect(page.locator(".job-acts, #job-fields button, #job-changes button, [href$='/edit']")).to_have_count(0)
    page.goto(f"{nightly.address}/jobs/nightly/edit")
    expect(page.get_by_text("vera").first).to_be_visible()
    expect(page.locator("form.editor")).to_have_count(0)


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_nobody_is_kept_out(site: Site, browse: Browse, phone: bool, dark: bool) -> None:
    site.night()
    page = live(browse("/jobs/import-bank", phone=phone, dark=dark))
    check_barriers(page)
    page.locator("summary", has_text="Pause").click()
    check_barriers(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.goto(f"{site.address}/jobs/old-cleanup")
    check_barriers(live(page))
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_hostile_text_is_text(site: Site, browse: Browse) -> None:
    ids = {name: _as_id(text) for name, text in HOSTILE.items()}
    for name, text in HOSTILE.items():
        site.scheduler.register(nothing, "cron", id=ids[name], name=text[:1000], description=text, hour=3)
    site.store_jobs()
    for name, text in HOSTILE.items():
        site.scheduler.change_job(ids[name], max_instances=2, author=Author(text[:150], Origin.API, text[:900]))
        scene.ended(site.scheduler, ids[name], scene.ago(minutes=5), RunState.FAILED, error=text)
    page = browse("/jobs")
    for job_id in ids.values():
        for path in (job_path(job_id), f"{job_path(job_id)}/edit"):
            page.goto(site.address + path)
            expect(page.locator("#job-fields .why, #forecast")).to_be_visible()
            assert page.locator("img[src=x], h1:text-is('Z'), [onerror], [onfocus], [href^='javascript']").count() == 0
            assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
            assert "\u202e" not in page.content()
