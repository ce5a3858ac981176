"""Which jobs a node has code for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gnomon.domain.manifest import Manifest
from gnomon.domain.task import TaskOffer

names = st.frozensets(st.text(max_size=10), max_size=5)
offers = st.frozensets(
    st.builds(
        TaskOffer,
        *[st.text(max_size=5)] * 5,
        st.none() | st.integers(1, 9),
        st.booleans(),
        st.integers(1, 9),
        st.integers(0, 9),
        st.floats(0, 9),
        st.floats(1, 9),
        st.none() | st.floats(1, 9),
        st.booleans(),
    ),
    max_size=3,
)
manifests = st.builds(Manifest, names, names, names, names, offers)


@pytest.mark.parametrize(
    ("manifest", "runs"),
    [
        (Manifest(), False),
        (Manifest(job_ids=frozenset({"job"})), True),
        (Manifest(job_ids=frozenset({"another"})), False),
        (Manifest(functions=frozenset({"app.jobs:backup"})), True),
        (Manifest(functions=frozenset({"app.jobs:restore"})), False),
        (Manifest(allow=frozenset({"app.jobs"})), True),
        (Manifest(allow=frozenset({"app"})), True),
        (Manifest(allow=frozenset({"ap"})), False),
        (Manifest(allow=frozenset({"app.job"})), False),
        (Manifest(allow=frozenset({"app.jobs.more"})), False),
        (Manifest(allow=frozenset({""})), False),
    ],
)
def test_a_job_runs_where_it_is_declared_or_its_function_was_added_or_allowed(manifest: Manifest, runs: bool) -> None:
    assert manifest.runs("job", "app.jobs:backup") is runs


@given(manifests)
def test_what_is_stored_is_read_again_under_the_same_name(manifest: Manifest) -> None:
    again = Manifest.from_json(manifest.to_json())
    assert again == manifest
    assert again.digest == manifest.digest
    assert len(manifest.digest) == 24


@given(manifests, manifests)
def test_different_sets_have_different_names(one: Manifest, other: Manifest) -> None:
    assert (one.digest == other.digest) is (one == other)


@given(manifests, st.lists(manifests, max_size=4), st.text(max_size=10))
def test_together_they_run_what_any_of_them_runs(one: Manifest, others: list[Manifest], job_id: str) -> None:
    merged = one.merged(others)
    assert merged.runs(job_id, "m:f") is any(each.runs(job_id, "m:f") for each in [one, *others])
    assert merged.merged([one]) == merged


@given(manifests)
def test_a_task_is_found_by_its_function_in_all_versions(manifest: Manifest) -> None:
    for offer in manifest.tasks:
        assert offer in manifest.tasks_of(offer.func)
    assert manifest.tasks_of("nobody:has") == ()


def test_what_another_version_of_gnomon_tells_is_read_as_far_as_it_is_known() -> None:
    older = Manifest.from_json('[["job"],["a:b"],[],[]]')
    newer = Manifest.from_json('[["job"],["a:b"],[],[],[["greet","a:b","more"]],[1]]')
    assert older == newer == Manifest(job_ids=frozenset({"job"}), functions=frozenset({"a:b"}))
