"""A runner for programs without an event loop: on a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Coroutine
from typing import Any, Self, TypeVar

from .outcome import Outcome
from .runner import Runner

T = TypeVar("T")


class BackgroundRunner:
    """``with BackgroundRunner(Runner([...])) as runner: runner.run("sweep")``

    A daemon thread, which does not survive a fork: start it in the worker.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Returns when the runner has been started."""
        if self._thread is not None:
            raise RuntimeError("the runner has been started")
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="cachecore-maintenance", daemon=True
        )
        self._thread.start()
        self._call(self.runner.start())

    def stop(self) -> None:
        """Ends the runner, then the thread."""
        if self._thread is None or self._loop is None:
            return
        self._call(self.runner.stop())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()
        self._thread = self._loop = None

    def run(self, name: str, *, dry_run: bool = False, **options: Any) -> Outcome:
        """As ``Runner.run``, from any thread but its own."""
        return self._call(self.runner.run(name, dry_run=dry_run, **options))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        if self._loop is None:
            work.close()
            raise RuntimeError("the runner has not been started")
        return asyncio.run_coroutine_threadsafe(work, self._loop).result()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
