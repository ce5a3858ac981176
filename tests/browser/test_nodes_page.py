"""The nodes: who is alive, how they are, who is gone, and how to start one."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from playwright.sync_api import expect

from gnomon.domain.manifest import Manifest
from gnomon.domain.node import Node
from tests.browser import scene
from tests.browser.conftest import Browse, check_barriers, live
from tests.browser.site import Site
from tests.jobs import nothing

HOSTILE = "<img src=x onerror=alert(1)>"
_HEALTH = {
    "loop": "stalled",
    "store": "ok",
    "lateness": {"starts": 3, "median_seconds": 7.0, "max_seconds": 9.0},
    "clock_ahead_seconds": -60.0,
    "set_aside": {HOSTILE: "<script>alert(1)</script>"},
}


def join(site: Site, node_id: str, host: str = "app-2") -> None:
    now = datetime.now(UTC)
    manifest = Manifest()
    node = Node(
        id=node_id,
        host=host,
        pid=7,
        version="0.1.0",
        manifest=manifest.digest,
        started_at=now,
        seen_at=now,
        beat=1,
        state="alive",
    )
    site.scheduler.store.nodes.join(node, manifest)


@pytest.mark.parametrize(("phone", "dark"), [(False, False), (True, True)], ids=["desk-light", "phone-dark"])
def test_who_is_well_who_is_not_and_who_is_gone(site: Site, browse: Browse, phone: bool, dark: bool) -> None:
    site.scheduler.register(nothing, "cron", id="nightly", hour=3)
    site.store_jobs()
    scene.running(site.scheduler, "nightly", scene.ago(seconds=3))
    join(site, "ill", HOSTILE)
    site.scheduler.store.nodes.beat("ill", at=datetime.now(UTC), health=_HEALTH)
    for node_id, state in (("gone", "stopped"), ("lost", "dead")):
        join(site, node_id, node_id)
        site.scheduler.store.nodes.leave(node_id, state)
    page = live(browse("/nodes", phone=phone, dark=dark))
    expect(page.locator(".problems")).to_contain_text("Its loop does not go round")
    expect(page.locator(".problems")).to_contain_text("Its clock is off")
    expect(page.locator(".problems")).to_contain_text("<script>alert(1)</script>")
    expect(page.locator("#node-rows")).to_contain_text("7.0 s late, at most 9.0 s")
    expect(page.locator("#node-rows")).to_contain_text("behind the store")
    expect(page.locator(".departed li")).to_have_count(2)
    expect(page.locator(".departed")).to_contain_text("dead")
    check_barriers(page)
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    assert page.locator("img[src=x], [onerror], main script").count() == 0
    page.get_by_role("link", name="1 run").click()
    expect(page.locator("#run-rows tr")).to_have_count(1)
    assert "node=scene" in page.url


@pytest.mark.parametrize("script", [True, False], ids=["script", "no-script"])
def test_where_none_is_alive_one_learns_how_to_start_one(site: Site, browse: Browse, script: bool) -> None:
    page = browse("/nodes", script=script)
    expect(page.get_by_role("heading", name="No node is alive: nothing fires.")).to_be_visible()
    expect(page.get_by_text("gnomon serve myapp:scheduler")).to_be_visible()
    if script:
        check_barriers(live(page))
        scene.join(site.scheduler)  # … and it appears by itself
        expect(page.locator("#node-rows")).to_contain_text("app-1:4711")
        expect(page.get_by_role("heading", name="No node is alive")).to_have_count(0)
