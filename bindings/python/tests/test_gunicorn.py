"""Workers that gunicorn forks from a parent with a warm cache."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import unix_http

import cachecore

pytest.importorskip("gunicorn")

APPLICATION = """
import json, os
from cachecore import Cache, ObjectCache, cached

cache = Cache(1000, serializer="json")
cache["warm"] = "parent"
objects = ObjectCache(100, ttl=60)
objects["list"] = [1]

@cached(ttl=60)
def pid():
    return os.getpid()

def application(environ, start_response):
    if not cache.sweeper.running:
        cache.sweeper.start()
    objects["list"].append(1)
    body = json.dumps({
        "pid": os.getpid(), "cached": pid(), "warm": cache["warm"],
        "here": cache.increment("requests"), "objects": len(objects["list"]),
    }).encode()
    start_response("200 OK", [("Content-Length", str(len(body)))])
    return [body]
"""


@pytest.mark.parametrize("arguments", [["--preload"], []], ids=["preload", "each"])
def test_workers(arguments: list[str], tmp_path: Path) -> None:
    (tmp_path / "application.py").write_text(APPLICATION)
    where = tmp_path / "socket"
    command = [sys.executable, "-W", "always::DeprecationWarning", "-m", "gunicorn"]
    command += ["--workers", "2", *arguments]
    server = subprocess.Popen(
        [*command, "--bind", f"unix:{where}", "application"],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(Path(cachecore.__file__).parents[1])},
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        end = time.monotonic() + 30
        while not where.exists():
            assert time.monotonic() < end and server.poll() is None
            time.sleep(0.02)
        seen: dict[int, int] = {}
        while len(seen) < 2 and time.monotonic() < end:
            status, body = unix_http.get(where)
            assert status == 200, body
            answer = json.loads(body)
            assert answer["warm"] == "parent" and answer["cached"] == answer["pid"]
            seen[answer["pid"]] = seen.get(answer["pid"], 0) + 1
            assert answer["here"] == answer["objects"] - 1 == seen[answer["pid"]]
        assert len(seen) == 2
    finally:
        server.send_signal(signal.SIGTERM)
        _, errors = server.communicate(timeout=30)
    assert server.returncode == 0
    assert "DeprecationWarning" not in errors and "Traceback" not in errors
