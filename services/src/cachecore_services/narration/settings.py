"""What the narration service is told by its environment."""

# mypy: disable-error-code="import-not-found,misc"

from __future__ import annotations

from pathlib import Path

from ..settings import YEARS, ServiceSettings, ensure_writable, naming, variable
from .audio import AudioCache

_HOURS = YEARS / 3600
_DAYS = YEARS / 86_400


class NarrationSettings(ServiceSettings):
    cache_dir: Path = variable("NARRATION_CACHE_DIR", Path("narration-cache"))
    max_size_mb: float = variable("NARRATION_CACHE_MAX_SIZE_MB", 500.0, ge=0.001, le=2**30)
    ttl_days: float = variable("NARRATION_CACHE_TTL_DAYS", 7.0, gt=0, le=_DAYS)
    max_concurrent: int = variable("NARRATION_MAX_CONCURRENT", 3, ge=1, le=1000)
    max_content_length: int = variable("NARRATION_MAX_CONTENT_LENGTH", 10_000, ge=1, le=2**30)
    interval_hours: float = variable("NARRATION_CLEANUP_INTERVAL_HOURS", 6.0, ge=1e-4, le=_HOURS)
    timeout_hours: float = variable("NARRATION_ABANDONED_TIMEOUT_HOURS", 1.0, gt=0, le=_HOURS)

    def open_audio(self) -> AudioCache:
        """Takes the directory over, which may take seconds."""
        with naming("NARRATION_CACHE_DIR"):
            ensure_writable(self.cache_dir)
            return AudioCache(self.cache_dir, self.max_size_mb, self.ttl_days)
