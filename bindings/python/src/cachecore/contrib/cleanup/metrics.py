"""What a cleanup task has done."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class CleanupMetrics:
    """A reading of one moment; counters since the task was made or its metrics were reset."""

    cleanups_run: int = 0
    total_entries_removed: int = 0
    last_cleanup_removed: int = 0
    last_cleanup_duration_ms: float = 0.0
    errors: int = 0
    last_error: str | None = None
    last_cleanup_age_s: float | None = None  #: since the last one ended; None: none yet
    backlog: int = 0  #: entries expired and not yet removed

    @property
    def avg_entries_per_cleanup(self) -> float:
        return self.total_entries_removed / self.cleanups_run if self.cleanups_run else 0.0

    def to_dict(self) -> dict[str, Any]:
        return {
            "cleanups_run": self.cleanups_run,
            "total_entries_removed": self.total_entries_removed,
            "last_cleanup_removed": self.last_cleanup_removed,
            "last_cleanup_duration_ms": round(self.last_cleanup_duration_ms, 4),
            "avg_entries_per_cleanup": round(self.avg_entries_per_cleanup, 2),
            "errors": self.errors,
            "last_error": self.last_error,
            "last_cleanup_age_s": self.last_cleanup_age_s,
            "backlog": self.backlog,
        }
