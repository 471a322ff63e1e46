"""What the blacklist service is told by its environment."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

import logging
import secrets

from pydantic import Field, model_validator

from ...maintenance import Every, Schedule, schedule
from ..settings import ServiceSettings

log = logging.getLogger("cachecore.blacklist")


class BlacklistSettings(ServiceSettings):
    database_url: str = Field(
        default="sqlite:///token_blacklist.db", validation_alias="TOKEN_BLACKLIST_DATABASE_URL"
    )
    max_tokens: int = Field(default=1_000_000, ge=1, validation_alias="TOKEN_BLACKLIST_MAX_TOKENS")
    sync_seconds: float = Field(default=1.0, gt=0, validation_alias="TOKEN_BLACKLIST_SYNC_SECONDS")
    interval_hours: float = Field(default=24, gt=0, validation_alias="TOKEN_CLEANUP_INTERVAL_HOURS")
    cron: str | None = Field(default=None, validation_alias="TOKEN_CLEANUP_CRON")
    timezone: str = Field(default="UTC", validation_alias="TOKEN_CLEANUP_TIMEZONE")
    jwt_secret: str = Field(default="", validation_alias="JWT_SECRET_KEY")
    jwt_algorithm: str = Field(default="HS256", validation_alias="JWT_ALGORITHM")
    jwt_expire_minutes: int = Field(default=1440, ge=1, validation_alias="JWT_EXPIRE_MINUTES")
    #: Anybody may log in as anybody: for trying it out.
    demo_login: bool = Field(default=False, validation_alias="TOKEN_DEMO_LOGIN")

    @model_validator(mode="after")
    def _check(self) -> BlacklistSettings:
        self.schedule()
        if not self.jwt_secret:
            log.warning("JWT_SECRET_KEY is not set: tokens will not outlive this process")
            self.jwt_secret = secrets.token_urlsafe(32)
        return self

    def schedule(self) -> Schedule:
        """TOKEN_CLEANUP_CRON, such as "0 2 * * *", goes before TOKEN_CLEANUP_INTERVAL_HOURS."""
        if self.cron:
            return schedule(self.cron, self.timezone)
        return Every(self.interval_hours * 3600)
