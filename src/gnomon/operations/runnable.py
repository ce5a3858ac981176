"""What anybody has code for: this process, and the nodes that are alive."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

from gnomon.domain.manifest import Manifest
from gnomon.domain.task import TaskOffer
from gnomon.operations.ports import Context


class Runnable(NamedTuple):
    """What this process and living nodes have code for. Not merged: each may name ten thousand jobs."""

    manifests: tuple[Manifest, ...]

    def runs(self, job_id: str, func: str) -> bool:
        """Whether anybody has code for a job whose row names ``func``."""
        return any(manifest.runs(job_id, func) for manifest in self.manifests)

    def declares(self, job_id: str) -> bool:
        """Whether code declares a job of this id, so that a start adds it."""
        return any(job_id in manifest.job_ids for manifest in self.manifests)

    @property
    def tasks(self) -> frozenset[TaskOffer]:
        """The tasks that jobs can be added for."""
        return frozenset().union(*(manifest.tasks for manifest in self.manifests))

    def tasks_of(self, func: str) -> tuple[TaskOffer, ...]:
        """The task that a row's function is, in all versions."""
        return tuple(offer for manifest in self.manifests for offer in manifest.tasks_of(func))


def runnable(context: Context) -> Runnable | None:
    """What living nodes, or this process, have code for; ``None`` where nobody ever said."""
    here = context.manifest()
    there = context.store.nodes.manifest()
    if there is None:
        return Runnable((here,)) if here.says_anything else None
    return Runnable((here, there))


def reruns_lost(base: Mapping[str, Any], manifest: Runnable | None) -> bool:
    """Whether a lost run of a job runs again: of a job that was added, as its task says now."""
    if "task" not in base:
        return bool(base.get("rerun_lost"))
    return manifest is not None and any(offer.name == base["task"] and offer.rerun_lost for offer in manifest.tasks)
