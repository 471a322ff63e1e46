"""One of the services as a process of its own, and a browser for it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def serving(service: str, **environment: str) -> Iterator[str]:
    """Its address.  It is ended by SIGTERM, and must end well.  Or an application's own module."""
    app = service if ":" in service else f"cachecore_services.{service}.app:create_app"
    command = [sys.executable, "-m", "uvicorn", "--factory", "--port", "0", "--no-access-log"]
    server = subprocess.Popen(
        [*command, app],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    assert server.stdout is not None
    said = ""
    try:
        for line in server.stdout:
            said += line
            if "running on" in line:
                yield line.split("running on ")[1].split()[0]
                break
        else:
            raise AssertionError(said)
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            said += server.communicate(timeout=60)[0]
        except subprocess.TimeoutExpired:
            server.kill()
            raise
    assert "Application shutdown complete" in said and "Traceback" not in said, said
