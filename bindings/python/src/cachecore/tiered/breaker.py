"""A circuit breaker: a server that does not answer is asked seldom, not by every request.

After three failures in a row nobody asks for a while; then one caller does, and the others when that has
worked.  The while begins at 0.1 s, doubles up to 5 s, and has a random part, so that many processes do not
come back at the same moment.
"""

from __future__ import annotations

import random
from threading import Lock
from time import monotonic
from typing import Final

FAILURES: Final = 3
FIRST: Final = 0.1
LONGEST: Final = 5.0


class Backoff:
    """Pauses that double, each shortened by a random part of up to a half."""

    def __init__(self, first: float = FIRST, longest: float = LONGEST) -> None:
        self._first, self._longest = first, longest
        self._next = first

    def pause(self) -> float:
        pause, self._next = self._next, min(2 * self._next, self._longest)
        return pause * random.uniform(0.5, 1)

    def reset(self) -> None:
        self._next = self._first


class Breaker:
    """Any method may be called from any thread."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._failures = 0
        self._closed_again = 0.0
        self._backoff = Backoff()

    @property
    def open(self) -> bool:
        """Whether the server is taken to be away."""
        return self._failures >= FAILURES

    def allows(self) -> bool:
        """Whether the caller may ask the server; if he is the one who tries, the others wait on."""
        if not self._failures:
            return True
        with self._lock:
            if self._failures < FAILURES:
                return True
            now = monotonic()
            if now < self._closed_again:
                return False
            self._closed_again = now + self._backoff.pause()
            return True

    def worked(self) -> None:
        if self._failures:
            with self._lock:
                self._failures = 0
                self._backoff.reset()

    def failed(self) -> None:
        with self._lock:
            self._failures += 1
            if self._failures == FAILURES:
                self._closed_again = monotonic() + self._backoff.pause()
