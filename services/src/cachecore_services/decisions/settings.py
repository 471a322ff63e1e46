"""What the decision service is told by its environment."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

from typing import Literal

from ..reach import ReachSettings
from ..settings import MANY, YEARS, variable


class DecisionSettings(ReachSettings):
    max_size: int = variable("POLICY_CACHE_MAX_SIZE", 10_000, ge=1, le=MANY)
    ttl_seconds: float = variable("POLICY_CACHE_TTL_SECONDS", 300.0, ge=0.001, le=YEARS)
    sweep_interval: float = variable("POLICY_CACHE_SWEEP_INTERVAL", 60.0, ge=0.01, le=YEARS)
    #: Where decisions are remembered: here, in a Redis beside the service, or nowhere.
    store: Literal["cachecore", "redis", "none"] = variable("POLICY_CACHE_STORE", "cachecore")

    @property
    def asks_redis(self) -> bool:
        return self.store == "redis" or self.is_tiered

    @property
    def is_tiered(self) -> bool:
        """Decisions in Redis are all machines' anyway."""
        return self.store == "cachecore" and self.tiered
