"""What is to be done, and when; and what the one who does it is told."""

from __future__ import annotations

import math
import threading
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from .schedule import Schedule

#: What a run has to say of itself: numbers and texts by name, as JSON has them.
Report: TypeAlias = Mapping[str, Any]


class Stopping(Exception):
    """Raised by ``Run.check`` in a run that is to end."""


class JobRunning(RuntimeError):
    """The job is being run already, by this process or by another one."""


@dataclass(frozen=True)
class Run:
    """One attempt at a job, as its action sees it."""

    job: str
    trigger: str  #: "schedule", "start", "catch-up" or "manual"
    dry_run: bool = False  #: find out and report, but change nothing
    attempt: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)  #: of a manual run
    stopping: threading.Event = field(default_factory=threading.Event)

    def check(self) -> None:
        """Raises Stopping when time is up or the runner stops: for long work on a thread."""
        if self.stopping.is_set():
            raise Stopping(f"{self.job}: told to stop")


#: ``async def`` runs on the runner's loop, any other function on a thread, where it may block.
Action: TypeAlias = Callable[[Run], Report | None | Awaitable[Report | None]]


def is_name(text: str) -> bool:
    """Whether it can be the name of a job: it will be that of files, too."""
    return text.replace("-", "").replace("_", "").isalnum()


@dataclass(frozen=True)
class Job:
    """A name, what to do, and how.

    schedule: an ``Every`` or a ``Cron``; None: only when asked.
    run_at_start: once when the runner starts, whatever the schedule.
    catch_up: if the runner was down when a run was due, run at its start; needs a workplace.
    jitter: seconds; each run waits a random part of them, so that workers do not act as one.
    timeout: seconds an attempt may take.
    attempts: how often a run is tried before it has failed.
    backoff: seconds before the second attempt; twice as long before each further one.
    backoff_max: the longest of those waits.
    everywhere: every worker runs it, for what each has of its own, such as a cache in memory;
        else only the one that leads.
    """

    name: str
    action: Action
    schedule: Schedule | None = None
    run_at_start: bool = False
    catch_up: bool = True
    jitter: float = 0.0
    timeout: float | None = None
    attempts: int = 1
    backoff: float = 30.0
    backoff_max: float = 3600.0
    everywhere: bool = False

    def __post_init__(self) -> None:
        if not is_name(self.name):
            raise ValueError(f"a job's name has letters, digits, - and _, unlike {self.name!r}")
        if self.attempts < 1:
            raise ValueError(f"{self.name}: attempts must be at least 1")
        if self.timeout is not None and not 0 < self.timeout < math.inf:
            raise ValueError(f"{self.name}: timeout must be greater than 0, or None")
        for name in ("jitter", "backoff", "backoff_max"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"{self.name}: {name} must be 0 or more")
