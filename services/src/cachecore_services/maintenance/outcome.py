"""What became of runs: each of the last ones, and counts of all."""

from __future__ import annotations

import enum
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping
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

    @classmethod
    def from_dict(cls, kept: Mapping[str, Any]) -> Outcome:
        """What ``to_dict`` made a dict of; KeyError, TypeError or ValueError for anything else."""
        return cls(
            job=str(kept["job"]),
            trigger=str(kept["trigger"]),
            status=Status(kept["status"]),
            started_at=datetime.fromisoformat(kept["startedAt"]).timestamp(),
            duration=float(kept["duration"]),
            attempts=int(kept["attempts"]),
            dry_run=bool(kept["dryRun"]),
            report=dict(kept["report"]),
            error=None if kept["error"] is None else str(kept["error"]),
        )

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
        self.counts: Counter[Status] = Counter()  #: of this process
        self.skipped = 0  #: runs that were due and not begun: another went on, or the loop was blocked
        self.seconds = 0.0  #: of all runs of this process
        self._forget()

    def _forget(self) -> None:
        self._ring.clear()
        self.consecutive_failures = 0
        self.successes = self.judged = 0  #: judged: runs that say how well the job does
        self.last_success: Outcome | None = None
        self.failing: Outcome | None = None  #: the last run that says so, if it failed

    def add(self, outcome: Outcome) -> None:
        self.counts[outcome.status] += 1
        self.seconds += outcome.duration
        self._remember(outcome)

    def recall(self, outcomes: Iterable[Outcome]) -> Iterator[Outcome]:
        """Replaces what is remembered by outcomes of earlier processes, one at each step."""
        self._forget()
        for outcome in outcomes:
            self._remember(outcome)
            yield outcome

    def _remember(self, outcome: Outcome) -> None:
        self._ring.append(outcome)
        if outcome.status is Status.CANCELLED or outcome.dry_run:
            return
        self.judged += 1
        if outcome.succeeded:
            self.successes += 1
            self.consecutive_failures = 0
            self.last_success, self.failing = outcome, None
        else:
            self.consecutive_failures += 1
            self.failing = outcome

    def __iter__(self) -> Iterator[Outcome]:
        return iter(tuple(self._ring))

    def __len__(self) -> int:
        return len(self._ring)

    @property
    def size(self) -> int:
        """The most outcomes that it remembers."""
        return self._ring.maxlen or 0

    @property
    def last(self) -> Outcome | None:
        return self._ring[-1] if self._ring else None

    @property
    def failures(self) -> int:
        return self.counts[Status.FAILED] + self.counts[Status.TIMED_OUT]

    @property
    def success_rate(self) -> float | None:
        """Percent of the runs that ended by themselves, recalled ones included; None: no run."""
        return 100 * self.successes / self.judged if self.judged else None
