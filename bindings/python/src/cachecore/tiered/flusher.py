"""The thread that brings queued writes to the server, as long as any wait."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Any

from .backlog import Backlog
from .breaker import Backoff
from .commands import Command, Commands
from .health import Counters
from .transport import Transport

_log = logging.getLogger("cachecore.tiered")


class Flusher:
    """``kick`` may be called from any thread."""

    def __init__(
        self,
        transport: Transport,
        backlog: Backlog,
        commands: Commands,
        forget: Callable[[list[bytes]], None],
        counters: Counters,
        timeout: float,
    ) -> None:
        """forget: removes keys from the local cache, after they were written."""
        self._transport, self._backlog, self._commands = transport, backlog, commands
        self._forget, self._counters, self._timeout = forget, counters, timeout
        self._lock = threading.Lock()
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def kick(self) -> None:
        """Something has been queued."""
        with self._lock:
            if self._thread is None and not self._stopping.is_set():
                self._thread = threading.Thread(target=self._run, name="cachecore-flush", daemon=True)
                self._thread.start()

    def stop(self) -> None:
        """Ends the thread.  What still waits is lost."""
        self._stopping.set()
        thread = self._thread
        if thread is not None and thread is not threading.current_thread():
            thread.join()

    def _run(self) -> None:
        backoff = Backoff()
        while not self._stopping.is_set():
            try:
                self._flush(backoff)
            except self._transport.errors as error:
                _log.debug("queued writes wait on: %s", error)
                self._stopping.wait(backoff.pause())
            with self._lock:
                if not self._backlog:
                    self._thread = None
                    return

    def _flush(self, backoff: Backoff) -> None:
        connection = self._transport.connect(self._timeout)
        try:
            while not self._stopping.is_set() and (write := self._backlog.first()) is not None:
                self._send(connection, self._commands.write([write]))
                self._backlog.done(write)
                self._forget([write.name])
                backoff.reset()
        finally:
            connection.disconnect()

    def _send(self, connection: Any, commands: list[Command]) -> None:
        try:
            for command in commands:
                connection.send_command(*command)
                connection.read_response()
        except self._transport.away:
            raise
        except self._transport.refused as error:
            self._counters.add("dropped")
            _log.warning("a queued write was refused and is dropped: %s", error)
