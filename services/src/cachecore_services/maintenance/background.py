"""A runner for programs without an event loop: on a thread with a loop of its own."""

from __future__ import annotations

import asyncio
import os
import threading
from collections.abc import Coroutine
from typing import Any, Final, Self, TypeVar

from .outcome import Outcome
from .runner import Runner

T = TypeVar("T")

# Seconds after which one that waits makes sure that the thread is still there.
_LOOK: Final = 1.0


class BackgroundRunner:
    """``with BackgroundRunner(Runner([...])) as runner: runner.run("sweep")``

    A daemon thread, which does not survive a fork: in a child, start it there.  Its methods may be
    called from any thread but its own, on which they raise RuntimeError.
    """

    def __init__(self, runner: Runner) -> None:
        self.runner = runner
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._process = 0  # that in which it was started

    def start(self) -> None:
        """Returns when the runner has been started."""
        if self._thread is not None and self._process == os.getpid():
            raise RuntimeError("the runner has been started")
        # What a parent had is left alone: closing its loop would disturb the parent's.
        self._process = os.getpid()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(
            target=self._loop.run_forever, name="cachecore-maintenance", daemon=True
        )
        self._thread.start()
        try:
            self._call(self.runner.start())
        except BaseException:
            self._end()
            raise

    def stop(self) -> None:
        """Ends the runner, then the thread; nothing, if it was not started in this process."""
        if self._thread is None or self._process != os.getpid():
            return
        try:
            self._call(self.runner.stop())
        finally:
            if self._thread is not threading.current_thread():
                self._end()

    def run(self, name: str, *, dry_run: bool = False, **options: Any) -> Outcome:
        """As ``Runner.run``."""
        return self._call(self.runner.run(name, dry_run=dry_run, **options))

    def _call(self, work: Coroutine[Any, Any, T]) -> T:
        wrong = self._wrong()
        if wrong is not None or self._loop is None:
            work.close()
            raise RuntimeError(wrong)
        answer = asyncio.run_coroutine_threadsafe(work, self._loop)
        while True:
            try:
                return answer.result(_LOOK)
            except TimeoutError:
                if answer.done():
                    raise
                if self._thread is None or not self._thread.is_alive():
                    raise RuntimeError("the runner's thread has ended") from None

    def _wrong(self) -> str | None:
        """Why nothing can be asked of the thread."""
        if self._thread is None:
            return "the runner has not been started"
        if self._process != os.getpid():
            return (
                f"the runner was started in process {self._process}, and this is a child of it: "
                "its thread does not survive a fork, start it here"
            )
        if self._thread is threading.current_thread():
            return "called on the runner's own thread, which would wait for itself"
        return None if self._thread.is_alive() else "the runner's thread has ended"

    def _end(self) -> None:
        """Ends the thread; what still goes on there is cancelled, and left."""
        thread, loop = self._thread, self._loop
        assert thread is not None and loop is not None
        self._thread = self._loop = None

        def end() -> None:
            for task in asyncio.all_tasks(loop):
                task.cancel()
            loop.call_soon(loop.call_soon, loop.stop)

        if thread.is_alive():
            loop.call_soon_threadsafe(end)
            thread.join()
        loop.close()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
