"""Leases: a node shows that it lives, notices others that no longer do, and settles what they held.

A node is dead when its ``beat`` has not moved for a whole lease by *this* process's monotonic clock. Wall clocks play
no part, so a clock that jumps kills nobody.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Callable
from datetime import datetime, timedelta
from importlib.metadata import version
from typing import Any

from gnomon.domain.manifest import Manifest
from gnomon.domain.node import Node
from gnomon.errors import StoreError
from gnomon.operations.run_now import KEY_KEPT
from gnomon.settings import Settings
from gnomon.store import Store

logger = logging.getLogger("gnomon.engine")

_PRUNE_EVERY = 600.0
_PRUNE_BATCH = 500
_NODES_KEPT_DAYS = 7


class Lease:
    """The life of this process as a node. One thread beats, sweeps and prunes; ``on_beat`` is called with each beat."""

    def __init__(
        self,
        store: Store,
        settings: Settings,
        *,
        held: Callable[[], set[int]],
        health: Callable[[], dict[str, Any]],
        manifest: Callable[[], Manifest],
        on_beat: Callable[[], object],
    ) -> None:
        self._store = store
        self._settings = settings
        self._held = held
        self._health = health
        self._manifest = manifest
        self._on_beat = on_beat
        self._told: Manifest | None = None
        self._seen: dict[str, tuple[int, float]] = {}
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._swept_at = 0.0
        self._pruned_at = 0.0
        #: Held while runs are claimed and queued: until then a claimed run may be in the ledger and not yet in memory.
        self.claiming = threading.Lock()
        #: By how much this machine's clock is ahead of the database's, in seconds, at the last beat.
        self.clock_ahead: float | None = None
        self.node_id = ""

    def start(self) -> None:
        """Join the nodes of the store, and keep showing signs of life."""
        self._join()
        self._stop.clear()
        self._thread = threading.Thread(target=self._live, name="gnomon-lease", daemon=True)
        self._thread.start()

    def shutdown(self) -> None:
        """Leave: what was claimed and has not started goes to other nodes at once.

        What still runs (after a shutdown that did not wait) can't say here how it ends. Nobody looks after the runs of
        a node that has left, so it is settled now.
        """
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
            self._thread = None
        try:
            with self._store.database.transaction("sweep"):
                self._store.nodes.leave(self.node_id, "stopped")
                self._store.ledger.release_queued(self.node_id)
                at, error = self._store.database.now(), "it was still running when its node was shut down"
                self._store.ledger.lose_running(self.node_id, at=at, error=error)
        except StoreError as error:
            logger.warning("left without saying so, other nodes will notice: %s", error)

    def sweep(self) -> None:
        """Look at the other nodes; settle the runs of those whose beat has stood still for a whole lease."""
        now = time.monotonic()
        if now - self._swept_at > max(self._settings.lease / 2, 2 * self._settings.heartbeat):
            # We could not look for a while. What kept us (a database that was away, a machine that slept) may have kept
            # the others from beating, so all get a whole lease from here.
            self._seen.clear()
        alive = [node for node in self._store.nodes.alive() if node.id != self.node_id]
        self._swept_at = now
        self._seen = {
            node.id: seen if (seen := self._seen.get(node.id)) and seen[0] == node.beat else (node.beat, now)
            for node in alive
        }
        for node in alive:
            if now - self._seen[node.id][1] >= self._settings.lease:
                self._bury(node)
        for node_id in self._store.ledger.abandoned():
            # Claimed by a node that slept, had been given up for dead, and woke: it may start nothing under that name.
            self._settle(node_id, f"node {node_id} was given up for dead")

    def _join(self) -> None:
        node_id = f"{socket.gethostname()[:40]}:{os.getpid()}:{uuid.uuid4().hex[:8]}"
        self._tell_manifest(node_id)
        # Not before that is stored: what is claimed by a node that nobody knows counts as abandoned.
        self.node_id = node_id

    def _tell_manifest(self, node_id: str) -> None:
        """Say what this process has code for: at first, and when that changes."""
        manifest, at = self._manifest(), self._store.database.now()
        node = Node(
            id=node_id,
            host=socket.gethostname()[:255],
            pid=os.getpid(),
            version=version("gnomon"),
            manifest=manifest.digest,
            started_at=at,
            seen_at=at,
            beat=1,
            state="alive",
        )
        self._store.nodes.join(node, manifest)
        self._told = manifest

    def _live(self) -> None:
        while not self._stop.wait(self._settings.heartbeat):
            try:
                self._beat()
                self._on_beat()
                self.sweep()
                self._release_unknown()
                self._prune()
            except StoreError as error:
                logger.warning("no sign of life could be written: %s", error)
            except Exception:
                logger.exception("a heartbeat failed; the next will be tried")

    def _beat(self) -> None:
        store = self._store
        if store.nodes.beat(self.node_id, at=self._now(), health=self._health()):
            if self._manifest() != self._told:
                self._tell_manifest(self.node_id)
            return
        logger.warning("other nodes had given up %s for dead; its runs have passed to them", self.node_id)
        with self.claiming:
            self._join()

    def _now(self) -> datetime:
        """The time that counts; and notes how far the clock here is from it, asked in the middle of the round trip."""
        database = self._store.database
        before = database.local_now()
        now = database.now()
        after = database.local_now()
        self.clock_ahead = round((before + (after - before) / 2 - now).total_seconds(), 3)
        return now

    def _release_unknown(self) -> None:
        """Runs that are claimed by this node and not known to it: the answer to their COMMIT was lost."""
        with self.claiming:
            released = self._store.ledger.release_queued(self.node_id, keep=self._held())
        if released:
            logger.warning("%d runs were claimed in a transaction whose end was not heard; they run now", released)

    def _bury(self, node: Node) -> None:
        error = f"node {node.host}:{node.pid} showed no sign of life after {node.seen_at:%Y-%m-%d %H:%M:%S} UTC"
        with self._store.database.transaction("sweep"):
            if self._store.nodes.leave(node.id, "dead"):
                logger.warning("%s", error)
                self._settle(node.id, error)

    def _settle(self, node_id: str, error: str) -> None:
        """Runs of a dead node that never started go to others; those that started are lost, or run again."""
        store = self._store
        with store.database.transaction("sweep"):
            waiting = store.ledger.release_queued(node_id)
            settled = store.ledger.lose_running(node_id, at=store.database.now(), error=error)
        if not (waiting or any(settled)):
            return
        logger.warning(
            "of the runs of node %s, which is dead, %d start elsewhere, %d run again, %d are lost, %d are cancelled",
            node_id,
            waiting,
            settled.repeated,
            settled.lost,
            settled.cancelled,
        )

    def _prune(self) -> None:
        if self._pruned_at and time.monotonic() - self._pruned_at < _PRUNE_EVERY:
            return
        settings, store = self._settings, self._store
        now = store.database.now()
        before = now - timedelta(days=settings.keep_days)
        until = time.monotonic() + settings.heartbeat
        while store.ledger.prune(before=before, keep=settings.keep_runs, limit=_PRUNE_BATCH) == _PRUNE_BATCH:
            if self._stop.is_set() or time.monotonic() > until:
                return  # who prunes long shows no sign of life; the next beat goes on with it
        store.exceptions.forget(before=before)
        store.nodes.forget(before=now - timedelta(days=_NODES_KEPT_DAYS))
        store.steering.forget_keys(before=now - KEY_KEPT)
        self._pruned_at = time.monotonic()
