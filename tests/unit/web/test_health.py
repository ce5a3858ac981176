"""How a node is, in words."""

from __future__ import annotations

from typing import Any

import pytest

from gnomon.web.health import health_of

WELL: dict[str, Any] = {
    "state": "alive",
    "seen_seconds_ago": 1.0,
    "lateness": {"starts": 3, "median_seconds": 0.04, "max_seconds": 1.5},
    "clock_ahead_seconds": 0.01,
    "health": {"loop": "ok", "store": "ok", "set_aside": {}},
}


def test_a_node_that_is_well() -> None:
    health = health_of(WELL)
    assert (health.lateness, health.clock, health.problems) == (
        "40 ms late, at most 1.5 s",
        "agrees with the store",
        (),
    )


@pytest.mark.parametrize(
    ("differing", "words"),
    [
        ({"state": "silent", "seen_seconds_ago": 90.0}, "No sign of life for 90 s"),
        ({"clock_ahead_seconds": -60.0}, "clock is off"),
        ({"lateness": {"starts": 3, "median_seconds": 20.0, "max_seconds": 30.0}}, "start late"),
        ({"health": {"loop": "stalled"}}, "does not go round"),
        ({"health": {"store": "unavailable", "store_error": "locked"}}, "cannot write to the store: locked"),
        ({"health": {"set_aside": {"job": "<broken>"}}}, "set job job aside: <broken>"),
    ],
)
def test_what_is_wrong_is_said(differing: dict[str, Any], words: str) -> None:
    assert words in " ".join(health_of(WELL | differing).problems)


@pytest.mark.parametrize("lateness", [None, {}, {"starts": 0, "median_seconds": None, "max_seconds": None}])
def test_a_node_that_has_not_said_is_not_guessed_at(lateness: Any) -> None:
    health = health_of(WELL | {"lateness": lateness, "clock_ahead_seconds": None})
    assert health.problems == ()
    assert health.clock == "not said"


def test_of_one_that_is_gone_nothing_is_complained_about() -> None:
    assert health_of(WELL | {"state": "dead", "clock_ahead_seconds": 100.0}).problems == ()
