"""What an installation may set: by argument, or by environment variables named ``GNOMON_…``."""

from __future__ import annotations

from ipaddress import IPv4Network, IPv6Network
from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

_Role = Literal["viewer", "operator", "admin"]


def _parts(value: object) -> object:
    """What stands between commas: environment variables hold one text."""
    return [part.strip() for part in value.split(",") if part.strip()] if isinstance(value, str) else value


def _not_all(network: IPv4Network | IPv6Network) -> IPv4Network | IPv6Network:
    if network.prefixlen == 0:
        raise ValueError("a network of all addresses would let everybody say who he is")
    return network


_Network = Annotated[IPv4Network | IPv6Network, AfterValidator(_not_all)]
_Listed = (NoDecode, BeforeValidator(_parts))


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

    loopback_open: bool = Field(default=True, description="who asks from this machine needs no token, and is admin")
    allowed_hosts: Annotated[tuple[str, ...], *_Listed] = Field(
        default=(), description="further names that the server answers to, besides those of loopback"
    )
    proxies: Annotated[tuple[_Network, ...], *_Listed] = Field(
        default=(), description="addresses of proxies that say who the user is"
    )
    proxy_user_header: str = Field(
        default="X-Forwarded-User", pattern=r"^[A-Za-z0-9-]+$", description="the header in which they name the user"
    )
    proxy_role_header: str | None = Field(
        default=None, pattern=r"^[A-Za-z0-9-]+$", description="the header in which they name roles or groups"
    )
    proxy_roles: dict[str, _Role] = Field(default={}, description="roles of the groups in that header, as JSON")
    proxy_role: _Role | Literal["none"] = Field(
        default="viewer", description="the role of a user for whom the header gives none; none lets nobody in"
    )
    session_lifetime: float = Field(
        default=43_200.0, gt=0, le=2_592_000, description="whoever signed in at the page is signed out after so long"
    )
    session_idle: float = Field(
        default=3_600.0, ge=120, le=2_592_000, description="and after so long without a request"
    )
