"""Changing a job: what it would do is seen before it is saved, and nobody's words are lost."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from playwright.sync_api import Page, expect

from gnomon import Scheduler
from gnomon.domain.change import Author, Origin
from gnomon.domain.node import Node
from tests import tasks
from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site
from tests.browser.test_hostile import HOSTILE
from tests.jobs import nothing

ANN = Author("ann", Origin.CLI, "bank holiday")


@pytest.fixture(params=[True, False], ids=["script", "no-script"])
def script(request: pytest.FixtureRequest) -> bool:
    return bool(request.param)


@pytest.fixture
def nightly(site: Site) -> Site:
    site.scheduler.register(nothing, "cron", id="nightly", hour=3)
    site.store_jobs()
    return site


@pytest.fixture
def offering(site: Site) -> Site:
    """A node lives that has tasks."""
    site.scheduler.task(tasks.report)
    site.scheduler.task(tasks.greet)
    manifest = site.scheduler._context.manifest()
    now = datetime.now(UTC)
    node = Node(
        id="worker",
        host="app-1",
        pid=1,
        version="1",
        manifest=manifest.digest,
        started_at=now,
        seen_at=now,
        beat=1,
        state="alive",
    )
    site.scheduler.store.nodes.join(node, manifest)
    return site


def crontab(page: Page, text: str) -> None:
    page.locator(".kind", has_text="Crontab").click()
    page.get_by_label("Five fields").fill(text)


def save(page: Page) -> None:
    page.get_by_role("button", name="Save", exact=True).click()


def test_it_is_in_words_while_one_types_beside_what_it_is_today(nightly: Site, browse: Browse) -> None:
    page = live(browse("/jobs/nightly/edit"))
    expect(page.locator("#forecast")).to_contain_text("As it is today")
    crontab(page, "*/10 2-4 * * 1-5")
    forecast = page.locator("#forecast")
    expect(forecast).to_contain_text("every 10 minutes from 02:00 to 04:59 on weekdays, Europe/Berlin")
    expect(forecast).to_contain_text("Today: at 03:00 every day, Europe/Berlin")
    for side in ("#today li", "#then li"):
        expect(page.locator(side)).to_have_count(10)
    expect(page.locator("#today")).to_contain_text("30 runs in the next 30 days")
    expect(page.get_by_label("Five fields")).to_be_focused()
    page.get_by_label("Five fields").fill("99 * * * *")
    expect(forecast).to_contain_text("Its minute is not one")
    check_barriers(page)
    page.locator(".kind", has_text="Once").click()
    page.locator("[name='date.run_date']").fill("2020-01-01T00:00:00")
    expect(forecast).to_contain_text("Give one that fires within the next five years")
    assert nightly.scheduler.get_job("nightly")["schedule"] == "at 03:00 every day, Europe/Berlin"


def test_without_script_a_button_shows_the_same(nightly: Site, browse: Browse) -> None:
    page = browse("/jobs/nightly/edit", script=False)
    crontab(page, "*/10 2-4 * * 1-5")
    page.get_by_label("Why").fill("the bank is late")
    page.get_by_role("button", name="Preview").click()
    expect(page.locator("#forecast")).to_contain_text("every 10 minutes from 02:00 to 04:59 on weekdays")
    expect(page.locator("#then li")).to_have_count(10)
    expect(page.get_by_label("Five fields")).to_have_value("*/10 2-4 * * 1-5")
    expect(page.get_by_label("Why")).to_have_value("the bank is late")
    save(page)
    expect(page.get_by_text("Changed nightly.")).to_be_visible()
    assert nightly.scheduler.changes("nightly")[0].author == Author("local", Origin.PAGE, "the bank is late")


def test_it_is_saved_with_reason_and_end(nightly: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs/nightly/edit", script=script)
    page.get_by_label("Hour").and_(page.locator(":visible")).fill("4")
    page.get_by_label("At once").fill("2")
    page.get_by_label("Why").fill("more to do")
    page.get_by_label("Until").fill("3d")
    save(page)
    expect(page.get_by_text("Changed nightly.")).to_be_visible()
    expect(page.locator("#job-fields .why").first).to_contain_text("because “more to do”")
    job = nightly.scheduler.get_job("nightly")
    assert (job["schedule"], job["max_instances"]) == ("at 04:00 every day, Europe/Berlin", 2)
    assert set(job["overrides"]) == {"trigger", "max_instances"}
    ends = datetime.fromisoformat(job["overrides"]["trigger"]["expires_at"]) - datetime.now(UTC)
    assert timedelta(days=2, hours=23) < ends <= timedelta(days=3)
    page.get_by_role("button", name="Undo nightly").click()
    expect(page.get_by_text("Undone: nightly")).to_be_visible()


def test_saving_what_nobody_touched_changes_nothing(nightly: Site, browse: Browse) -> None:
    page = browse("/jobs/nightly/edit")
    save(page)
    expect(page.get_by_text("Nothing was to be changed of nightly")).to_be_visible()
    assert nightly.scheduler.changes("nightly") == []


WRONG = {
    "Hour": ("25", "The last value (25) is higher", "4"),
    "Time zone": ("Mars/Olympus", "Give an IANA time zone", "UTC"),
    "At once": ("many", "Give a whole number from 1 to 1000", "2"),
    "Grace time in seconds": ("-1", "Give whole seconds above 0", "60"),
    "Until": ("yesterday", "Give a span such as 2h", "2h"),
}


def test_an_error_stands_at_its_field_and_keeps_the_input(nightly: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs/nightly/edit", script=script, expect_errors=True)
    page.get_by_label("Why").fill("kept")
    for label, (text, told, right) in WRONG.items():
        field = page.get_by_label(label, exact=True).and_(page.locator(":visible"))
        field.fill(text)
        save(page)
        expect(page.locator(".field.wrong .error")).to_contain_text(told)
        expect(field).to_have_value(text)
        expect(field).to_be_focused()
        expect(page.get_by_label("Why")).to_have_value("kept")
        assert nightly.scheduler.changes("nightly") == []
        field.fill(right)
    save(page)
    expect(page.get_by_text("Changed nightly.")).to_be_visible()
    assert nightly.scheduler.get_job("nightly")["schedule"] == "at 04:00 every day, UTC"


def test_what_one_should_know_is_told(nightly: Site, browse: Browse) -> None:
    for number in range(6):
        nightly.scheduler.register(nothing, "date", id=f"once-{number}", run_date="2031-03-29T00:00:00")
    nightly.scheduler.start_all_jobs()
    page = live(browse("/jobs/nightly/edit"))
    page.locator(".kind", has_text="Interval").click()
    page.locator("[name='interval.seconds']").fill("30")
    expect(page.locator("#forecast")).to_contain_text("It fires at once")
    page.locator(".kind", has_text="Once").click()
    page.locator("[name='date.run_date']").fill("2031-03-29T00:00:00")
    expect(page.locator("#forecast")).to_contain_text("6 other jobs are due in the same second")
    page.locator(".kind", has_text="Crontab").click()
    page.get_by_label("Five fields").fill("0 4 * 3 *")
    expect(page.locator("#forecast")).to_contain_text("at 04:00")
    page.locator(".kind", has_text="By fields").click()
    page.locator("#field-cron\\.hour").fill("4")
    page.locator(".of-kind[data-kind=cron] summary").click()
    page.locator("[name='cron.start_date']").fill("2027-03-25T00:00:00")
    expect(page.locator("#forecast")).to_contain_text("The clocks in Europe/Berlin go forward by 60 min")


def test_two_people_see_each_other_at_once(nightly: Site, browse: Browse) -> None:
    mine, theirs = live(browse("/jobs/nightly/edit", expect_errors=True)), live(browse("/jobs/nightly/edit"))
    mine.get_by_label("At once").fill("4")
    expect(mine.locator(".meanwhile")).to_be_hidden()
    before = mine.get_by_label("At once").bounding_box()
    theirs.get_by_label("Hour").and_(theirs.locator(":visible")).fill("7")
    theirs.get_by_label("Why").fill("bank holiday")
    save(theirs)
    expect(theirs.get_by_text("Changed nightly.")).to_be_visible()
    expect(mine.locator(".meanwhile")).to_contain_text("local changed it on the page")
    expect(mine.get_by_label("At once")).to_have_value("4")
    assert mine.get_by_label("At once").bounding_box() == before
    check_barriers(mine)
    save(mine)
    expect(mine.get_by_role("heading", level=1)).to_have_text("Somebody else changed nightly.")
    check_barriers(mine)
    assert nightly.scheduler.get_job("nightly")["max_instances"] == 1


def clash(site: Site, browse: Browse, script: bool) -> Page:
    page = browse("/jobs/nightly/edit", script=script, expect_errors=True)
    page.get_by_label("Hour").and_(page.locator(":visible")).fill("6")
    page.get_by_label("At once").fill("4")
    page.get_by_label("Why").fill("my reason")
    site.scheduler.change_job("nightly", trigger="cron", trigger_args={"hour": 7}, coalesce=False, author=ANN)
    save(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("Somebody else changed nightly.")
    expect(page.locator(".story")).to_contain_text("ann from the command line")
    contested = page.locator("tr.contested")
    expect(contested).to_have_count(1)
    for words in ("at 03:00", "at 07:00", "at 06:00"):
        expect(contested).to_contain_text(f"{words} every day")
    assert site.scheduler.get_job("nightly")["max_instances"] == 1
    return page


def test_mine_on_top_of_theirs(nightly: Site, browse: Browse, script: bool) -> None:
    page = clash(nightly, browse, script)
    page.get_by_role("button", name="Use mine on top of theirs").click()
    expect(page.get_by_text("Changed nightly.")).to_be_visible()
    job = nightly.scheduler.get_job("nightly")
    assert (job["schedule"], job["max_instances"], job["coalesce"]) == ("at 06:00 every day, Europe/Berlin", 4, False)
    assert nightly.scheduler.changes("nightly")[0].author.reason == "my reason"


def test_theirs(nightly: Site, browse: Browse, script: bool) -> None:
    page = clash(nightly, browse, script)
    page.get_by_role("link", name="Take theirs").click()
    expect(page.locator("#job-head")).to_contain_text("at 07:00 every day")
    assert nightly.scheduler.get_job("nightly")["max_instances"] == 1


def test_editing_further_keeps_mine_and_takes_what_i_left_alone(nightly: Site, browse: Browse, script: bool) -> None:
    page = clash(nightly, browse, script)
    page.get_by_role("button", name="Edit further").click()
    expect(page.get_by_label("Hour").and_(page.locator(":visible"))).to_have_value("6")
    expect(page.get_by_label("At once")).to_have_value("4")
    expect(page.get_by_label("Coalesce")).to_have_value("no")
    expect(page.get_by_label("Why")).to_have_value("my reason")
    save(page)
    expect(page.get_by_text("Changed nightly.")).to_be_visible()
    assert nightly.scheduler.get_job("nightly")["schedule"] == "at 06:00 every day, Europe/Berlin"


def test_a_second_conflict_is_one_again(nightly: Site, browse: Browse) -> None:
    page = clash(nightly, browse, False)
    nightly.scheduler.change_job("nightly", max_instances=9, author=ANN)
    page.get_by_role("button", name="Use mine on top of theirs").click()
    expect(page.locator("tr.contested")).to_have_count(2)
    page.get_by_role("button", name="Use mine on top of theirs").click()
    expect(page.get_by_text("Changed nightly.")).to_be_visible()
    assert nightly.scheduler.get_job("nightly")["max_instances"] == 4


def test_a_job_that_is_removed_while_one_edits(site: Site, browse: Browse) -> None:
    with closing(Scheduler(site.url)) as code:
        code.register(nothing, "cron", id="old", hour=3)
        code.start_all_jobs()
    page = browse("/jobs/old/edit", expect_errors=True)
    page.get_by_label("At once").fill("4")
    site.scheduler.remove_job("old", author=ANN)
    save(page)
    expect(page.get_by_role("heading", level=1)).to_have_text("There is no job old.")
    expect(page.get_by_role("button", name="Bring it back")).to_be_visible()


def test_hostile_input_gives_a_page(nightly: Site, browse: Browse) -> None:
    page = browse("/jobs/nightly/edit", script=False, expect_errors=True)
    page.locator(".kind", has_text="Crontab").click()
    names = ("crontab.expression", "timezone", "jitter", "misfire_grace_time", "max_instances", "until")
    for hostile in HOSTILE.values():
        text = hostile.replace("\r\n", " ").replace("\n", " ")[:1000]
        for name in (*names, "began"):
            page.locator(f"[name='{name}']").evaluate("(field, text) => { field.value = text; }", text)
        save(page)
        expect(page.get_by_role("heading", level=1)).to_have_text("Edit nightly")
        for name in names:
            assert page.locator(f"[name='{name}']").input_value() == text
        assert page.locator("img[src=x], h1:text-is('Z'), [onerror], [onfocus], [href^='javascript']").count() == 0
    assert nightly.scheduler.changes("nightly") == []


SENT: list[dict[str, str]] = [
    {"do": "save", "trigger": "<script>", "began": "[[[["},
    {"do": "x" * 100, "nothing": "1", "trigger": "cron", "cron.nothing": "1"},
    {"do": "further"},
    {"trigger": "interval", "interval.minutes": "1e999", "do": "save"},
    {"trigger": "interval", "interval.minutes": "nan", "do": "preview"},
    {"trigger": "date", "date.run_date": "0001-01-01T00:00", "do": "save"},
    {"trigger": "date", "date.run_date": "2030-01-01T00:00", "do": "preview", "timezone": "../etc/passwd"},
    {"trigger": "crontab", "crontab.expression": "* " * 500, "do": "save"},
    {"do": "save", "token": "no such", "max_instances": "3"},
    {"do": "add", "id": "x/y", "argument.tenant": "\ud800".encode("utf-8", "surrogatepass").decode("latin-1")},
]


def test_whatever_is_sent_there_is_a_page(nightly: Site, browse: Browse) -> None:
    page = browse("/jobs", expect_errors=True)
    headers = {"accept": "text/html", "origin": nightly.address}
    for form in SENT:
        for path in ("/jobs/nightly/edit", "/jobs/new?task=greet", "/jobs/nightly"):
            answer = page.request.post(nightly.address + path, form=form, headers=headers, max_redirects=0)
            assert answer.status < 500, (path, form)
            assert "text/html" in answer.headers["content-type"]
    assert nightly.scheduler.changes("nightly") == []


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("phone", [False, True], ids=["desktop", "phone"])
def test_nobody_is_kept_out(nightly: Site, browse: Browse, phone: bool, dark: bool) -> None:
    page = live(browse("/jobs/nightly/edit", phone=phone, dark=dark))
    for kind in ("Crontab", "By fields", "Interval", "By the calendar", "Once"):
        page.locator(".kind", has_text=kind).click()
        assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.locator(".kind", has_text="By fields").click()
    page.get_by_label("Hour").and_(page.locator(":visible")).fill("5")
    expect(page.locator("#then")).to_be_visible()
    check_barriers(page)


def test_a_job_is_added_for_a_task(offering: Site, browse: Browse, script: bool) -> None:
    page = browse("/jobs", script=script, expect_errors=True)
    page.get_by_role("link", name="Add a job").click()
    page.get_by_role("link", name="report", exact=True).click()
    page.get_by_label("Id").fill("no/slash")
    page.get_by_label("pages").fill("999")
    crontab(page, "0 6 * * 1")
    if script:
        expect(page.locator("#forecast")).to_contain_text("at 06:00 on Monday")
    page.get_by_role("button", name="Add it").click()
    expect(page.locator(".field.wrong")).to_have_count(2)
    expect(page.locator("#field-id-error")).to_contain_text("no slash")
    if script:
        check_barriers(live(page))
    page.get_by_label("Id").fill("report-acme")
    page.get_by_label("folder").fill("/tmp")
    page.get_by_label("tenant").fill("42")
    page.get_by_label("pages").fill("3")
    page.get_by_label("mode").select_option("delta")
    page.get_by_label("limits").fill('{"rows": 1000}')
    page.get_by_role("button", name="Add it").click()
    expect(page.get_by_text("Added report-acme.")).to_be_visible()
    job = offering.scheduler.get_job("report-acme")
    assert job["kwargs"] == {"folder": "/tmp", "tenant": "42", "pages": 3, "mode": "delta", "limits": {"rows": 1000}}
    assert job["schedule"] == "at 06:00 on Monday, Europe/Berlin"


def test_arguments_are_edited_and_checked(offering: Site, browse: Browse, script: bool) -> None:
    offering.scheduler.add_job("hello", "greet", "cron", hour=3, kwargs={"tenant": "a\nb"})
    page = browse("/jobs/hello/edit", script=script, expect_errors=True)
    expect(page.get_by_label("tenant")).to_have_value("a\nb")
    page.get_by_label("tenant").fill("")
    save(page)
    expect(page.locator(".field.wrong .error")).to_contain_text("It is needed: give text")
    page.get_by_label("tenant").fill("acme")
    save(page)
    expect(page.get_by_text("Changed hello.")).to_be_visible()
    assert offering.scheduler.get_job("hello")["kwargs"] == {"tenant": "acme"}


def test_a_job_that_is_called_new_has_its_page(site: Site, browse: Browse) -> None:
    site.scheduler.register(nothing, "cron", id="new", hour=3)
    site.store_jobs()
    page = browse("/jobs/new", script=False)
    expect(page.get_by_role("heading", level=1)).to_have_text("new")
    page.locator("summary", has_text="Pause").click()
    page.get_by_role("button", name="Pause it").click()
    expect(page.get_by_text("Paused new.")).to_be_visible()


def test_without_tasks_the_page_teaches(nightly: Site, browse: Browse) -> None:
    page = browse("/jobs/new")
    expect(page.get_by_text("no node tells of any")).to_be_visible()
    expect(page.get_by_text("@scheduler.task")).to_be_visible()
    check_barriers(page)
    page.goto(f"{nightly.address}/jobs")
    expect(page.get_by_role("link", name="Add a job")).to_have_count(0)
