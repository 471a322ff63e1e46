"""Documents on the way of a request: a question's key, the text under it, and what that says.

The compiled path has the same class in C, answers.c: there each step costs less than calling a
function of Python's, and all that such a request needs is one call.
"""

from __future__ import annotations

from collections.abc import Callable
from threading import Lock
from time import perf_counter_ns
from typing import Any, Final

from .copies import Copies
from .latency import Latency

# So many durations wait to be counted.
_WAITING_MAX: Final = 1024


class Answers:
    """Asks a store that never waits; counts, and measures, each question.

    Of several threads that ask each is counted.  A question appends its duration to a list, which
    is atomic, and is counted when somebody wants to know, or when many of them wait.
    """

    def __init__(
        self,
        get: Callable[[Any], bytes | None],
        key: Callable[..., Any],
        parse: Callable[[bytes], Any],
    ) -> None:
        """get: the text under a key; key: makes one of a question; parse: what a text says.

        A question of str and None alone always has the same key, and a text always says the same:
        what was made of them once may be used again.
        """
        self._get = get
        self._key = key
        self._decoded = Copies(parse)
        self._lock = Lock()
        self._hits: list[int] = []
        self._misses: list[int] = []
        self._failures: list[int] = []
        self._clear()

    def _clear(self) -> None:
        self._hit_count = self._miss_count = 0
        self._latency = Latency()

    def ask(self, *question: Any) -> Any:
        """What the text under the question's key says, the caller's own; None if there is none.

        Raises what ``get``, ``key`` and ``parse`` raise.
        """
        began = perf_counter_ns()
        outcome = self._failures
        try:
            text = self._get(self._key(*question))
            value = None if text is None else self._decoded(text)
            outcome = self._misses if text is None else self._hits
        finally:
            outcome.append(perf_counter_ns() - began)
            if len(outcome) >= _WAITING_MAX:
                with self._lock:
                    self._count()
        return value

    def take(self) -> tuple[int, int, int, int, tuple[int, ...]]:
        """What was counted since the last time: hits, misses, and of the time that all questions
        took, in nanoseconds, sum, longest and histogram."""
        with self._lock:
            self._count()
            latency = self._latency
            taken = self._hit_count, self._miss_count, latency.sum_ns, latency.max_ns
            self._clear()
        return *taken, tuple(latency.buckets)

    def _count(self) -> None:
        """The lock is held; others may append meanwhile."""
        self._hit_count += self._counted(self._hits)
        self._miss_count += self._counted(self._misses)
        self._counted(self._failures)

    def _counted(self, waiting: list[int]) -> int:
        durations = waiting[:]
        del waiting[: len(durations)]
        for duration_ns in durations:
            self._latency.record(duration_ns)
        return len(durations)
