"""A TCP proxy with faults: it delays, holds, resets and refuses.

One proxy is the way of some connections to a server; two before one server, with delays of their own,
reorder what goes over the one against what goes over the other.  Within a connection bytes keep their order,
as they do in TCP; what is dropped is dropped with the connection.
"""

from __future__ import annotations

import asyncio
import socket
import struct
import threading
import time
from collections import Counter, deque
from collections.abc import Callable
from types import TracebackType
from typing import Any, Self

_RESET = struct.pack("ii", 1, 0)  # SO_LINGER, for a close that is a reset


class _Link:
    """One connection of a client, and ours to the server."""

    def __init__(self, proxy: Proxy, client: asyncio.StreamWriter, server: asyncio.StreamWriter) -> None:
        self.proxy, self.client, self.server = proxy, client, server

    async def pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, answers: bool) -> None:
        """Both ends of a queue of chunks, each with the time at which it came."""
        chunks: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue()

        async def receive() -> None:
            while chunk := await source.read(1 << 16):
                chunks.put_nowait((time.monotonic(), chunk))
            chunks.put_nowait((time.monotonic(), b""))

        receiving = asyncio.ensure_future(receive())
        try:
            while True:
                came, chunk = await chunks.get()
                if not chunk:
                    break
                while self.proxy.holds or time.monotonic() < came + (self.proxy.delay if answers else 0):
                    self.proxy.oldest = min(self.proxy.oldest, came)
                    due = came + self.proxy.delay - time.monotonic()
                    await asyncio.sleep(0.005 if self.proxy.holds else max(0.0, min(due, 0.005)))
                if sink.transport.is_closing():
                    break
                sink.write(chunk)
                if answers:
                    self.proxy.passed(came)
        finally:
            receiving.cancel()

    async def run(self, source: asyncio.StreamReader, answers: asyncio.StreamReader) -> None:
        pumps = [
            asyncio.ensure_future(self.pump(source, self.server, False)),
            asyncio.ensure_future(self.pump(answers, self.client, True)),
        ]
        try:
            await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for pump in pumps:
                pump.cancel()
            await asyncio.gather(*pumps, return_exceptions=True)
            self.reset()

    def reset(self) -> None:
        for writer in (self.client, self.server):
            raw: Any = writer.get_extra_info("socket")
            if raw is not None and not writer.transport.is_closing():
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
            writer.transport.abort()


class Proxy:
    """``delay`` and ``refuses`` may be set at any time, by any thread."""

    def __init__(self, port: int) -> None:
        """port: of the server; it may be set anew, for connections from then on."""
        self.target = port
        self.delay = 0.0  #: seconds by which each chunk of an answer is late
        self.holds = False  #: whether nothing passes, in either direction
        self.refuses = False  #: whether new connections are closed at once
        self.faults: Counter[str] = Counter()
        self.oldest = time.monotonic()  #: when the oldest came that has not passed; else about now
        self._delays: deque[tuple[float, float]] = deque(maxlen=100_000)
        self._links: set[_Link] = set()
        self._loop = asyncio.new_event_loop()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._serve, name="proxy", daemon=True)
        self._thread.start()
        assert self._ready.wait(60)

    def _serve(self) -> None:
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(self._main())
        self._loop.close()

    async def _main(self) -> None:
        self._stop = asyncio.Event()
        server = await asyncio.start_server(self._accept, "127.0.0.1", 0)
        self.port: int = server.sockets[0].getsockname()[1]
        self._ready.set()
        async with server:
            await self._stop.wait()
            self._reset_all()
            while self._links:
                await asyncio.sleep(0.005)

    async def _accept(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        if self.refuses:
            self.faults["refused"] += 1
            sink.transport.abort()
            return
        try:
            answers, server = await asyncio.open_connection("127.0.0.1", self.target)
        except OSError:
            sink.transport.abort()
            return
        link = _Link(self, sink, server)
        self._links.add(link)
        try:
            await link.run(source, answers)
        finally:
            self._links.discard(link)

    def _reset_all(self) -> None:
        for link in list(self._links):
            link.reset()

    def _do(self, work: Callable[[], None]) -> None:
        done = threading.Event()
        self._loop.call_soon_threadsafe(lambda: (work(), done.set()))
        assert done.wait(60)

    # -- Faults ----------------------------------------------------------------------------------

    def reset(self) -> None:
        """Resets every connection."""
        self.faults["reset"] += 1
        self._do(self._reset_all)

    def hold(self) -> None:
        """Lets nothing pass from now on: a connection that is dead and does not say so."""
        self.faults["held"] += 1
        self.holds = True

    def release(self) -> None:
        self.holds = False

    def set_delay(self, seconds: float) -> None:
        self.faults["delayed"] += 1
        self.delay = seconds

    # -- What the oracle asks --------------------------------------------------------------------

    def passed(self, came: float) -> None:
        now = time.monotonic()
        self._delays.append((now, now - came))
        self.oldest = now

    def worst(self, since: float) -> float:
        """The longest that anything was under way that has passed since then."""
        return max((delay for when, delay in list(self._delays) if when >= since), default=0.0)

    @property
    def connections(self) -> int:
        return len(self._links)

    def close(self) -> None:
        self.holds = False
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
