"""Requests to end runs: stored by whoever asked, in any process; passed on here, by the node that runs them."""

from __future__ import annotations

import threading
from collections.abc import Callable

from gnomon.engine.recorder import Recorder
from gnomon.store import Store


class Cancellations:
    """Looked for by the loop, and by the heartbeat, which goes on while a shutdown waits for what runs.

    ``node_id`` says under which name this process runs things.
    """

    def __init__(self, store: Store, recorder: Recorder, node_id: Callable[[], str]) -> None:
        self._store = store
        self._recorder = recorder
        self._node_id = node_id
        self._lock = threading.Lock()
        #: Each is passed on once: a coroutine that is tidying up after a cancellation must not get another.
        self._passed_on: set[tuple[int, int]] = set()

    def pass_on(self) -> bool:
        """Look for requests and give them to the executors. ``False`` if one did not find its run there yet: its start
        is recorded, and it is just being handed over, or has just ended."""
        if not self._recorder.is_busy:
            return True
        with self._lock:
            asked = self._store.steering.cancel_requests(self._node_id())
            self._passed_on &= asked
            for run_id, attempt in asked - self._passed_on:
                if self._recorder.cancel(run_id, attempt):
                    self._passed_on.add((run_id, attempt))
            return self._passed_on == asked
