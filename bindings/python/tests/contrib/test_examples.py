"""The examples of the integrations run, and the service runs under gunicorn."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import unix_http
from conftest import LIBRARY, REPOSITORY, run_python

EXAMPLES = REPOSITORY / "examples" / "python"


def run_example(path: Path) -> str:
    head = f"import sys, runpy; sys.path.insert(0, {str(path.parent)!r})\n"
    run = run_python(head + f"runpy.run_path({str(path)!r}, run_name='__main__')")
    assert (run.returncode, run.stderr) == (0, "")
    return run.stdout


def test_fastapi_app() -> None:
    pytest.importorskip("fastapi")
    pytest.importorskip("prometheus_client")
    pytest.importorskip("httpx2")
    output = run_example(EXAMPLES / "fastapi_app.py")
    assert 'cachecore_hits_total{cache="pages"} 2.0' in output and "healthy" in output


def test_django_settings() -> None:
    pytest.importorskip("django")
    output = run_example(EXAMPLES / "django_settings" / "demo.py")
    assert "42 visits" in output and "{'a': 1, 'b': 2}" in output


def get(where: Path, url: str) -> str:
    status, body = unix_http.get(where, url)
    assert status == 200, (url, status, body)
    return body


@contextmanager
def gunicorn(where: Path, metrics: Path, *options: str) -> Iterator[None]:
    command = [sys.executable, "-m", "gunicorn", "--workers", "2", "--worker-class", "asgi"]
    command += ["--bind", f"unix:{where}", "--chdir", str(EXAMPLES), "--no-control-socket"]
    variables = {"CACHECORE_LIBRARY": LIBRARY, "PROMETHEUS_MULTIPROC_DIR": str(metrics)}
    server = subprocess.Popen(
        [*command, *options, "fastapi_app:app"],
        env={**os.environ, **variables},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        end = time.monotonic() + 60
        while True:
            try:
                get(where, "/cache/stats")
                break
            except OSError:
                if server.poll() is not None or time.monotonic() > end:
                    raise
                time.sleep(0.05)
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            output = server.communicate(timeout=30)[0]
        except subprocess.TimeoutExpired:
            server.kill()
            output = server.communicate()[0] + "\nkilled: it did not stop"
        assert server.returncode == 0, output


@pytest.mark.parametrize("options", [(), ("--preload",)], ids=["forked", "preload"])
def test_several_workers_add_up_their_metrics(tmp_path: Path, options: tuple[str, ...]) -> None:
    for module in ("gunicorn", "fastapi", "prometheus_client"):
        pytest.importorskip(module)
    where, metrics = tmp_path / "socket", tmp_path / "metrics"
    metrics.mkdir()
    with gunicorn(where, metrics, *options):
        for number in range(40):
            get(where, f"/pages/{number % 4}")
        assert '"status":"healthy"' in get(where, "/health/cache-cleanup")
        end = time.monotonic() + 20
        counted: dict[str, float] = {}
        while time.monotonic() < end and sum(counted.values()) != 40:
            time.sleep(0.1)
            text = get(where, "/metrics")
            found = re.findall(r'cachecore_(hits|misses)_total{cache="pages"} ([\d.]+)', text)
            counted = {name: float(value) for name, value in found}
        assert sum(counted.values()) == 40 and counted["hits"] >= 32  # misses: 4 in each worker
