"""Statements on the nodes: who is alive, and what they declare."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from gnomon.domain.manifest import Manifest
from gnomon.domain.node import Node
from gnomon.domain.times import from_micros, to_micros
from gnomon.store.database import Database

#: Manifests that are remembered: nodes of one version share theirs.
_MOST_READ = 8


class Nodes:
    """Reads and writes of ``gnomon_nodes`` and ``gnomon_manifests``."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._known: tuple[frozenset[str], Manifest] | None = None
        self._read: dict[str, Manifest] = {}

    def join(self, node: Node, manifest: Manifest) -> None:
        """A node is here, and has code for these jobs. Also when what it has code for has changed."""
        sets = (
            "INSERT INTO gnomon_manifests (digest, content) VALUES (:digest, :content) ON CONFLICT (digest) DO NOTHING"
        )
        statement = (
            "INSERT INTO gnomon_nodes (id, host, pid, version, manifest, started_at, seen_at, beat, state, health) "
            "VALUES (:id, :host, :pid, :version, :manifest, :at, :at, 1, 'alive', '{}') "
            "ON CONFLICT (id) DO UPDATE SET manifest = excluded.manifest"
        )
        values = {
            "id": node.id,
            "host": node.host,
            "pid": node.pid,
            "version": node.version,
            "manifest": manifest.digest,
            "at": to_micros(node.started_at),
        }
        with self._database.transaction("heartbeat") as session:
            session.execute(sets, {"digest": manifest.digest, "content": manifest.to_json()})
            session.execute(statement, values)

    def beat(self, node_id: str, *, at: datetime, health: dict[str, Any]) -> bool:
        """Show a sign of life. ``False`` if others have given this node up for dead."""
        statement = (
            "UPDATE gnomon_nodes SET beat = beat + 1, seen_at = :at, health = :health "
            "WHERE id = :id AND state = 'alive'"
        )
        values = {"id": node_id, "at": to_micros(at), "health": json.dumps(health)}
        with self._database.transaction("heartbeat") as session:
            return session.execute(statement, values).rowcount == 1

    def is_alive(self, node_id: str) -> bool:
        """Whether others have not given this node up."""
        statement = "SELECT 1 FROM gnomon_nodes WHERE id = :id AND state = 'alive'"
        with self._database.read() as session:
            return session.execute(statement, {"id": node_id}).scalar() is not None

    def leave(self, node_id: str, state: str) -> bool:
        """A node is gone: ``stopped`` by itself, or ``dead``. ``False`` if that was known, or its row is locked."""
        statement = (
            "UPDATE gnomon_nodes SET state = :state WHERE id IN (SELECT id FROM gnomon_nodes "
            f"WHERE id = :id AND state = 'alive' {self._database.dialect.skip_locked})"
        )
        with self._database.transaction("sweep") as session:
            return session.execute(statement, {"id": node_id, "state": state}).rowcount == 1

    def all(self, *, limit: int = 100) -> list[Node]:
        """The nodes, the living first, then by when they were last seen."""
        return self._nodes("ORDER BY state = 'alive' DESC, seen_at DESC LIMIT :limit", {"limit": limit})

    def alive(self) -> list[Node]:
        """All nodes that live, as far as is known."""
        return self._nodes("WHERE state = 'alive'", {})

    def _nodes(self, rest: str, parameters: dict[str, Any]) -> list[Node]:
        statement = (
            "SELECT id, host, pid, version, manifest, started_at, seen_at, beat, state, health "
            f"FROM gnomon_nodes {rest}"
        )
        with self._database.read() as session:
            return [
                Node(
                    id=row[0],
                    host=row[1],
                    pid=row[2],
                    version=row[3],
                    manifest=row[4],
                    started_at=from_micros(row[5]),
                    seen_at=from_micros(row[6]),
                    beat=row[7],
                    state=row[8],
                    health=json.loads(row[9]),
                )
                for row in session.execute(statement, parameters)
            ]

    def manifest(self) -> Manifest | None:
        """What living nodes have code for; where none lives, what the node seen last had; ``None`` where there never
        was one."""
        batch = self._database.batch
        if batch is not None:
            return batch.manifest
        statement = (
            "SELECT manifest FROM gnomon_nodes WHERE state = 'alive' OR id = "
            "(SELECT id FROM gnomon_nodes WHERE NOT EXISTS (SELECT 1 FROM gnomon_nodes WHERE state = 'alive') "
            "ORDER BY seen_at DESC LIMIT 1)"
        )
        with self._database.read() as session:
            digests = set(session.execute(statement).scalars())
            return self._merged(frozenset(digests)) if digests else None

    def manifest_of(self, digest: str) -> Manifest:
        """What a node's digest stands for; nothing where that is not known any more.

        It is named by its digest, so what was read once stays true; and it may name a hundred thousand jobs.
        """
        known = self._read.get(digest)
        if known is not None:
            return known
        statement = "SELECT content FROM gnomon_manifests WHERE digest = :digest"
        with self._database.read() as session:
            content = session.execute(statement, {"digest": digest}).scalar()
        if content is None:
            return Manifest()
        manifest = Manifest.from_json(content)
        if len(self._read) >= _MOST_READ:
            self._read.clear()
        self._read[digest] = manifest
        return manifest

    def _merged(self, digests: frozenset[str]) -> Manifest:
        if self._known is None or self._known[0] != digests:
            manifests = [self.manifest_of(digest) for digest in sorted(digests)]
            self._known = (digests, manifests[0] if len(manifests) == 1 else Manifest().merged(manifests))
        return self._known[1]

    def forget(self, *, before: datetime) -> None:
        """Drop nodes that were gone before a time and own no run, and sets that no node names."""
        nodes = (
            "DELETE FROM gnomon_nodes WHERE state <> 'alive' AND seen_at < :before AND NOT EXISTS "
            "(SELECT 1 FROM gnomon_runs r WHERE r.node = gnomon_nodes.id AND r.state IN ('queued', 'running'))"
        )
        manifests = "DELETE FROM gnomon_manifests WHERE digest NOT IN (SELECT manifest FROM gnomon_nodes)"
        with self._database.transaction("prune") as session:
            session.execute(nodes, {"before": to_micros(before)})
            session.execute(manifests)
