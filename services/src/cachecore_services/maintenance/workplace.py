"""A directory that the runners of several processes on one machine share.

In it are locks, which say who leads and who runs which job right now, and for each job the moment
of its last run, which says what was missed while nobody ran, and what became of the last runs, so
that an alert about several of them survives a restart.  The locks are flock's: the kernel takes
them back from a process that has died, however it died, so that nothing is ever left locked, and
no clock has a part in it.  A process that was forked holds none of its parent's.

Several applications may share a directory.  Each elects a leader of its own: the lock names the
application, or, where no name was given, all its jobs.  Jobs of one name are one job unless their
applications are named.

Without a directory all of it is in memory, and nobody else is there.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import logging
import math
import os
import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from itertools import count
from pathlib import Path
from typing import Any

from .job import is_name


log = logging.getLogger("cachecore.maintenance")


class Workplace:
    def __init__(
        self, directory: str | os.PathLike[str] | None = None, application: str | None = None
    ) -> None:
        """directory: made if it is not there; OSError if that cannot be.

        application: begins the name of each file: letters, digits, - and _.
        """
        if application is not None and not is_name(application):
            raise ValueError(
                f"an application's name has letters, digits, - and _, unlike {application!r}"
            )
        self._directory = None if directory is None else Path(directory)
        if self._directory is not None:
            self._directory.mkdir(parents=True, exist_ok=True)
        self._application = application
        self._held: dict[str, int] = {}
        self._last_runs: dict[str, float] = {}
        self._lines: dict[str, int] = {}  # of each file of outcomes
        _all.add(self)

    # -- Locks -----------------------------------------------------------------------------------

    def lead(self, jobs: Iterable[str] = ()) -> bool:
        """Whether this one leads, from now on if nobody did; OSError if that cannot be found out.

        jobs: the names of all that the application has.
        """
        return self._take(self._lock("leader", jobs))

    def step_down(self, jobs: Iterable[str] = ()) -> None:
        self._give_back(self._lock("leader", jobs))

    def leads_for(self, jobs: Iterable[str] = ()) -> bool:
        """Whether this one leads the application that has these jobs."""
        return self._lock("leader", jobs) in self._held

    @property
    def leads(self) -> bool:
        """Whether this one leads anybody."""
        return any(name.startswith("leader") for name in self._held)

    def take_seat(self, jobs: Iterable[str] = ()) -> str:
        """A name among the application's processes: the first that nobody has."""
        for number in count():
            seat = self._lock("worker", jobs) + f"-{number}"
            if seat not in self._held and self._take(seat):
                return seat
        raise AssertionError

    def leave_seat(self, seat: str) -> None:
        self._give_back(seat)

    def _lock(self, kind: str, jobs: Iterable[str]) -> str:
        """The name of an application's lock: by the application's name, or else by its jobs."""
        names = "\n".join(sorted(jobs))
        if self._application or not names:
            return kind
        return f"{kind}-{hashlib.sha256(names.encode()).hexdigest()[:16]}"

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

    def _path(self, name: str) -> Path:
        assert self._directory is not None
        return self._directory / (f"{self._application}.{name}" if self._application else name)

    def _take(self, name: str) -> bool:
        if name in self._held:
            return True
        if self._directory is None:
            self._held[name] = -1
            return True
        path = self._path(f"{name}.lock")
        try:
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except FileNotFoundError:  # somebody has removed the directory
            self._directory.mkdir(parents=True, exist_ok=True)
            file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BaseException as error:
            os.close(file)
            if isinstance(error, BlockingIOError):
                return False
            raise
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
        """When the job was last due, by the wall clock; None: never, or not known any more.

        OSError if there is a file that cannot be read.
        """
        if self._directory is None:
            return self._last_runs.get(job)
        try:
            text = self._path(f"job-{job}.json").read_text()
            last = float(json.loads(text)["last_run"])
            if not 0 <= last < math.inf:
                raise ValueError(f"{last} is no moment")
        except FileNotFoundError:
            return None
        except (ValueError, KeyError, TypeError, RecursionError, OverflowError) as error:
            log.warning("%s: the file of its last run makes no sense: %r", job, error)
            return None  # the next run writes it anew
        return last

    def ran(self, job: str, wall: float) -> None:
        """Remembers a run, also through a crash in the middle of this."""
        if self._directory is None:
            self._last_runs[job] = wall
            return
        self._replace(self._path(f"job-{job}.json"), json.dumps({"last_run": wall}) + "\n")

    def remember(self, job: str, outcome: Mapping[str, Any], size: int, by: str = "") -> None:
        """Keeps what became of a run, and the last ``size`` ones at least.

        by: a seat, for a job that each process runs for itself.
        """
        if self._directory is None:
            return
        path = self._outcomes(job, by)
        if self._lines.get(path.name, 0) >= 2 * size:
            kept = path.read_text(errors="replace").split("\n")[-size:]
            self._replace(path, "\n".join(["", *kept]))
            self._lines[path.name] = size
        # Each begins a line, so that one that was torn takes no other with it.
        text = "\n" + json.dumps(outcome, allow_nan=False)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            os.write(file, text.encode())
        finally:
            os.close(file)
        self._lines[path.name] = self._lines.get(path.name, 0) + 1

    def remembered(self, job: str, size: int, by: str = "") -> list[Any]:
        """The last outcomes that were kept, at most ``size``, oldest first."""
        if self._directory is None:
            return []
        path = self._outcomes(job, by)
        try:
            lines = path.read_text(errors="replace").split("\n")
        except FileNotFoundError:
            return []
        self._lines[path.name] = len(lines)
        found = []
        for line in lines[-size:]:
            try:
                found.append(json.loads(line))
            except (ValueError, RecursionError):
                continue  # empty, or torn
        return found

    def _outcomes(self, job: str, by: str) -> Path:
        return self._path(f"job-{job}{'.' if by else ''}{by}.outcomes")

    @staticmethod
    def _replace(path: Path, text: str) -> None:
        new = path.with_name(f"{path.name}.{os.getpid()}.tmp")
        try:
            new.touch(0o644 if path.suffix == ".json" else 0o600)  # errors may tell secrets
            new.write_text(text)
            new.replace(path)
        except BaseException:
            new.unlink(missing_ok=True)
            raise


_all: weakref.WeakSet[Workplace] = weakref.WeakSet()


def _after_fork() -> None:
    for workplace in tuple(_all):
        workplace._forget_parents_locks()


os.register_at_fork(after_in_child=_after_fork)
