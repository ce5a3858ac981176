"""What is stored of the nodes."""

from __future__ import annotations

from gnomon.domain.manifest import Manifest
from gnomon.store import Store
from tests.store.conftest import NOON, living


def test_what_a_node_has_code_for_is_read_once(store: Store) -> None:
    living(store, "one")
    digest = store.nodes.alive()[0].manifest
    read = store.nodes.manifest_of(digest)
    assert store.nodes.manifest_of(digest) is read
    assert store.nodes.manifest() is read


def test_what_was_not_known_is_looked_up_again(store: Store) -> None:
    late = Manifest(job_ids=frozenset({"late"}))
    assert store.nodes.manifest_of(late.digest) == Manifest()
    living(store, "one")
    store.nodes.join(store.nodes.alive()[0], late)
    assert store.nodes.manifest_of(late.digest) == late
    assert store.nodes.manifest() == late


def test_nodes_of_two_versions_have_code_for_what_either_has(store: Store) -> None:
    living(store, "one", "two")
    one, two = store.nodes.alive()
    store.nodes.join(one, Manifest(job_ids=frozenset({"old"})))
    store.nodes.join(two, Manifest(job_ids=frozenset({"new"})))
    found = store.nodes.manifest()
    assert found is not None
    assert found.job_ids == {"old", "new"}
    store.nodes.leave(one.id, "stopped")
    assert store.nodes.beat(two.id, at=NOON, health={})
    left = store.nodes.manifest()
    assert left is not None
    assert left.job_ids == {"new"}
