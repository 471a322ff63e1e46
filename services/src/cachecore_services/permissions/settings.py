"""What the permission service is told by its environment."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

from pydantic import field_validator

from ..generations import Generations
from ..maintenance import Schedule
from ..reach import ReachSettings
from ..settings import MANY, YEARS, checked_schedule, naming, variable
from .cache import PermissionCache
from .cleanup import CleanupOptions
from .experiment import TTLExperiment
from .growth import FollowGrowth

_DAYS = YEARS / 86_400


class PermissionSettings(ReachSettings):
    cron: str = variable("PERMISSION_CACHE_CLEANUP_CRON", "0 */6 * * *")
    aggressive: bool = variable("AGGRESSIVE_CACHE_CLEANUP", False)
    inactivity_days: float = variable("CACHE_INACTIVITY_THRESHOLD_DAYS", 30.0, gt=0, le=_DAYS)
    ttl_seconds: float = variable("PERMISSION_CACHE_TTL_SECONDS", 900.0, ge=0.001, le=YEARS)
    max_users: int = variable("PERMISSION_CACHE_MAX_USERS", 100_000, ge=1, le=MANY)
    #: Runs after so many new keys, and every six hours; 0: by PERMISSION_CACHE_CLEANUP_CRON.
    growth_keys: int = variable("PERMISSION_CACHE_GROWTH_KEYS", 0, ge=0, le=MANY)
    #: A second lifetime for half of the users, whose outcome is reported; 0: none.
    ttl_b_seconds: float = variable("PERMISSION_CACHE_TTL_B_SECONDS", 0.0, ge=0, le=YEARS)

    @field_validator("cron")
    @classmethod
    def _check_cron(cls, given: str) -> str:
        checked_schedule(given)
        return given

    def schedule(self, permissions: PermissionCache) -> Schedule:
        if self.growth_keys:
            return FollowGrowth(permissions.cache.count, keys=self.growth_keys)
        return checked_schedule(self.cron)

    def experiment(self) -> TTLExperiment | None:
        return TTLExperiment(self.ttl_seconds, self.ttl_b_seconds) if self.ttl_b_seconds else None

    def open_permissions(self, generations: Generations | None) -> PermissionCache:
        with naming("CACHECORE_SHARED"):
            return PermissionCache(
                self.max_users,
                ttl=self.ttl_seconds,
                experiment=self.experiment(),
                shared=self.place("permissions"),
                generations=generations,
            )

    def options(self) -> CleanupOptions:
        return CleanupOptions(
            aggressive_cleanup=self.aggressive, inactivity_threshold_days=self.inactivity_days
        )
