"""What failed around the jobs: the election, a schedule, a rule, a hook, a file.

None of these may end the runner, for most of them pass: too many open files, a full disk, a database
that a rule asks.  Each is logged with its traceback, counted by the part that failed, and survived,
of whatever class: SystemExit would end the loop, and leave whoever waits for the run waiting.
"""

from __future__ import annotations

import logging
from collections import Counter
from typing import Final

log = logging.getLogger("cachecore.maintenance")

PARTS: Final = ("election", "schedule", "rule", "alert hook", "outcome hook", "workplace")


class Faults:
    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()  #: by one of PARTS
        self.standing: set[tuple[str, str]] = set()  #: parts, and whose, that failed the last time

    def survived(self, part: str, message: str, *arguments: object, whose: str = "") -> None:
        """Called while the exception is handled."""
        self.counts[part] += 1
        self.standing.add((part, whose))
        log.exception(message, *arguments)

    def passed(self, part: str, whose: str = "") -> None:
        """Called when it works."""
        self.standing.discard((part, whose))
