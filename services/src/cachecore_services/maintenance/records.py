"""What became of runs, kept in the workplace for the processes that come after this one.

The outcomes of a job that only the leader runs are kept by its name, whoever leads.  Of a job that
each process runs for itself, each process keeps its own, under the seat that it has taken: after a
restart another process takes the same seat, and knows what its predecessor knew.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from .alarm import Alarm
from .faults import Faults
from .job import Job
from .outcome import History, Outcome
from .workplace import Workplace


class Records:
    def __init__(
        self, workplace: Workplace, histories: Mapping[str, History], alarm: Alarm, faults: Faults
    ) -> None:
        self._workplace, self._faults = workplace, faults
        self._histories, self._alarm = histories, alarm
        self._seat: str | None = None

    def take_seat(self) -> None:
        try:
            self._seat = self._workplace.take_seat(self._histories)
        except Exception:
            self._seat = None
            self._faults.survived("workplace", "outcomes of jobs that run everywhere are not kept")

    def leave_seat(self) -> None:
        if self._seat is not None:
            self._workplace.leave_seat(self._seat)
            self._seat = None

    def recall(self, job: Job) -> None:
        """Fills the job's history with what was kept, and finds which alerts are firing."""
        history, by = self._histories[job.name], self._by(job)
        if by is None:
            return
        outcomes = []
        try:
            for kept in self._workplace.remembered(job.name, history.size, by):
                with suppress(KeyError, TypeError, ValueError, OverflowError):
                    outcomes.append(Outcome.from_dict(kept))
        except Exception:
            self._faults.survived("workplace", "%s: earlier outcomes are not known", job.name)
        if outcomes:
            self._alarm.recall(job.name, outcomes, history)

    def keep(self, job: Job, outcome: Outcome) -> None:
        by = self._by(job)
        if by is None:
            return
        try:
            size = self._histories[job.name].size
            self._workplace.remember(job.name, outcome.to_dict(), size, by)
            self._faults.passed("workplace")
        except Exception:
            self._faults.survived("workplace", "%s: an outcome is not kept", job.name)

    def _by(self, job: Job) -> str | None:
        """The seat under which its outcomes are kept; "": none; None: they are not kept."""
        return self._seat if job.everywhere else ""
