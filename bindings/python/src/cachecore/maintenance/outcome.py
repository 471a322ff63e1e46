"""What became of runs: each of the last ones, and counts of all."""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any


class Status(enum.StrEnum):
    SUCCEEDED = "succeeded"
    FAILED = "failed"
    TIMED_OUT = "timed out"
    CANCELLED = "cancelled"  #: the runner stopped


@dataclass(frozen=True)
class Outcome:
    """One run, all its attempts together."""

    job: str
    trigger: str
    status: Status
    started_at: float  #: wall clock, seconds since 1970
    duration: float  #: seconds
    attempts: int = 1
    dry_run: bool = False
    report: Mapping[str, Any] = field(default_factory=dict)  #: what the action returned
    error: str | None = None

    @property
    def succeeded(self) -> bool:
        return self.status is Status.SUCCEEDED

    def to_dict(self) -> dict[str, Any]:
        return {
            "job": self.job,
            "trigger": self.trigger,
            "status": str(self.status),
            "startedAt": datetime.fromtimestamp(self.started_at, UTC).isoformat(),
            "duration": round(self.duration, 6),
            "attempts": self.attempts,
            "dryRun": self.dry_run,
            "report": dict(self.report),
            "error": self.error,
        }


class History:
    """The last outcomes of one job, oldest first, and counts since the runner was made.

    A cancelled run and a dry one are remembered, but say nothing of how well the job does.
    """

    def __init__(self, size: int) -> None:
        if size < 1:
            raise ValueError("a history holds at least 1 outcome")
        self._ring: deque[Outcome] = deque(maxlen=size)
        self.counts: Counter[Status] = Counter()
        self.skipped = 0  #: runs that were due while another one was going on
        self.consecutive_failures = 0
        self.seconds = 0.0  #: of all runs
        self.last_success: Outcome | None = None

    def add(self, outcome: Outcome) -> None:
        self._ring.append(outcome)
        self.counts[outcome.status] += 1
        self.seconds += outcome.duration
        if outcome.status is Status.CANCELLED or outcome.dry_run:
            return
        if outcome.succeeded:
            self.consecutive_failures = 0
            self.last_success = outcome
        else:
            self.consecutive_failures += 1

    def __iter__(self) -> Iterator[Outcome]:
        return iter(tuple(self._ring))

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def last(self) -> Outcome | None:
        return self._ring[-1] if self._ring else None

    @property
    def failures(self) -> int:
        return self.counts[Status.FAILED] + self.counts[Status.TIMED_OUT]

    @property
    def success_rate(self) -> float | None:
        """Percent of the runs that ended by themselves; None before the first."""
        ended = self.counts[Status.SUCCEEDED] + self.failures
        return 100 * self.counts[Status.SUCCEEDED] / ended if ended else None
