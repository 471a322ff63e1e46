"""What the permission service is told by its environment."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

from pydantic import Field, model_validator

from ...maintenance import Schedule, schedule
from ..settings import ServiceSettings
from .cache import PermissionCache
from .cleanup import CleanupOptions
from .experiment import TTLExperiment
from .growth import FollowGrowth


class PermissionSettings(ServiceSettings):
    cron: str = Field(default="0 */6 * * *", validation_alias="PERMISSION_CACHE_CLEANUP_CRON")
    aggressive: bool = Field(default=False, validation_alias="AGGRESSIVE_CACHE_CLEANUP")
    inactivity_days: float = Field(
        default=30, gt=0, validation_alias="CACHE_INACTIVITY_THRESHOLD_DAYS"
    )
    ttl_seconds: float = Field(default=900, gt=0, validation_alias="PERMISSION_CACHE_TTL_SECONDS")
    max_users: int = Field(default=100_000, ge=1, validation_alias="PERMISSION_CACHE_MAX_USERS")
    #: Runs after so many new keys, and every six hours; 0: by PERMISSION_CACHE_CLEANUP_CRON.
    growth_keys: int = Field(default=0, ge=0, validation_alias="PERMISSION_CACHE_GROWTH_KEYS")
    #: A second lifetime for half of the users, whose outcome is reported; 0: none.
    ttl_b_seconds: float = Field(default=0, ge=0, validation_alias="PERMISSION_CACHE_TTL_B_SECONDS")

    @model_validator(mode="after")
    def _check(self) -> PermissionSettings:
        schedule(self.cron)
        return self

    def schedule(self, permissions: PermissionCache) -> Schedule:
        if self.growth_keys:
            return FollowGrowth(permissions.cache.count, keys=self.growth_keys)
        return schedule(self.cron)

    def experiment(self) -> TTLExperiment | None:
        return TTLExperiment(self.ttl_seconds, self.ttl_b_seconds) if self.ttl_b_seconds else None

    def options(self) -> CleanupOptions:
        return CleanupOptions(
            aggressive_cleanup=self.aggressive, inactivity_threshold_days=self.inactivity_days
        )
