"""A directory that the runners of several processes on one machine share.

In it are locks, which say who leads and who runs which job right now, and for each job the moment
of its last run, which says what was missed while nobody ran.  The locks are flock's: the
kernel takes them back from a process that has died, however it died, so that nothing is ever left
locked, and no clock has a part in it.  A process that was forked holds none of its parent's.

Without a directory all of it is in memory, and nobody else is there.
"""

from __future__ import annotations

import fcntl
import json
import os
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_LEADER: Final = "leader"


class Workplace:
    def __init__(self, directory: str | os.PathLike[str] | None = None) -> None:
        self._directory = None if directory is None else Path(directory)
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
        self._held: dict[str, int] = {}
        self._last_runs: dict[str, float] = {}
        _all.add(self)

    # -- Locks -----------------------------------------------------------------------------------

    def lead(self) -> bool:
        """Whether this one leads, from now on if nobody did."""
        return self._take(_LEADER)

    def step_down(self) -> None:
        self._give_back(_LEADER)

    @property
    def leads(self) -> bool:
        return _LEADER in self._held

    @contextmanager
    def only_one(self, job: str) -> Iterator[bool]:
        """Whether nobody else runs this job; nobody else will until the block ends."""
        name = f"job-{job}"
        taken = name not in self._held and self._take(name)
        try:
            yield taken
        finally:
            if taken:
                self._give_back(name)

    def _take(self, name: str) -> bool:
        if name in self._held:
            return True
        if self._directory is None:
            self._held[name] = -1
            return True
        path = self._directory / f"{name}.lock"
        file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._held[name] = file
        return True

    def _give_back(self, name: str) -> None:
        file = self._held.pop(name, -1)
        if file >= 0:
            os.close(file)

    def _forget_parents_locks(self) -> None:
        """In a forked child: closing a copy leaves the parent's lock as it is."""
        for name in tuple(self._held):
            self._give_back(name)

    # -- What was done ---------------------------------------------------------------------------

    def last_run(self, job: str) -> float | None:
        """When the job was last due, by the wall clock; None: never, or not known."""
        if self._directory is None:
            return self._last_runs.get(job)
        try:
            return float(json.loads((self._directory / f"job-{job}.json").read_text())["last_run"])
        except (FileNotFoundError, ValueError, KeyError, TypeError):
            return None  # as good as never: the next run writes it anew

    def ran(self, job: str, wall: float) -> None:
        """Remembers a run, also through a crash in the middle of this."""
        if self._directory is None:
            self._last_runs[job] = wall
            return
        path = self._directory / f"job-{job}.json"
        new = path.with_suffix(f".{os.getpid()}.tmp")
        new.write_text(json.dumps({"last_run": wall}) + "\n")
        new.replace(path)


_all: weakref.WeakSet[Workplace] = weakref.WeakSet()


def _after_fork() -> None:
    for workplace in tuple(_all):
        workplace._forget_parents_locks()


os.register_at_fork(after_in_child=_after_fork)
