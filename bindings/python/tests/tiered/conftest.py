"""What the tests of the tier share."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
import redis
from conftest import eventually

from cachecore import Cache
from cachecore.tiered import TieredCache

from .proxy import Proxy
from .server import Server, client, programs

PROGRAMS = programs()


@pytest.fixture(scope="session", params=PROGRAMS or ["none"])
def running(request: pytest.FixtureRequest) -> Iterator[Server]:
    """A server that no test stops."""
    if not PROGRAMS:
        pytest.skip("no redis-server and no valkey-server")
    with Server(PROGRAMS[request.param], "--loglevel", "warning") as server:
        yield server


@pytest.fixture
def server(running: Server) -> Server:
    """The same, empty."""
    running.client.flushall()
    return running


@pytest.fixture
def own_server() -> Iterator[Server]:
    """A server that the test may stop."""
    if not PROGRAMS:
        pytest.skip("no redis-server and no valkey-server")
    with Server(next(iter(PROGRAMS.values()))) as server:
        yield server


class Stand:
    """A tier whose data and whose listener each go through a proxy of their own."""

    def __init__(self, server: Server, local: Cache[bytes, bytes] | None = None, **options: Any) -> None:
        self.server = server
        self.data, self.listening = Proxy(server.port), Proxy(server.port)
        self.local: Cache[bytes, bytes] = Cache(10_000) if local is None else local
        self.remote = client(self.data.port, socket_timeout=options.pop("socket_timeout", 60))
        self._listen_on = client(self.listening.port)
        options = {"prefix": "t:", "jitter": 0, **options}
        self.tier: TieredCache[Any] = TieredCache(
            self.local, self.remote, listen_on=self._listen_on, **options
        )

    def synced(self) -> TieredCache[Any]:
        """The tier, once it serves what is here."""
        self.tier.peek("a")
        assert eventually(lambda: self.tier.health().synced, 60), self.tier.health()
        return self.tier

    def close(self) -> None:
        self.data.release()
        self.listening.release()
        self.tier.close()
        self.remote.close()
        self._listen_on.close()
        self.data.close()
        self.listening.close()
        self.local.close()


def here(tier: TieredCache[Any], *names: str | bytes) -> None:
    """Reads values until they are in the local cache, to stay: no message about them is under way."""

    def settled() -> bool:
        heard = tier.stats().invalidated
        tier.remote.set("t:the last message", b"")
        assert eventually(lambda: tier.stats().invalidated > heard, 60)
        return all(tier.peek(name) is not None for name in names)

    assert eventually(lambda: tier.get_many(names) and settled(), 60)


@pytest.fixture
def stand(server: Server) -> Iterator[Stand]:
    stand = Stand(server)
    yield stand
    stand.close()


@pytest.fixture
def tier(stand: Stand) -> TieredCache[Any]:
    return stand.synced()


@pytest.fixture
def other(server: Server) -> redis.Redis:
    """Somebody else, on another machine."""
    return server.client
