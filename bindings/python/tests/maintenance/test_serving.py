"""Processes that do nothing else, threads, and Prometheus."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

import pytest

from cachecore.maintenance import BackgroundRunner, Every, Job, Run, Runner

from .conftest import HOUR, bench, scripted

SERVER = """
import asyncio
from cachecore.maintenance import Every, Job, Runner

async def work(run):
    print("started", run.trigger, flush=True)
    await asyncio.sleep(0.05)
    print("ended", flush=True)

asyncio.run(Runner([Job("work", work, Every(3600), run_at_start=True)]).serve())
print("stopped", flush=True)
"""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_ends_it_in_good_order(number: signal.Signals) -> None:
    command = [sys.executable, "-X", "dev", "-W", "error", "-c", SERVER]
    server = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=os.environ
    )
    assert server.stdout is not None and server.stdout.readline() == "started start\n"
    server.send_signal(number)
    output, errors = server.communicate(timeout=60)
    assert (output, errors, server.returncode) == ("ended\nstopped\n", "", 0)


def test_without_an_event_loop() -> None:
    heard = threading.Event()

    def work(run: Run) -> dict[str, Any]:
        heard.set()
        return {"dry": run.dry_run, **run.options}

    with BackgroundRunner(Runner([Job("work", work, Every(0.001))])) as runner:
        assert heard.wait(20)
        with pytest.raises(RuntimeError, match="has been started"):
            runner.start()
    with BackgroundRunner(Runner([Job("work", work)])) as runner:
        assert runner.run("work", dry_run=True, a=1).report == {"dry": True, "a": 1}
    runner.stop()
    with pytest.raises(RuntimeError, match="has not been started"):
        runner.run("work")


async def test_as_a_lifespan() -> None:
    job, action = scripted("sweep")
    runner = Runner([job])
    async with runner.lifespan(object()):
        assert runner.running and (await runner.run("sweep")).succeeded
    assert not runner.running and len(action.runs) == 1


async def test_metrics() -> None:
    client = pytest.importorskip("prometheus_client")
    from cachecore.maintenance.prometheus import JobCollector

    job, _ = scripted("sweep", {}, OSError("a"), OSError("b"), schedule=Every(HOUR))
    async with bench(job) as at:
        await at.clock.advance(3 * HOUR)
        registry = client.CollectorRegistry()
        registry.register(JobCollector(at.runner))
        text = client.generate_latest(registry).decode()
    for line in (
        'cachecore_job_runs_total{job="sweep",status="succeeded"} 1.0',
        'cachecore_job_runs_total{job="sweep",status="failed"} 2.0',
        'cachecore_job_consecutive_failures{job="sweep"} 2.0',
        'cachecore_job_alert{job="sweep",rule="consecutive-failures"} 1.0',
        'cachecore_job_last_success_timestamp_seconds{job="sweep"} 1.7000036e+09',
        "cachecore_runner_leads 1.0",
    ):
        assert line in text.splitlines()


def test_the_lock_files_are_in_the_workplace_alone(tmp_path: Path) -> None:
    from cachecore.maintenance import Workplace

    with BackgroundRunner(Runner([Job("work", print)], workplace=Workplace(tmp_path / "a" / "b"))):
        assert [path.name for path in (tmp_path / "a" / "b").iterdir()] == ["leader.lock"]
