"""The engine: APScheduler's scheduler and job store, the row codec, the claim loop, dispatch, leases."""

from gnomon.engine.engine import Engine
from gnomon.engine.job_store import JobStore

__all__ = ["Engine", "JobStore"]
