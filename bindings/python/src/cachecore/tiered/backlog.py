"""Writes that wait for the server to come back: bounded, in order.

A write that is queued is not done.  Nobody else sees it, it is lost if the process ends, and it goes to the
server even if somebody else has written the key meanwhile.  As long as any waits, later ones queue behind
it, so that those of one process stay in order.
"""

from __future__ import annotations

from collections import deque
from threading import Lock
from time import monotonic
from typing import NamedTuple

from .errors import ServerAwayError


class Write(NamedTuple):
    """One key's new value, or None for its removal."""

    name: bytes
    content: bytes | None
    ttl_ms: int | None  #: None: it does not expire
    since: float = 0.0

    def left_ms(self) -> int | None:
        """What is left of the lifetime, which counts from the call."""
        if self.ttl_ms is None:
            return None
        return self.ttl_ms - int((monotonic() - self.since) * 1000)


class Backlog:
    """Any method may be called from any thread; ``first`` and ``done`` from one."""

    def __init__(self, limit: int) -> None:
        """limit: most writes that wait; 0: none may."""
        self.limit = limit
        self._lock = Lock()
        self._waiting: deque[Write] = deque()
        self._last: dict[bytes, Write] = {}  # of each key, for those who read it here

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, writes: list[Write], only_behind: bool = False) -> bool:
        """Queues all of them, or none: ServerAwayError if there is no room.

        only_behind: nothing is queued, and False returned, if nothing waits.
        """
        with self._lock:
            if only_behind and not self._waiting:
                return False
            if len(self._waiting) + len(writes) > self.limit:
                raise ServerAwayError(f"{len(self._waiting)} writes wait for the server, and no more may")
            now = monotonic()
            for write in writes:
                queued = write._replace(since=now)
                self._waiting.append(queued)
                self._last[write.name] = queued
            return True

    def find(self, name: bytes) -> Write | None:
        """The last write of a key that waits."""
        return self._last.get(name)

    def first(self) -> Write | None:
        with self._lock:
            return self._waiting[0] if self._waiting else None

    def done(self, write: Write) -> None:
        """The first one is on the server."""
        with self._lock:
            self._waiting.popleft()
            if self._last.get(write.name) is write:
                del self._last[write.name]

    def drop(self) -> None:
        """In the child of a fork: the writes are the parent's."""
        self._lock = Lock()
        self._waiting, self._last = deque(), {}
