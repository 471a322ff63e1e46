"""What the tests of concurrent calls share."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from typing import Any


def run_threads(count: int, work: Callable[[int], object]) -> list[BaseException]:
    """Runs ``work(number)`` in so many threads, all of which end; what they raised."""
    errors: list[BaseException] = []

    def run(number: int) -> None:
        try:
            work(number)
        except BaseException as error:
            errors.append(error)

    threads = [threading.Thread(target=run, args=(n,), daemon=True) for n in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads)
    return errors


class Computations:
    """Counts what is computed, and computes the present version of a key."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.versions: Counter[str] = Counter()
        self.lock = threading.Lock()

    def begin(self, key: str) -> int:
        with self.lock:
            self.counts[key] += 1
            return self.versions[key]

    def change(self, key: str) -> int:
        """What is computed from now on is newer."""
        with self.lock:
            self.versions[key] += 1
            return self.versions[key]

    @property
    def total(self) -> int:
        return sum(self.counts.values())


class Held:
    """A computation that has ``entered`` and waits until the test lets it ``go``.

    Then it returns the value, or raises it if it is an exception.
    """

    def __init__(self, value: Any) -> None:
        self.value = value
        self.calls = 0
        self.entered, self.go = threading.Event(), threading.Event()

    def __call__(self) -> Any:
        self.calls += 1
        self.entered.set()
        assert self.go.wait(60)
        if isinstance(self.value, BaseException):
            raise self.value
        return self.value


async def never() -> Any:
    raise AssertionError("somebody computes already")


def in_thread(work: Callable[[], object]) -> tuple[threading.Thread, list[Any]]:
    results: list[Any] = []

    def run() -> None:
        try:
            results.append(work())
        except BaseException as error:
            results.append(error)

    thread = threading.Thread(target=run)
    thread.start()
    return thread, results


def ended(thread: threading.Thread) -> bool:
    thread.join(30)
    return not thread.is_alive()
