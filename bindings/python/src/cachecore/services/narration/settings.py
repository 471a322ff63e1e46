"""What the narration service is told by its environment."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

from pathlib import Path

from pydantic import Field

from ..settings import ServiceSettings


class NarrationSettings(ServiceSettings):
    cache_dir: Path = Field(default=Path("narration-cache"), validation_alias="NARRATION_CACHE_DIR")
    max_size_mb: float = Field(default=500, gt=0, validation_alias="NARRATION_CACHE_MAX_SIZE_MB")
    ttl_days: float = Field(default=7, gt=0, validation_alias="NARRATION_CACHE_TTL_DAYS")
    max_concurrent: int = Field(default=3, ge=1, validation_alias="NARRATION_MAX_CONCURRENT")
    max_content_length: int = Field(
        default=10_000, ge=1, validation_alias="NARRATION_MAX_CONTENT_LENGTH"
    )
    interval_hours: float = Field(
        default=6, gt=0, validation_alias="NARRATION_CLEANUP_INTERVAL_HOURS"
    )
    timeout_hours: float = Field(
        default=1, gt=0, validation_alias="NARRATION_ABANDONED_TIMEOUT_HOURS"
    )
