"""REST over each database: what it shows, what it changes, and what it refuses."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from threading import Event
from typing import Any

import pytest
from fastapi.testclient import TestClient

import gnomon
from gnomon import Scheduler
from gnomon.api import schemas
from gnomon.domain.change import Author, Origin
from gnomon.operations.audit import change_in_words
from gnomon.testing import ManualEngine
from tests.conformance.conftest import NOON
from tests.jobs import fail, nothing
from tests.processes import wait_until

JOBS = "/api/scheduler/jobs"
JOB = f"{JOBS}/job"
ANY = {"If-Match": "*"}
CALENDARS = "/api/scheduler/calendars"
NEW = {"If-None-Match": "*"}
#: The first two due times of the job.
DUE, NEXT_DUE = ((NOON + timedelta(days=days)).replace(hour=15).isoformat() for days in (0, 1))


@pytest.fixture
def client(scheduler: Scheduler) -> Iterator[TestClient]:
    scheduler.register(nothing, "cron", id="job", hour=15, description="What it does.")
    with TestClient(scheduler.asgi(), base_url="http://localhost", client=("127.0.0.1", 50_000)) as client:
        yield client


def seen(client: TestClient) -> dict[str, str]:
    """What makes a change conditional on the job as it stands now."""
    return {"If-Match": client.get(JOB).headers["ETag"]}


class TestListing:
    @pytest.fixture(autouse=True)
    def many(self, scheduler: Scheduler, client: TestClient) -> None:
        for number in range(25):
            scheduler.register(nothing, "cron", id=f"many {number:02}", hour=number % 4, enabled=number % 5 != 0)
        scheduler.change_job("many 07", max_instances=9)

    def all_pages(self, client: TestClient, **parameters: Any) -> list[dict[str, Any]]:
        jobs: list[dict[str, Any]] = []
        cursor = None
        while True:
            page = client.get(JOBS, params={**parameters, **({"cursor": cursor} if cursor else {})}).json()
            jobs += page["jobs"]
            cursor = page["next"]
            if cursor is None:
                return jobs

    @pytest.mark.parametrize("limit", [1, 4, 1000])
    def test_pages_together_are_the_list(self, scheduler: Scheduler, client: TestClient, limit: int) -> None:
        assert self.all_pages(client, limit=limit) == scheduler.get_all_jobs()
        by_id = self.all_pages(client, limit=limit, sort="id")
        assert [job["id"] for job in by_id] == sorted(job["id"] for job in scheduler.get_all_jobs())

    @pytest.mark.parametrize(
        ("parameters", "wanted"),
        [
            ({"search": "WHAT IT DOES"}, lambda job: job["id"] == "job"),
            ({"search": "at 02:00"}, lambda job: job["trigger_args"]["hour"] == "2"),
            ({"state": "paused"}, lambda job: job["state"] == "paused"),
            ({"state": ["active", "quarantined"]}, lambda job: job["state"] == "active"),
            ({"source": "override"}, lambda job: job["id"] == "many 07"),
            ({"search": "many", "state": "active", "source": "code"}, lambda job: None),
            ({"search": "there is none"}, lambda job: False),
        ],
    )
    def test_filters_narrow_it_down(
        self, scheduler: Scheduler, client: TestClient, parameters: Any, wanted: Callable[[Any], Any]
    ) -> None:
        found = [job["id"] for job in self.all_pages(client, limit=3, **parameters)]
        expected = [job["id"] for job in scheduler.get_all_jobs() if wanted(job)]
        if parameters.get("source") == "code":
            expected = [
                job["id"]
                for job in scheduler.get_all_jobs()
                if "many" in job["id"] and job["state"] == "active" and job["source"] == "code"
            ]
        assert found == expected

    @pytest.mark.parametrize(
        "parameters",
        [
            {"limit": 0},
            {"limit": 1001},
            {"limit": "many"},
            {"state": "tired"},
            {"source": "mars"},
            {"sort": "name"},
            {"cursor": "x"},
            {"cursor": "WzEsMiwzXQ"},
            {"search": "x" * 201},
        ],
    )
    def test_what_makes_no_sense_is_named(self, client: TestClient, parameters: Any) -> None:
        answer = client.get(JOBS, params=parameters)
        assert answer.status_code == 422
        assert answer.json()["field"].split(".")[0] in parameters


class TestTokens:
    def test_a_change_without_the_token_is_asked_for_it(self, scheduler: Scheduler, client: TestClient) -> None:
        assert client.patch(JOB, json={"enabled": False}).status_code == 428
        for word in ("pause", "resume", "revert", "keep", "adopt", "skip", "move", "clear"):
            body = {"at": DUE, "to": DUE} if word == "move" else {"at": DUE} if word == "clear" else None
            answer = client.post(f"{JOB}/{word}", json=body)
            assert (answer.status_code, answer.json()["type"]) == (428, "/problems/precondition-required")
        assert scheduler.changes() == []

    def test_two_operators_at_once_are_one_that_wins_and_one_that_sees_what_is_different(
        self, scheduler: Scheduler, client: TestClient
    ) -> None:
        token = seen(client)
        first = client.patch(JOB, json={"max_instances": 2, "reason": "it is slow"}, headers=token)
        second = client.patch(JOB, json={"max_instances": 3}, headers=token)
        assert (first.status_code, second.status_code) == (200, 412)
        problem = second.json()
        assert set(problem) <= set(schemas.Problem.model_fields)
        assert problem["type"] == "/problems/stale-token"
        assert problem["job"]["max_instances"] == 2
        assert problem["differing"] == ["max_instances"]
        assert [change["reason"] for change in problem["changes"]] == ["it is slow"]
        assert first.headers["ETag"] == client.get(JOB).headers["ETag"] != token["If-Match"]

    @pytest.mark.parametrize("tag", ["3f2a", 'W/"3f2a"', '"a", "b"', '""'])
    def test_what_is_no_tag_is_refused(self, client: TestClient, tag: str) -> None:
        assert client.patch(JOB, json={"enabled": False}, headers={"If-Match": tag}).status_code == 400

    def test_a_tag_that_nobody_gave_is_old(self, client: TestClient) -> None:
        answer = client.patch(JOB, json={"enabled": False}, headers={"If-Match": '"3f2a"'})
        assert (answer.status_code, answer.json()["differing"]) == (412, None)


class TestFieldByField:
    def test_null_returns_a_field_and_absent_leaves_it(self, client: TestClient) -> None:
        change = {"trigger": "cron", "trigger_args": {"hour": 4}, "max_instances": 5, "misfire_grace_time": "unlimited"}
        job = client.patch(JOB, json=change, headers=seen(client)).json()
        assert (job["trigger_args"]["hour"], job["max_instances"], job["misfire_grace_time"]) == ("4", 5, None)
        job = client.patch(JOB, json={"trigger": None}, headers=seen(client)).json()
        assert (job["trigger_args"]["hour"], set(job["overrides"])) == ("15", {"max_instances", "misfire_grace_time"})
        job = client.patch(JOB, json={"max_instances": None, "misfire_grace_time": None}, headers=seen(client)).json()
        assert (job["max_instances"], job["misfire_grace_time"], job["source"]) == (1, 3600, "code")

    def test_reason_and_expiry_are_kept(self, scheduler: Scheduler, client: TestClient) -> None:
        until = (NOON + timedelta(hours=2)).isoformat()
        job = client.post(f"{JOB}/pause", json={"reason": "moving", "expires_at": until}, headers=seen(client)).json()
        override = job["overrides"]["enabled"]
        assert (override["reason"], override["expires_at"], override["origin"]) == ("moving", until, "api")
        job = client.post(f"{JOB}/resume", headers=seen(client)).json()
        assert (job["enabled"], job["overrides"]) == (True, {})

    @pytest.mark.parametrize(
        ("change", "field"),
        [
            ({"expires_at": "2050-03-07T14:00:00", "enabled": False}, "expires_at"),
            ({"expires_at": "2049-03-07T14:00:00Z", "enabled": False}, "expires_at"),
            ({"expires_at": "2051-03-07T14:00:00Z"}, "expires_at"),
            ({"reason": "x" * 1001}, "reason"),
            ({"executor": "processes"}, "executor"),
            ({"__class__": {}}, "__class__"),
            ({"name": "x"}, "name"),
            ({"max_instances": 10**30}, "max_instances"),
            ({"max_instances": 1.5}, "max_instances"),
            ({"misfire_grace_time": "none"}, "misfire_grace_time"),
            ({"trigger": "cron", "trigger_args": {"func": "os:system"}}, "func"),
            ({"trigger": "interval", "trigger_args": {"seconds": -5}}, "seconds"),
            ({"trigger": "crontab", "trigger_args": {"expression": "x" * 300}}, "expression"),
        ],
    )
    def test_bad_input_names_its_field_and_changes_nothing(
        self, scheduler: Scheduler, client: TestClient, change: Any, field: str
    ) -> None:
        answer = client.patch(JOB, json=change, headers=ANY)
        assert answer.status_code == 422, answer.text
        assert field in answer.json()["field"]
        assert scheduler.changes() == []

    @pytest.mark.parametrize(
        ("body", "field"),
        [
            (b'{"max_instances": 2, "enabled": true, "max_instances": 3}', "max_instances"),
            (b'{"trigger": "cron", "trigger_args": {"hour": 4, "hour": 5}}', "hour"),
        ],
    )
    def test_a_key_that_is_given_twice_is_named(
        self, scheduler: Scheduler, client: TestClient, body: bytes, field: str
    ) -> None:
        answer = client.patch(JOB, content=body, headers={**ANY, "Content-Type": "application/json"})
        assert (answer.status_code, answer.json()["field"]) == (422, field)
        assert scheduler.changes() == []

    @pytest.mark.parametrize("body", [b'{"max_instances": NaN}', b'{"max_instances": 1e999}', b"\xff", b"[" * 10_000])
    def test_what_is_no_json_or_no_number_is_refused(self, client: TestClient, body: bytes) -> None:
        answer = client.patch(JOB, content=body, headers={**ANY, "Content-Type": "application/json"})
        assert answer.status_code in {400, 422}
        assert answer.headers["content-type"] == "application/problem+json"


class TestDefaultsAndChanges:
    def test_keep_adopt_and_revert(
        self,
        scheduler: Scheduler,
        client: TestClient,
        another_scheduler: Callable[..., Scheduler],
        engine: ManualEngine,
    ) -> None:
        client.patch(JOB, json={"trigger": "cron", "trigger_args": {"hour": 4}}, headers=ANY)
        engine.clock.advance(minutes=1)
        newer = another_scheduler()
        newer.register(nothing, "cron", id="job", hour=16)
        newer.start_all_jobs()
        assert client.get(JOB).json()["overrides"]["trigger"]["moved"] is True
        assert client.post(f"{JOB}/keep", headers=ANY).json()["overrides"]["trigger"]["moved"] is False
        refused = client.post(f"{JOB}/adopt", headers=ANY)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/change-refused")
        job = client.post(f"{JOB}/revert", json={"reason": "as the code says"}, headers=ANY).json()
        assert (job["trigger_args"]["hour"], job["source"]) == ("16", "code")

    def test_the_new_default_is_followed_and_one_field_reverted(
        self, client: TestClient, another_scheduler: Callable[..., Scheduler], engine: ManualEngine
    ) -> None:
        change = {"trigger": "cron", "trigger_args": {"hour": 4}, "max_instances": 3, "coalesce": False}
        client.patch(JOB, json=change, headers=ANY)
        job = client.post(f"{JOB}/revert", json={"fields": ["coalesce"]}, headers=seen(client)).json()
        assert (job["coalesce"], set(job["overrides"])) == (True, {"trigger", "max_instances"})
        engine.clock.advance(minutes=1)
        newer = another_scheduler()
        newer.register(nothing, "cron", id="job", hour=16)
        newer.start_all_jobs()
        job = client.post(f"{JOB}/adopt", json={"reason": "it is right"}, headers=seen(client)).json()
        assert (job["trigger_args"]["hour"], set(job["overrides"])) == ("16", {"max_instances"})
        (line, *_) = client.get("/api/scheduler/changes").json()["changes"]
        assert (line["reason"], line["origin"], line["after"]["trigger_args"]["hour"]) == ("it is right", "api", "16")

    def test_the_log_is_read_by_job_actor_and_time_and_paged(self, scheduler: Scheduler, client: TestClient) -> None:
        for number in range(1, 6):
            author = Author("ann" if number % 2 else "bob", Origin.CLI, f"change {number}")
            scheduler.change_job("job", max_instances=number + 1, author=author)
        url = "/api/scheduler/changes"
        first = client.get(url, params={"limit": 2}).json()
        rest = client.get(url, params={"limit": 100, "cursor": first["next"]}).json()
        assert [c["reason"] for c in first["changes"] + rest["changes"]] == [f"change {n}" for n in (5, 4, 3, 2, 1)]
        assert rest["next"] is None
        assert {c["actor"] for c in client.get(url, params={"actor": "bob"}).json()["changes"]} == {"bob"}
        assert client.get(url, params={"since": (NOON + timedelta(hours=1)).isoformat()}).json()["changes"] == []
        assert len(client.get(url, params={"job": "job", "until": NOON.isoformat()}).json()["changes"]) == 5
        assert client.get(url, params={"job": "another"}).json()["changes"] == []
        one = first["changes"][0]
        assert client.get(f"{url}/{one['id']}").json() == one

    def test_a_change_is_undone_and_not_where_another_stands_in_the_way(
        self, scheduler: Scheduler, client: TestClient
    ) -> None:
        client.patch(JOB, json={"max_instances": 2}, headers=ANY)
        client.patch(JOB, json={"max_instances": 3}, headers=ANY)
        newer, older = client.get("/api/scheduler/changes").json()["changes"]
        refused = client.post(f"/api/scheduler/changes/{older['id']}/undo", headers=ANY)
        assert (refused.status_code, str(newer["id"]) in refused.json()["detail"]) == (409, True)
        assert client.post(f"/api/scheduler/changes/{newer['id']}/undo", headers=ANY).json()["max_instances"] == 2
        assert client.get("/api/scheduler/changes/4711").status_code == 404
        assert client.post("/api/scheduler/changes/4711/undo", headers=ANY).status_code == 404

    def test_nobody_alters_the_log(self, scheduler: Scheduler, client: TestClient) -> None:
        """Neither over REST nor by a statement: lines are written, and read."""
        client.patch(JOB, json={"max_instances": 2, "reason": "it is slow"}, headers=ANY)
        (line,) = before = client.get("/api/scheduler/changes").json()["changes"]
        for method in ("POST", "PUT", "PATCH", "DELETE"):
            for path in ("/api/scheduler/changes", f"/api/scheduler/changes/{line['id']}"):
                answer = client.request(method, path, json={"reason": "it was somebody else"}, headers=ANY)
                assert answer.status_code == 405
        client.post(f"/api/scheduler/changes/{line['id']}/undo", headers=ANY)
        scheduler.engine.remove_job("job")
        assert client.get("/api/scheduler/changes").json()["changes"][-1:] == before
        source = "".join(file.read_text() for file in Path(gnomon.__file__).parent.rglob("*.py"))
        assert "INSERT INTO gnomon_changes" in source
        assert not re.search(r"(UPDATE|DELETE FROM)\s+gnomon_changes", source)


class TestOneRun:
    def test_it_can_be_skipped_and_that_taken_back(self, scheduler: Scheduler, client: TestClient) -> None:
        job = client.post(f"{JOB}/skip", json={"at": DUE, "reason": "the warehouse moves"}, headers=seen(client)).json()
        (exception,) = job["exceptions"]
        assert exception["action"] == "skip"
        assert (exception["scheduled_at"], exception["to"], exception["reason"]) == (DUE, None, "the warehouse moves")
        assert (job["next_run_time"], job["next_start"]) == (DUE, NEXT_DUE)
        (change,) = scheduler.changes("job")
        assert (change.action, change.author.origin, change.author.reason) == (
            "skip",
            Origin.API,
            "the warehouse moves",
        )
        cleared = client.post(f"{JOB}/clear", json={"at": DUE}, headers=seen(client)).json()
        assert (cleared["exceptions"], cleared["next_start"]) == ([], DUE)
        again = client.post(f"{JOB}/clear", json={"at": DUE}, headers=ANY)
        assert (again.status_code, again.json()["type"]) == (409, "/problems/change-refused")

    def test_it_can_be_moved(self, scheduler: Scheduler, client: TestClient) -> None:
        to = NOON.replace(hour=17).isoformat()
        job = client.post(f"{JOB}/move", json={"to": to}, headers=seen(client)).json()
        assert (job["next_run_time"], job["next_start"]) == (DUE, to)
        assert [each["to"] for each in job["exceptions"]] == [to]
        (change,) = client.get("/api/scheduler/changes").json()["changes"]
        undone = client.post(f"/api/scheduler/changes/{change['id']}/undo", headers=ANY).json()
        assert (undone["exceptions"], undone["next_start"]) == ([], DUE)

    def test_the_token_stays_and_an_old_one_is_refused(self, scheduler: Scheduler, client: TestClient) -> None:
        old = seen(client)
        assert client.post(f"{JOB}/skip", json={"at": DUE}, headers=old).headers["ETag"] == old["If-Match"]
        scheduler.change_job("job", max_instances=2)
        for word, body in (("skip", {}), ("move", {"to": NEXT_DUE}), ("clear", {"at": DUE})):
            assert client.post(f"{JOB}/{word}", json=body, headers=old).status_code == 412

    @pytest.mark.parametrize(
        ("word", "body", "field"),
        [
            ("skip", {"at": "2050-03-07T15:00:01+00:00"}, "at"),
            ("skip", {"at": "2050-03-07T15:00:00"}, "at"),
            ("skip", {"at": "0001-01-01T00:00:00+14:00"}, "at"),
            ("skip", {"at": "9999-12-31T23:59:59-14:00"}, "at"),
            ("move", {"to": "2049-01-01T00:00:00+00:00"}, "to"),
            ("move", {"to": "9999-12-31T23:59:59-14:00"}, "to"),
            ("move", {"to": "0001-01-01T00:00:00+14:00"}, "to"),
            ("move", {}, "to"),
            ("clear", {}, "at"),
            ("clear", {"at": DUE, "to": DUE}, "to"),
        ],
    )
    def test_what_makes_no_sense_is_named(self, client: TestClient, word: str, body: Any, field: str) -> None:
        answer = client.post(f"{JOB}/{word}", json=body, headers=ANY)
        assert (answer.status_code, answer.json()["field"]) == (422, field)

    def test_nobody_has_a_job_that_there_is_not(self, client: TestClient) -> None:
        answer = client.post(f"{JOBS}/nobody/skip", headers=ANY)
        assert (answer.status_code, answer.json()["type"]) == (404, "/problems/job-not-found")


class TestCalendars:
    CLOSED = f"{CALENDARS}/closed"

    @pytest.fixture(autouse=True)
    def closed(self, client: TestClient) -> None:
        body = {"dates": {DUE[:10]: "moving"}, "reason": "the warehouse moves"}
        assert client.put(self.CLOSED, json=body, headers=NEW).status_code == 201

    def test_jobs_can_leave_out_its_dates(self, scheduler: Scheduler, client: TestClient) -> None:
        job = client.patch(JOB, json={"calendar": "closed"}, headers=seen(client)).json()
        assert (job["calendar"], job["next_run_time"], job["next_start"]) == ("closed", DUE, NEXT_DUE)
        assert job["overrides"]["calendar"]["value"] == "closed"
        (calendar,) = client.get(CALENDARS).json()["calendars"]
        assert (calendar["jobs"], calendar["reason"], calendar["origin"]) == (["job"], "the warehouse moves", "api")
        assert calendar["upcoming"] == [{"date": DUE[:10], "name": "moving"}]

    @pytest.mark.parametrize("back", ["none", None])
    def test_and_leave_out_none_again(self, client: TestClient, back: str | None) -> None:
        client.patch(JOB, json={"calendar": "closed"}, headers=ANY)
        job = client.patch(JOB, json={"calendar": back}, headers=ANY).json()
        assert (job["calendar"], job["next_start"], job["overrides"]) == (None, DUE, {})

    def test_none_is_not_what_the_code_says_where_that_names_one(
        self, scheduler: Scheduler, client: TestClient
    ) -> None:
        scheduler.register(nothing, "cron", id="other", hour=15, calendar="closed")
        job = client.patch(f"{JOBS}/other", json={"calendar": "none"}, headers=ANY).json()
        assert (job["calendar"], job["source"]) == (None, "override")
        job = client.patch(f"{JOBS}/other", json={"calendar": None}, headers=ANY).json()
        assert (job["calendar"], job["source"]) == ("closed", "code")

    def test_one_that_there_is_not_is_named(self, client: TestClient) -> None:
        refused = client.patch(JOB, json={"calendar": "open"}, headers=ANY)
        assert (refused.status_code, refused.json()["field"]) == (422, "calendar")
        for answer in (
            client.get(f"{CALENDARS}/open"),
            client.delete(f"{CALENDARS}/open"),
            client.delete(f"{CALENDARS}/open", headers={"If-Match": '"3f2a"'}),
            client.post(f"{JOB}/preview", json={"calendar": "open"}),
            client.post(
                "/api/scheduler/preview", json={"trigger": "cron", "trigger_args": {"hour": 1}, "calendar": "open"}
            ),
        ):
            assert (answer.status_code, answer.json()["type"]) == (404, "/problems/calendar-not-found")

    def test_one_that_jobs_name_is_removed_by_force_alone(self, client: TestClient) -> None:
        client.patch(JOB, json={"calendar": "closed"}, headers=ANY)
        refused = client.delete(self.CLOSED, headers=ANY)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/change-refused")
        removed = client.delete(self.CLOSED, params={"force": True}, headers=ANY)
        assert removed.json() == {"name": "closed", "jobs": ["job"]}
        job = client.get(JOB).json()
        assert job["next_start"] is None
        assert "does not exist" in job["problem"]
        assert client.get(CALENDARS).json() == {"calendars": []}

    @pytest.mark.parametrize(
        ("name", "body", "field"),
        [
            ("none", {"dates": ["2050-03-09"]}, "calendar"),
            ("a b", {"dates": ["2050-03-09"]}, "calendar"),
            ("closed", {}, "dates"),
            ("closed", {"dates": ["soon"]}, "dates"),
            ("closed", {"country": "XX"}, "country"),
            ("closed", {"country": "day"}, "country"),
            ("closed", {"subdivision": "BE", "dates": ["2050-03-09"]}, "subdivision"),
            ("closed", {"dates": ["2050-03-09"], "reason": "\0"}, "reason"),
        ],
    )
    def test_what_makes_no_sense_is_named(self, client: TestClient, name: str, body: Any, field: str) -> None:
        answer = client.put(f"{CALENDARS}/{name}", json=body, headers=ANY)
        assert (answer.status_code, answer.json()["field"]) == (422, field)

    def test_what_was_done_to_one_is_in_the_log(self, scheduler: Scheduler, client: TestClient) -> None:
        client.put(self.CLOSED, json={"dates": [DUE[:10], NEXT_DUE[:10]]}, headers=ANY)
        client.delete(self.CLOSED, params={"reason": "nobody needs it"}, headers=ANY)
        changes = client.get("/api/scheduler/changes").json()["changes"]
        assert [each["action"] for each in changes] == ["remove calendar", "calendar", "calendar"]
        words = [change_in_words(each) for each in scheduler.changes()]
        assert words == ["removed, 2 dates", "1 date → 2 dates", "1 date"]

    def test_one_is_set_and_removed_only_as_it_was_seen(self, scheduler: Scheduler, client: TestClient) -> None:
        seen = client.get(self.CLOSED)
        assert (seen.status_code, seen.json()) == (200, client.get(CALENDARS).json()["calendars"][0])
        assert seen.headers["ETag"] == f'"{seen.json()["token"]}"'
        token = {"If-Match": seen.headers["ETag"]}
        wanted = {"dates": [NEXT_DUE[:10]], "reason": "it moves later"}
        for answer in (client.put(self.CLOSED, json=wanted), client.delete(self.CLOSED)):
            assert (answer.status_code, answer.json()["type"]) == (428, "/problems/precondition-required")
        first = client.put(self.CLOSED, json=wanted, headers=token)
        assert (first.status_code, first.headers["ETag"] == client.get(self.CLOSED).headers["ETag"]) == (200, True)
        for second in (
            client.put(self.CLOSED, json={"dates": ["2050-05-05"]}, headers=token),
            client.delete(self.CLOSED, headers=token),
        ):
            assert (second.status_code, second.json()["type"]) == (412, "/problems/stale-token")
            assert second.json()["calendar"] == client.get(self.CLOSED).json()
            assert second.json()["differing"] == ["dates"]
            assert [change["reason"] for change in second.json()["changes"]] == ["it moves later"]
        assert len(scheduler.changes("calendar/closed")) == 2
        assert client.delete(self.CLOSED, headers={"If-Match": first.headers["ETag"]}).status_code == 200

    def test_a_new_one_overwrites_nobodys_and_one_that_was_removed_is_not_made_again(self, client: TestClient) -> None:
        wanted = {"dates": [NEXT_DUE[:10]]}
        refused = client.put(self.CLOSED, json=wanted, headers=NEW)
        assert (refused.status_code, refused.json()["calendar"]["reason"]) == (412, "the warehouse moves")
        assert refused.json()["differing"] is None
        token = {"If-Match": client.get(self.CLOSED).headers["ETag"]}
        client.delete(self.CLOSED, params={"reason": "nobody needs it"}, headers=token)
        for headers, reasons in ((token, ["nobody needs it"]), (ANY, None)):
            gone = client.put(self.CLOSED, json=wanted, headers=headers)
            assert (gone.status_code, gone.json()["calendar"]) == (412, None)
            assert (gone.json()["changes"] and [each["reason"] for each in gone.json()["changes"]]) == reasons
        assert client.get(self.CLOSED).status_code == 404

    @pytest.mark.parametrize(
        "headers", [{"If-None-Match": '"3f2a"'}, {**NEW, **ANY}, {"If-Match": "3f2a"}, {"If-Match": 'W/"3f2a"'}]
    )
    def test_what_is_no_condition_is_refused(self, client: TestClient, headers: dict[str, str]) -> None:
        answer = client.put(self.CLOSED, json={"dates": [NEXT_DUE[:10]]}, headers=headers)
        assert (answer.status_code, answer.json()["type"]) == (400, "/problems/bad-request")

    def test_a_change_of_one_is_undone_if_it_is_as_it_was_seen(self, client: TestClient) -> None:
        seen = client.get(self.CLOSED)
        changed = client.put(self.CLOSED, json={"dates": ["2050-05-05"]}, headers={"If-Match": seen.headers["etag"]})
        (change, *_) = client.get("/api/scheduler/changes", params={"job": "calendar/closed"}).json()["changes"]
        path = f"/api/scheduler/changes/{change['id']}/undo"
        assert client.post(path).status_code == 428
        assert client.post(path, headers={"If-Match": seen.headers["etag"]}).status_code == 412
        undone = client.post(path, headers={"If-Match": changed.headers["etag"]}, json={"reason": "wrong year"})
        assert (undone.status_code, undone.json()["dates"]) == (200, seen.json()["dates"])
        assert undone.headers["etag"] == seen.headers["etag"]
        assert client.post(path, headers=ANY).status_code == 409

    def test_one_that_was_removed_is_there_again(self, client: TestClient) -> None:
        seen = client.get(self.CLOSED).json()
        client.delete(self.CLOSED, headers=ANY)
        (change, *_) = client.get("/api/scheduler/changes", params={"job": "calendar/closed"}).json()["changes"]
        assert client.post(f"/api/scheduler/changes/{change['id']}/undo").json()["dates"] == seen["dates"]

    def test_a_preview_says_what_is_left_out(self, client: TestClient) -> None:
        found = client.post(f"{JOB}/preview", json={"calendar": "closed"}).json()
        assert [each["outlook"] for each in found["before"]["coming"][:2]] == ["starts", "starts"]
        assert [each["outlook"] for each in found["after"]["coming"][:2]] == ["excluded", "starts"]
        assert found["after"]["coming"][0]["note"] == "excluded by calendar closed: moving"
        assert found["after"]["runs_a_month"] == found["before"]["runs_a_month"] - 1
        client.patch(JOB, json={"calendar": "closed"}, headers=ANY)
        found = client.post(f"{JOB}/preview", json={"calendar": "none"}).json()
        assert [found[side]["next_start"] for side in ("before", "after")] == [NEXT_DUE, DUE]
        answer = client.post(f"{JOB}/preview", json={"trigger_args": {"hour": 1}})
        assert (answer.status_code, answer.json()["field"]) == (422, "trigger")


def test_a_preview_is_what_the_code_that_fires_says(scheduler: Scheduler, client: TestClient) -> None:
    asked = {"trigger": "crontab", "trigger_args": {"expression": "0 3 * * mon"}, "count": 3}
    found = client.post("/api/scheduler/preview", json=asked).json()
    assert found["schedule"].startswith("at 03:00")
    assert found["fire_times"] == [
        "2050-03-14T03:00:00+00:00",
        "2050-03-21T03:00:00+00:00",
        "2050-03-28T03:00:00+00:00",
    ]
    both = client.post(f"{JOB}/preview", json=asked).json()
    assert both["before"]["fire_times"][0] == client.get(JOB).json()["next_run_time"]
    assert both["after"] == found
    assert (
        client.post("/api/scheduler/preview", json={"trigger": "cron", "trigger_args": {"hour": 99}}).status_code == 422
    )
    assert scheduler.changes() == []


def test_the_kinds_of_trigger_say_what_they_take(client: TestClient) -> None:
    kinds = {kind["trigger"]: kind for kind in client.get("/api/scheduler/triggers").json()["triggers"]}
    assert set(kinds) == {"cron", "interval", "date", "calendarinterval", "crontab"}
    assert [each["name"] for each in kinds["crontab"]["arguments"] if each["required"]] == ["expression"]


class TestRuns:
    RUNS = "/api/scheduler/runs"

    def test_a_run_is_started_once_under_a_key(
        self, scheduler: Scheduler, client: TestClient, engine: ManualEngine
    ) -> None:
        headers = {"Idempotency-Key": "a click"}
        first, again = (client.post(f"{JOB}/run", json={"reason": "by hand"}, headers=headers) for _ in range(2))
        assert (first.status_code, again.status_code) == (201, 201)
        assert first.json()["id"] == again.json()["id"]
        engine.step()
        run = client.get(f"{self.RUNS}/{first.json()['id']}").json()
        assert (run["state"], run["cause"], len(run["attempts"])) == ("succeeded", "manual", 1)
        assert [(change["action"], change["reason"]) for change in run["changes"]] == [("run", "by hand")]
        assert client.get(self.RUNS).json()["runs"] == [
            {k: v for k, v in run.items() if k not in {"attempts", "changes"}}
        ]
        other = scheduler.register(nothing, "cron", id="other", hour=1).job_id
        assert client.post(f"{JOBS}/{other}/run", headers=headers).status_code in {409, 422}

    def test_a_queued_run_is_cancelled_and_tried_again(self, client: TestClient, engine: ManualEngine) -> None:
        run_id = client.post(f"{JOB}/run").json()["id"]
        cancelled = client.post(f"{self.RUNS}/{run_id}/cancel", json={"reason": "wrong job"}).json()
        assert (cancelled["outcome"], cancelled["run"]["state"]) == ("cancelled", "cancelled")
        retried = client.post(f"{self.RUNS}/{run_id}/retry").json()
        assert (retried["state"], retried["attempt"]) == ("queued", 2)
        engine.step()
        refused = client.post(f"{self.RUNS}/{run_id}/retry")
        assert (refused.status_code, "run the job now" in refused.json()["detail"]) == (409, True)
        assert client.post(f"{self.RUNS}/{run_id}/cancel").status_code == 409
        assert client.get(f"{self.RUNS}/4711").status_code == 404

    def test_the_ledger_is_narrowed_down_and_paged(self, client: TestClient, engine: ManualEngine) -> None:
        engine.scheduler.register(fail, "interval", id="failing", hours=1)
        engine.run_until(NOON + timedelta(hours=5))
        found = client.get(self.RUNS, params={"state": "failed", "job": "failing", "search": "always fails"}).json()
        assert (len(found["runs"]), found["next"]) == (5, None)
        pages, cursor = [], None
        while True:
            page = client.get(self.RUNS, params={"limit": 2, **({"cursor": cursor} if cursor else {})}).json()
            pages += page["runs"]
            cursor = page["next"]
            if cursor is None:
                break
        assert [run["id"] for run in pages] == [run["id"] for run in client.get(self.RUNS).json()["runs"]]
        later = {"since": (NOON + timedelta(hours=4)).isoformat(), "until": (NOON + timedelta(hours=5)).isoformat()}
        assert len(client.get(self.RUNS, params={**later, "job": "failing"}).json()["runs"]) == 1
        assert client.get(self.RUNS, params={"cursor": "WzEsMl0x"}).status_code == 422

    def test_what_a_run_wrote_is_read_in_pieces_and_as_a_whole(self, client: TestClient, engine: ManualEngine) -> None:
        engine.scheduler.register(chatty, "interval", id="chatty", hours=1)
        (run,) = [run for run in engine.run_until(NOON + timedelta(hours=1)) if run.job_id == "chatty"]
        url = f"{self.RUNS}/{run.id}/output"
        text, after = "", -1
        while True:
            page = client.get(url, params={"after": after, "limit": 1}).json()
            text += "".join(piece["text"] for piece in page["pieces"])
            after = page["after"]
            if page["is_last"]:
                break
        assert "line 1\n" in text
        whole = client.get(f"{url}.txt")
        assert whole.text == text
        assert whole.headers["content-disposition"] == f'attachment; filename="run-{run.id}.txt"'
        assert client.get(url, params={"tail": 1}).json()["is_last"] is True
        assert client.get(f"{self.RUNS}/4711/output").status_code == 404

    def test_what_a_run_writes_is_read_while_it_runs(
        self, client: TestClient, engine: ManualEngine, gate: Event
    ) -> None:
        def slow() -> None:
            sys.stdout.write("begun\n")
            gate.wait(30)
            sys.stdout.write("done\n")

        engine.scheduler.register(slow, "interval", id="slow", hours=1)
        engine.clock.advance(hours=1)
        (line,) = engine.step(wait=False)

        def written() -> str:
            return "".join(piece["text"] for piece in client.get(f"{self.RUNS}/{line.id}/output").json()["pieces"])

        wait_until(lambda: written() == "begun\n")
        assert client.get(f"{self.RUNS}/{line.id}").json()["state"] == "running"
        gate.set()
        engine.settle()
        assert written() == "begun\ndone\n"

    def test_nodes_say_that_they_live(self, client: TestClient) -> None:
        (node,) = client.get("/api/scheduler/nodes").json()["nodes"]
        assert node["state"] == "alive"
        assert set(schemas.Node.model_fields) == set(node)


class TestTasks:
    NEW = {  # noqa: RUF012
        "id": "report-acme",
        "task": "greet",
        "trigger": "interval",
        "trigger_args": {"hours": 1},
        "kwargs": {"name": "acme"},
        "reason": "a new tenant",
    }

    @pytest.fixture(autouse=True)
    def task(self, scheduler: Scheduler) -> None:
        scheduler.task(greet)

    def test_a_job_is_added_runs_is_removed_and_brought_back(
        self, scheduler: Scheduler, client: TestClient, engine: ManualEngine
    ) -> None:
        assert [task["name"] for task in client.get("/api/scheduler/tasks").json()["tasks"]] == ["greet"]
        added = client.post(JOBS, json=self.NEW)
        assert (added.status_code, added.json()["kwargs"]) == (201, {"name": "acme"})
        assert client.post(JOBS, json=self.NEW).status_code == 409
        engine.run_until(NOON + timedelta(hours=1))
        assert client.get(f"{JOBS}/report-acme").json()["last_run"]["state"] == "succeeded"
        assert client.delete(f"{JOBS}/report-acme").status_code == 428
        assert client.delete(f"{JOBS}/report-acme", headers={"If-Match": added.headers["ETag"]}).status_code == 200
        assert client.get(f"{JOBS}/report-acme").status_code == 404
        removed = client.get("/api/scheduler/changes").json()["changes"][0]
        assert client.post(f"/api/scheduler/changes/{removed['id']}/undo", headers=ANY).status_code == 200
        assert client.get(f"{JOBS}/report-acme").json()["kwargs"] == {"name": "acme"}

    @pytest.mark.parametrize(
        ("bad", "field"),
        [
            ({"kwargs": {"name": 5}}, "kwargs.name"),
            ({"kwargs": {}}, "kwargs"),
            ({"kwargs": {"name": "x", "more": 1}}, "kwargs"),
            ({"id": "a/b"}, "id"),
            ({"trigger": "cron", "trigger_args": {"hour": 99}}, "hour"),
            ({"func": "os:system"}, "func"),
            ({"calendar": "no-such"}, "calendar"),
            ({"calendar": "x" * 65}, "calendar"),
            ({"calendar": 5}, "calendar"),
        ],
    )
    def test_what_does_not_fit_is_named(self, client: TestClient, bad: Any, field: str) -> None:
        answer = client.post(JOBS, json={**self.NEW, **bad})
        assert answer.status_code == 422, answer.text
        assert field in answer.json()["field"]
        assert client.get(f"{JOBS}/report-acme").status_code == 404

    def test_a_job_is_added_with_a_calendar(self, scheduler: Scheduler, client: TestClient) -> None:
        scheduler.set_calendar("closed", dates=[NOON.date()])
        added = client.post(
            JOBS, json={**self.NEW, "trigger": "cron", "trigger_args": {"hour": 15}, "calendar": "closed"}
        )
        assert (added.status_code, added.json()["calendar"]) == (201, "closed")
        assert (added.json()["next_run_time"], added.json()["next_start"]) == (DUE, NEXT_DUE)
        assert client.get("/api/scheduler/changes").json()["changes"][0]["after"]["calendar"] == "closed"

    def test_what_code_declares_is_not_removed(self, client: TestClient) -> None:
        refused = client.delete(JOB, headers=ANY)
        assert (refused.status_code, refused.json()["type"]) == (409, "/problems/change-refused")


def greet(name: str) -> None:
    """Greet somebody."""


def chatty() -> None:
    """Write."""
    for number in range(3):
        sys.stdout.write(f"line {number}\n")


def test_what_is_answered_is_what_the_description_says(scheduler: Scheduler, client: TestClient) -> None:
    scheduler.change_job("job", max_instances=2)
    (job,) = client.get(JOBS).json()["jobs"]
    assert set(schemas.Job.model_fields) == set(job)
    assert set(schemas.Override.model_fields) == set(job["overrides"]["max_instances"])
    (change,) = client.get("/api/scheduler/changes").json()["changes"]
    assert set(schemas.Change.model_fields) == set(change)
    found = client.post("/api/scheduler/preview", json={"trigger": "cron", "trigger_args": {"hour": 1}}).json()
    assert set(schemas.TriggerWords.model_fields) == set(found)
    assert set(schemas.ComingTime.model_fields) == set(found["coming"][0])
    skipped = client.post(f"{JOB}/skip", headers=ANY).json()
    assert set(schemas.TickException.model_fields) == set(skipped["exceptions"][0])
    calendar = client.put(f"{CALENDARS}/closed", json={"dates": {"2050-03-09": "moving"}}, headers=NEW).json()
    assert set(schemas.Calendar.model_fields) == set(calendar)
    assert set(schemas.CalendarDate.model_fields) == set(calendar["upcoming"][0])
