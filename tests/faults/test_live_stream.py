"""The live stream over a real server: what moves anywhere is told here, and nothing is missed in silence."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from gnomon import Scheduler
from gnomon.domain.movement import Event
from gnomon.domain.principal import Role
from gnomon.errors import StoreUnavailable
from gnomon.observability.broadcast import Broadcast, Numbered
from gnomon.operations.watch import Watch
from tests.cli.test_http_server import served
from tests.faults.nodes import declared, running
from tests.jobs import nothing
from tests.processes import output_of, wait_until

EVENTS = "/api/scheduler/events"


class Reader:
    """Reads a stream in a thread of its own. Signs of life are told apart: nothing moved with them."""

    def __init__(self, port: int, **headers: str) -> None:
        self.events: list[tuple[str, str, Any]] = []
        self.signs_of_life: list[Any] = []
        self.ended = threading.Event()
        self.opened = threading.Event()
        self.leaving = False
        self.client = httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=30)
        self.thread = threading.Thread(target=self._read, args=(headers,), daemon=True)
        self.thread.start()

    def _read(self, headers: dict[str, str]) -> None:
        try:
            with self.client.stream("GET", EVENTS, headers=headers) as answer:
                self.status = answer.status_code
                fields: dict[str, str] = {}
                for line in answer.iter_lines():
                    self.opened.set()
                    if self.leaving:
                        break
                    name, _, value = line.partition(": ")
                    if line:
                        fields[name] = value
                    elif fields.get("event") == "alive":
                        self.signs_of_life.append(json.loads(fields["data"]))
                        fields = {}
                    elif "event" in fields:
                        self.events.append((fields.get("id", ""), fields["event"], json.loads(fields["data"])))
                        fields = {}
        except httpx.HTTPError:
            pass
        finally:
            self.ended.set()

    def leave(self) -> None:
        """Hang up."""
        self.leaving = True
        self.thread.join(30)
        self.client.close()

    def of(self, kind: str) -> list[Any]:
        """What events of a kind said."""
        return [data for _, name, data in list(self.events) if name == kind]


@contextmanager
def reading(port: int, **headers: str) -> Iterator[Reader]:
    reader = Reader(port, **headers)
    assert reader.opened.wait(60), "the stream did not open"
    yield reader
    reader.leave()


@pytest.fixture(autouse=True)
def _many_signs_of_life(monkeypatch: pytest.MonkeyPatch) -> None:
    """So that a reader that leaves, and a token that is revoked, are noticed soon."""
    monkeypatch.setattr("gnomon.api.events._SIGN_OF_LIFE", 0.1)


@pytest.fixture
def scheduler(migrated_url: str) -> Iterator[Scheduler]:
    """As a web server holds it: never started."""
    scheduler = Scheduler(migrated_url, timezone="UTC")
    scheduler.register(nothing, "cron", id="job", hour=3)
    scheduler.start_all_jobs()
    yield scheduler
    scheduler.close()


def test_a_change_by_another_process_is_told(scheduler: Scheduler, migrated_url: str) -> None:
    with served(scheduler.asgi()) as port, reading(port) as reader:
        output_of(
            """
            import sys
            from gnomon import Scheduler
            Scheduler(sys.argv[1]).pause_job("job")
            """,
            migrated_url,
        )
        wait_until(lambda: reader.of("change"), what="the change")
        (change,) = reader.of("change")
        assert (change["job_id"], change["action"], change["after"]) == ("job", "pause", {"enabled": False})


def test_runs_and_nodes_are_told_as_they_come_and_go(scheduler: Scheduler, migrated_url: str, tmp_path: Any) -> None:
    node = declared(migrated_url, tmp_path, jobs=2)
    with served(scheduler.asgi()) as port, reading(port) as reader:
        with running(node):
            wait_until(lambda: {r["job_id"] for r in reader.of("run")} >= {"job 0", "job 1"}, what="runs of both")
            wait_until(lambda: any(r["state"] == "succeeded" for r in reader.of("run")), what="one that ended")
        wait_until(lambda: [n["alive"] for n in reader.of("nodes")][-1:] == [0], what="the end of the node")
        assert 1 in [n["alive"] for n in reader.of("nodes")]


def test_who_comes_back_is_told_what_it_missed_or_to_read_everything(scheduler: Scheduler) -> None:
    with served(scheduler.asgi()) as port, reading(port) as stays:
        with reading(port) as leaves:
            scheduler.pause_job("job")
            wait_until(lambda: leaves.of("change"))
        last = leaves.events[-1][0]
        scheduler.resume_job("job")
        wait_until(lambda: len(stays.of("change")) == 2)
        with reading(port, **{"Last-Event-ID": last}) as back:
            wait_until(lambda: back.events, what="what it missed")
            assert [data["action"] for data in back.of("change")] == ["resume"]
        with reading(port, **{"Last-Event-ID": "another-7"}) as stranger:
            wait_until(lambda: stranger.events, what="a word")
            assert [name for _, name, _ in stranger.events] == ["reset"]


def test_it_says_that_it_lives_and_whether_the_store_can_be_read(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    with served(scheduler.asgi()) as port, reading(port) as reader:
        wait_until(lambda: len(reader.signs_of_life) > 2)
        assert reader.signs_of_life[0] == {"store": "ok"}

        def away(_: Watch) -> list[Event]:
            raise StoreUnavailable("away")

        with monkeypatch.context() as broken:
            broken.setattr(Watch, "look", away)
            wait_until(lambda: reader.signs_of_life[-1] == {"store": "unavailable"})
        wait_until(lambda: reader.signs_of_life[-1] == {"store": "ok"})


def test_a_token_that_is_revoked_ends_the_stream(scheduler: Scheduler) -> None:
    secret, token = scheduler.access.tokens.create("mia", Role.VIEWER)
    app = scheduler.asgi(loopback=False)
    with served(app) as port, reading(port, Authorization=f"Bearer {secret}") as reader:
        assert not reader.ended.is_set()
        scheduler.access.tokens.revoke(token.id)
        assert reader.ended.wait(30)
        assert reader.events[-1][1] == "signed-out"
        wait_until(lambda: scheduler.events.listeners == 0)


def test_nobody_is_let_in_without_being_known(scheduler: Scheduler) -> None:
    with served(scheduler.asgi(loopback=False)) as port:
        reader = Reader(port)
        assert reader.ended.wait(30)
        assert reader.status == 401
        reader.leave()


class TestBroadcast:
    """The thread that looks, by itself."""

    class Watcher:
        def __init__(self, looks: list[Any]) -> None:
            self.looks = looks

        def look(self) -> list[Event]:
            found = self.looks.pop(0) if self.looks else []
            if isinstance(found, Exception):
                raise found
            return list(found)

    class Feed:
        def start(self, hint: Any) -> None:
            self.hint = hint
            hint()

        def stop(self) -> None:
            pass

    @pytest.fixture(autouse=True)
    def brief(self, monkeypatch: pytest.MonkeyPatch) -> None:
        for name in ("_SHORTEST_ROUND", "_LONGEST_ROUND", "_PAUSE_AFTER_ERROR"):
            monkeypatch.setattr(f"gnomon.observability.broadcast.{name}", 0.01)

    def test_a_store_that_is_away_and_a_defect_end_nothing(self) -> None:
        looks = [StoreUnavailable("away"), ZeroDivisionError(), [Event("nodes", {"alive": 3})]]
        broadcast = Broadcast(lambda: self.Watcher(looks), self.Feed)
        told: list[Numbered] = []
        end = broadcast.listen(told.extend)
        wait_until(lambda: len(told) == 2)
        assert [numbered.event.kind for numbered in told] == ["reset", "nodes"]
        end()
        wait_until(lambda: broadcast._looking is None)

    def test_nobody_looks_while_nobody_listens(self) -> None:
        broadcast = Broadcast(lambda: self.Watcher([]), self.Feed)
        for _ in range(3):
            ends = [broadcast.listen(lambda _: None) for _ in range(5)]
            assert broadcast.listeners == 5
            for end in ends:
                end()
                end()
            time.sleep(0.05)
        wait_until(lambda: broadcast._looking is None)
