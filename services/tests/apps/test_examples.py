"""The examples start by their one command, answer, and end at SIGTERM."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from contextlib import ExitStack
from pathlib import Path

import pytest
from programs import REPOSITORY, run_python

pytest.importorskip("uvicorn")
pytest.importorskip("httpx2")

from fastapi.testclient import TestClient  # noqa: E402

from .applications import create  # noqa: E402

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
        for path in ("docs", "dashboard", "metrics", "health", "health/cache-cleanup"):
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/{path}", timeout=20) as answer:
                assert answer.status == 200
    finally:
        service.send_signal(signal.SIGTERM)
        output = service.communicate(timeout=60)[0]
    assert "Traceback" not in output and "ERROR" not in output, output
    assert [*(tmp_path / "workplace").glob("leader-*.lock")]


SERVICES = {"8001": "blacklist", "8002": "narration", "8003": "permissions", "8004": "decisions"}


def test_what_the_page_says_to_type(tmp_path: Path) -> None:
    """Every request of the page is answered as it says: by 401 where it says so, else well."""
    page = (EXAMPLES / "README.md").read_text().replace("\\\n", " ")
    lines = [line.strip() for line in page.splitlines() if "127.0.0.1:800" in line and "curl" in line]
    typed = [(line, *request_of(line)) for line in lines]
    assert {service for _, service, *_ in typed} == set(SERVICES.values())
    with ExitStack() as stack:
        clients = {
            name: stack.enter_context(TestClient(create(name, tmp_path)))
            for name in SERVICES.values()
        }
        token = ""
        for line, service, method, path, headers, body in typed:
            headers = {name: text.replace("$TOKEN", token) for name, text in headers.items()}
            end = time.monotonic() + 60
            while True:
                answer = clients[service].request(method, path, headers=headers, content=body)
                if answer.status_code != 404 or time.monotonic() > end:
                    break  # the audio is being made
            assert answer.status_code in ((401,) if "# 401" in line else (200, 202)), line
            if line.startswith("TOKEN="):
                token = answer.json()["access_token"]


def request_of(line: str) -> tuple[str, str, str, dict[str, str], str | None]:
    words = shlex.split(line.removeprefix("TOKEN=$(").partition(" |")[0], comments=True)
    headers, method, body, address = {}, None, None, ""
    for word, value in zip(words, [*words[1:], ""]):
        if word == "-H":
            name, _, text = value.partition(": ")
            headers[name] = text
        elif word == "-X":
            method = value
        elif word == "-d":
            body = value
        elif word.startswith("127.0.0.1:"):
            address = word.removeprefix("127.0.0.1:")
    port, _, path = address.partition("/")
    chosen = method or ("GET" if body is None else "POST")
    return SERVICES[port], chosen, "/" + path, headers, body


def test_the_verification_script() -> None:
    path = EXAMPLES / "verify_cleanup_scheduling.py"
    run = run_python(f"import runpy; runpy.run_path({str(path)!r}, run_name='__main__')")
    assert run.returncode == 0, run.stderr
    assert run.stdout.splitlines() == [
        "PASS Application starts with its cleanup task",
        "PASS Periodic cleanup runs and is cancelled",
        "All checks passed",
    ]


def test_asyncio_policy() -> None:
    path = str(EXAMPLES / "asyncio_policy.py")
    run = run_python(f"import runpy; runpy.run_path({path!r}, run_name='__main__')")
    assert (run.returncode, run.stderr) == (0, "")
    assert "forgotten: 1" in run.stdout and "healthy: True" in run.stdout
