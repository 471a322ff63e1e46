"""Processes that do nothing else, threads, and Prometheus."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import threading
import traceback
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from cachecore_services.maintenance import BackgroundRunner, Every, Job, Run, Runner, Workplace

from .conftest import HOUR, bench, scripted

SERVER = """
import asyncio
from cachecore_services.maintenance import Every, Job, Runner

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
    from cachecore_services.maintenance.prometheus import JobCollector

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
    with BackgroundRunner(Runner([Job("work", print)], workplace=Workplace(tmp_path / "a" / "b"))):
        (lock,) = (tmp_path / "a" / "b").iterdir()
        assert lock.name.startswith("leader-") and lock.suffix == ".lock"


def in_a_child(check: Callable[[], object]) -> None:
    """What the check raises in a forked child, or its taking longer than 20 s, is a failure."""
    child = os.fork()
    if child == 0:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.alarm(20)
        try:
            check()
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_forked_child_is_told_that_its_runner_is_its_parents(tmp_path: Path) -> None:
    ours = BackgroundRunner(Runner([Job("work", lambda run: {"x": 1})], workplace=Workplace(tmp_path)))

    def child() -> None:
        with pytest.raises(RuntimeError, match="does not survive a fork"):
            ours.run("work")
        with pytest.raises(RuntimeError, match="does not survive a fork"):
            asyncio.run(ours.runner.run("work"))
        assert not ours.runner.health()["healthy"] and not ours.runner.leads
        ours.stop()  # of the parent's there is nothing to stop
        ours.start()
        assert ours.run("work").report == {"x": 1}
        ours.stop()

    with ours:
        in_a_child(child)
        assert ours.runner.leads and ours.run("work").succeeded
    in_a_child(ours.start)  # after the parent's has ended


def test_whoever_waits_for_a_thread_that_has_ended_is_told() -> None:
    started = threading.Event()

    async def work(run: Run) -> None:
        started.set()
        await asyncio.Event().wait()

    ours = BackgroundRunner(Runner([Job("work", work)], grace=0))
    ours.start()
    loop = ours._loop
    assert loop is not None
    with ThreadPoolExecutor() as pool:
        waiting = pool.submit(ours.run, "work")
        assert started.wait(20)
        loop.call_soon_threadsafe(loop.stop)  # as SystemExit in a callback of the host's would
        with pytest.raises(RuntimeError, match="thread has ended"):
            waiting.result(20)
    with pytest.raises(RuntimeError, match="thread has ended"):
        ours.run("work")
    with pytest.raises(RuntimeError, match="thread has ended"):
        ours.stop()


def test_nobody_waits_for_himself() -> None:
    said: list[str] = []
    ours: BackgroundRunner

    async def work(run: Run) -> None:
        for call in (lambda: ours.run("work"), ours.stop):
            try:
                call()
            except RuntimeError as error:
                said.append(str(error))

    ours = BackgroundRunner(Runner([Job("work", work)]))
    with ours:
        assert ours.run("work").succeeded
    assert len(said) == 2 and all("wait for itself" in text for text in said)


def test_a_start_that_fails_leaves_no_thread() -> None:
    class Broken(Runner):
        async def start(self) -> None:
            raise OSError("no")

    ours = BackgroundRunner(Broken())
    with pytest.raises(OSError, match="no"):
        ours.start()
    assert "cachecore-maintenance" not in {thread.name for thread in threading.enumerate()}
    ours.runner = Runner([Job("work", lambda run: None)])
    with ours:
        assert ours.run("work").succeeded
