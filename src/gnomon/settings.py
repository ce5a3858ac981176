"""What an installation may set: by argument, or by environment variables named ``GNOMON_…``."""

from __future__ import annotations

from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict


class Settings(BaseSettings):
    """The knobs of a node. Durations are in seconds."""

    model_config = SettingsConfigDict(env_prefix="GNOMON_", frozen=True, extra="forbid")

    lease: float = Field(
        default=10.0, gt=0, le=3600, description="a node that shows no sign of life for so long is dead"
    )
    heartbeat: float = Field(default=2.0, gt=0, le=600, description="how often a node shows a sign of life")
    longest_sleep: float = Field(
        default=5.0, gt=0, le=60, description="the loop looks at the store at least so often, hint or no hint"
    )
    claim_batch: int = Field(default=500, ge=1, le=10_000, description="due jobs claimed in one transaction")
    threads: int = Field(default=10, ge=1, le=1000, description="workers of the threads executor")
    processes: int = Field(default=2, ge=1, le=64, description="workers of the processes executor")
    commands: int = Field(default=8, ge=1, le=256, description="shell commands that may run at once")
    coroutines: int = Field(default=1000, ge=1, le=100_000, description="coroutine jobs that may run at once")
    output_limit: int = Field(
        default=256 * 1024, ge=0, le=64 * 1024 * 1024, description="bytes of output kept for a run"
    )
    keep_days: float = Field(default=30.0, gt=0, description="finished runs are kept so many days")
    keep_runs: int = Field(default=10_000, ge=1, description="and at most so many for one job")
    lock_timeout: float = Field(default=30.0, gt=0, le=600, description="how long a write waits for a locked database")
