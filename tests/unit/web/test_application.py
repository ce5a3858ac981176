"""The pages as answers: what they link to, what they say of errors, what their headers allow."""

from __future__ import annotations

import re
from typing import Any

import pytest
from fastapi import FastAPI

from gnomon import Scheduler
from gnomon.access.security_headers import PAGE
from gnomon.domain.principal import Role
from gnomon.domain.run import RunState
from gnomon.errors import StoreUnavailable
from tests.browser import scene
from tests.jobs import nothing
from tests.unit.api.conftest import Client, bearer

PEOPLE = {"Accept": "text/html"}
_ADDRESS = re.compile(r'(?:href|src|action|formaction|hx-get|data-events|data-root)="([^"#]*)')


def addresses(html: str) -> set[str]:
    return {address for address in _ADDRESS.findall(html) if address}


@pytest.mark.parametrize("path", ["/", "/jobs", "/sign-in", "/nowhere"])
def test_each_address_on_a_page_is_below_the_place_where_it_is_mounted(
    scheduler: Scheduler, client: Client, path: str
) -> None:
    around = FastAPI()
    around.mount("/in/side", scheduler.asgi())
    page = client("127.0.0.1", app=around).get(f"/in/side{path}", headers=PEOPLE)
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert {address for address in addresses(page.text) if not address.startswith("/in/side")} == set()
    assert len(addresses(page.text)) > 5


def test_what_a_page_needs_is_there(client: Client) -> None:
    asking = client("127.0.0.1")
    static = {address for address in addresses(asking.get("/jobs", headers=PEOPLE).text) if "/static/" in address}
    assert len(static) >= 4
    for address in static:
        file = asking.get(address)
        assert file.status_code == 200
        assert file.headers["cache-control"] == "public, max-age=31536000, immutable"
        plain = asking.get(address, headers={"Accept-Encoding": "identity"})
        assert plain.content == file.content
        assert "content-encoding" not in plain.headers


@pytest.mark.parametrize(
    "name",
    [
        *("../__init__.py", "..%2f__init__.py", "%2e%2e/__init__.py", "..%5c__init__.py", "gnomon.css", "."),
        *("%2fetc%2fpasswd", "....//__init__.py", "htmx.LICENSE.txt", "gnomon-000000000000.css", "x%00.css"),
    ],
)
def test_nothing_else_is_served_as_a_file(client: Client, name: str) -> None:
    assert client("127.0.0.1").get(f"/static/{name}").status_code in {400, 404}


@pytest.mark.parametrize("path", ["/", "/jobs"])
def test_a_page_is_light(scheduler: Scheduler, client: Client, path: str) -> None:
    """Fifty jobs of which each has twenty runs, with all that the page loads, as it is sent."""
    with scheduler.store.database.transaction("scene"):
        for number in range(60):
            job_id = f"a-job-with-a-usual-name-{number}"
            scheduler.register(nothing, "cron", id=job_id, hour=number % 24, description="What it is for, in short.")
            for ago in range(20):
                state = RunState.FAILED if ago == 7 else RunState.SUCCEEDED
                scene.ended(scheduler, job_id, scene.ago(hours=ago + 1), state, error="it failed")
    scheduler.start_all_jobs()
    asking = client("127.0.0.1")
    page = asking.get(path, headers=PEOPLE)
    sizes = [len(page.content)]
    for address in addresses(page.text):
        if "/static/" in address:
            sizes.append(int(asking.get(address, headers={"Accept-Encoding": "gzip"}).headers["content-length"]))
    assert sum(sizes) < 150_000
    assert page.headers["cache-control"] == "no-store"


def test_a_page_runs_only_what_stands_in_files(client: Client, tokens: dict[Role, str]) -> None:
    for answer in (
        client("127.0.0.1").get("/", headers=PEOPLE),
        client("127.0.0.1").get("/nowhere", headers=PEOPLE),
        client().get("/sign-in", headers=PEOPLE),
        client().post("/jobs/job/pause", headers=PEOPLE),
    ):
        assert answer.headers["content-security-policy"] == PAGE
        assert answer.headers["x-content-type-options"] == "nosniff"
        assert answer.headers["content-type"].startswith("text/html")
        assert not re.search(r"<script(?![^>]*\ssrc=)|\sstyle=|<style|\son\w+=|javascript:", answer.text)


def test_people_are_led_to_where_one_signs_in_and_programs_get_a_problem(client: Client) -> None:
    stranger = client()
    led = stranger.get("/jobs?search=a b", headers=PEOPLE, follow_redirects=False)
    assert (led.status_code, led.headers["location"]) == (303, "/sign-in?to=%2Fjobs%3Fsearch%3Da%2520b")
    told = stranger.get("/jobs")
    assert (told.status_code, told.json()["type"]) == (401, "/problems/not-authenticated")
    assert stranger.get("/api/scheduler/jobs", headers=PEOPLE).json()["type"] == "/problems/not-authenticated"


def test_a_job_that_is_gone_says_where_to_go(client: Client) -> None:
    answer = client("127.0.0.1").post("/jobs/gone/pause", headers=PEOPLE)
    assert answer.status_code == 404
    assert "There is no such job" in answer.text
    assert {"/jobs", "/"} <= addresses(answer.text)


def test_a_viewer_is_told_what_he_may_not(client: Client, tokens: dict[Role, str]) -> None:
    answer = client().post("/jobs/job/pause", headers=PEOPLE | bearer(tokens[Role.VIEWER]))
    assert answer.status_code == 403
    assert "needs operator" in answer.text
    assert "with the role <b>viewer</b>" in answer.text


@pytest.mark.parametrize(
    ("error", "status"), [(StoreUnavailable("the disk is gone"), 503), (ZeroDivisionError("swordfish"), 500)]
)
def test_an_error_is_a_page_too_and_tells_no_secret(
    scheduler: Scheduler, client: Client, monkeypatch: pytest.MonkeyPatch, error: Exception, status: int
) -> None:
    from fastapi.testclient import TestClient

    def broken(*_: Any, **__: Any) -> Any:
        raise error

    monkeypatch.setattr(scheduler, "list_jobs", broken)
    with TestClient(
        scheduler.asgi(), base_url="http://localhost", client=("127.0.0.1", 1), raise_server_exceptions=False
    ) as browser:
        answer = browser.get("/jobs", headers=PEOPLE)
    assert answer.status_code == status
    assert answer.headers["content-security-policy"] == PAGE
    assert "data-reload-when-back" in answer.text
    assert "swordfish" not in re.sub(r"<head.*</head>", "", answer.text, flags=re.DOTALL)


def test_in_place_a_refusal_is_put_where_notices_are(client: Client) -> None:
    answer = client("127.0.0.1").post("/jobs/gone/pause", headers=PEOPLE | {"HX-Request": "true"})
    assert (answer.headers["hx-retarget"], answer.headers["hx-reswap"]) == ("#notices", "beforeend")
    assert "<html" not in answer.text


@pytest.mark.parametrize(
    "back", ["//evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)", ""]
)
def test_nobody_is_led_away(client: Client, back: str) -> None:
    answer = client("127.0.0.1").post("/jobs/job/pause", data={"back": back}, headers=PEOPLE, follow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (303, "/")


def test_a_form_sent_twice_starts_one_run(scheduler: Scheduler, client: Client) -> None:
    asking = client("127.0.0.1")
    for _ in range(2):
        asking.post("/jobs/job/run", data={"key": "once"}, headers=PEOPLE)
    assert len(scheduler.runs("job")) == 1


def test_the_reader_chooses_zone_and_theme_and_nonsense_is_no_choice(client: Client) -> None:
    asking = client("127.0.0.1")
    cookies = {"Cookie": "gnomon_zone=Asia%2FTokyo; gnomon_theme=dark"}
    page = asking.get("/", headers=PEOPLE | cookies).text
    assert 'data-theme="dark" data-zone="Asia/Tokyo"' in page
    cookies = {"Cookie": "gnomon_zone=..%2F..%2Fetc%2Fpasswd; gnomon_theme=x%22; gnomon_notice=%22<b>"}
    page = asking.get("/", headers=PEOPLE | cookies).text
    assert 'data-zone="UTC"' in page
    assert "data-theme" not in page


def test_calendars_and_single_runs_are_told_on_every_page(scheduler: Scheduler, client: Client) -> None:
    (job,) = scheduler.get_all_jobs()[:1]
    scheduler.set_calendar("closed", dates={"2050-12-24": "Christmas Eve"})
    scheduler.change_job(job["id"], calendar="closed")
    scheduler.skip_next(job["id"])
    scheduler.set_calendar("closed", dates=["2050-12-24", "2050-12-31"])
    scheduler.remove_calendar("closed", force=True)
    asking = client("127.0.0.1")
    pages = {path: asking.get(path, headers=PEOPLE) for path in ("/", "/jobs", f"/jobs/{job['id']}", "/changes")}
    assert {path: page.status_code for path, page in pages.items()} == dict.fromkeys(pages, 200)
    for path in (f"/jobs/{job['id']}", "/changes"):
        assert "skip " in pages[path].text
    assert "skipped a run of" in pages["/changes"].text
    assert "does not exist" in pages[f"/jobs/{job['id']}"].text
    for words in ("1 date", "2 dates", "jobs that name it"):
        assert words in pages["/changes"].text
    for change in scheduler.changes():
        assert asking.get(f"/changes/{change.id}", headers=PEOPLE).status_code == 200
