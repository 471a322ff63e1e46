"""What is wrong with a service: what its health answers with."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from cachecore.tiered import AsyncTieredCache

from .maintenance import Runner


#: Of the runner, when it failed the last time.
_PARTS: Final = {
    "election": "who leads cannot be found out",
    "schedule": "the schedule of {} fails",
    "workplace": "the workplace cannot be written",
    "alert hook": "the last alert could not be delivered",
}
_SERIOUS: Final = {"election", "schedule"}  # without them jobs are not run


class Problem(NamedTuple):
    """text: for whoever may ask, so without the error's own words, which go to the log."""

    text: str
    serious: bool = True  #: unhealthy; else degraded: it works, and worse than it should


def job_problems(runner: Runner, patience: Mapping[str, int] | None = None) -> list[Problem]:
    """Jobs that failed the last time, or so many times in a row as ``patience`` has for them; and
    what fails around the jobs."""
    found = []
    for name, history in runner.histories.items():
        failures = history.consecutive_failures
        if failures >= (patience or {}).get(name, 1):
            times = "the last time" if failures == 1 else f"{failures} times in a row"
            found.append(Problem(f"the job {name} failed {times}"))
    for part, whose in sorted(runner.faults.standing):
        if part in _PARTS:
            found.append(Problem(_PARTS[part].format(whose), part in _SERIOUS))
    return found


def tier_problems(tier: AsyncTieredCache[Any] | None) -> list[Problem]:
    """A server that is away costs time, and nothing can be withdrawn everywhere."""
    if tier is None:
        return []
    health = tier.health()
    if health.synced and not health.server_away:
        return []
    return [Problem("the server that tells of other machines is not heard", False)]
