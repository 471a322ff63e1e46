"""What the decision service is told by its environment."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

from typing import Literal

from pydantic import Field

from ..settings import ServiceSettings


class DecisionSettings(ServiceSettings):
    max_size: int = Field(default=10_000, ge=1, validation_alias="POLICY_CACHE_MAX_SIZE")
    ttl_seconds: float = Field(default=300, gt=0, validation_alias="POLICY_CACHE_TTL_SECONDS")
    sweep_interval: float = Field(default=60, gt=0, validation_alias="POLICY_CACHE_SWEEP_INTERVAL")
    #: Where decisions are remembered: in the process, in a Redis beside it, or nowhere.
    store: Literal["cachecore", "redis", "none"] = Field(
        default="cachecore", validation_alias="POLICY_CACHE_STORE"
    )
    redis_url: str = Field(default="redis://localhost:6379/0", validation_alias="REDIS_URL")
