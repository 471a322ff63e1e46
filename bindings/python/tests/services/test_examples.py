"""The examples start by their one command, answer, and end at SIGTERM."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from pathlib import Path

import pytest
from conftest import REPOSITORY, run_python

pytest.importorskip("uvicorn")
pytest.importorskip("httpx2")

EXAMPLES = REPOSITORY / "examples" / "services"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


@pytest.mark.parametrize("name", ["blacklist", "narration", "permissions", "decisions"])
def test_it_starts_answers_and_ends(name: str, tmp_path: Path) -> None:
    port = free_port()
    command = [sys.executable, str(EXAMPLES / f"{name}.py"), "--port", str(port)]
    service = subprocess.Popen(
        [*command, "--data", str(tmp_path)],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=os.environ,
    )
    try:
        end = time.monotonic() + 60
        while True:
            try:
                with urllib.request.urlopen(
                    f"http://127.0.0.1:{port}/dashboard/data", timeout=20
                ) as answer:
                    data = json.load(answer)
                break
            except OSError:
                if service.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.02)
        assert data["leads"] and data["caches"] and data["jobs"]
    finally:
        service.send_signal(signal.SIGTERM)
        output = service.communicate(timeout=60)[0]
    assert "Traceback" not in output and "ERROR" not in output, output
    assert (tmp_path / "workplace" / "leader.lock").exists()


def test_the_verification_script() -> None:
    path = EXAMPLES / "verify_cleanup_scheduling.py"
    run = run_python(f"import runpy; runpy.run_path({str(path)!r}, run_name='__main__')")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "PASS Application starts with its cleanup task",
        "PASS Periodic cleanup runs and is cancelled",
        "All checks passed",
    ]
