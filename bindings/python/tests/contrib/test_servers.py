"""Workers of real servers that share a cache: one hit rate, one set of counters, and nobody's death matters."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import unix_http
from conftest import LIBRARY, eventually

import cachecore
from cachecore import Cache

HERE = Path(__file__).parent
WORKERS = 2
CANARIES = 300
SECONDS = 60  # that anything may take, on a loaded machine

KINDS = [("gthread", "--preload"), ("sync", ""), ("sync", "--preload"), ("gthread", "")]

#: Asks one worker, whichever it is; its process id and what it answered.
Ask = Callable[[str], tuple[int, Any]]


def environment(place: str) -> dict[str, str]:
    paths = [str(Path(cachecore.__file__).parents[1]), str(HERE)]
    added = {"PLACE": place, "CACHECORE_LIBRARY": LIBRARY, "PYTHONPATH": os.pathsep.join(paths)}
    return {**os.environ, **added}


@contextmanager
def running(
    command: list[str], variables: dict[str, str], log: Path, ready: Callable[[], bool]
) -> Iterator[None]:
    """A server that stops when it is told to, and whose log has no traceback."""
    with log.open("w") as output:
        server = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=variables,
            stdout=output,
            stderr=subprocess.STDOUT,
            cwd=log.parent,
            start_new_session=True,
        )
    try:
        assert eventually(lambda: server.poll() is not None or ready(), SECONDS), log.read_text()
        assert server.poll() is None, log.read_text()
        yield
    finally:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(SECONDS)
        finally:
            if server.poll() is None:
                os.killpg(server.pid, signal.SIGKILL)
                server.wait()
    assert "Traceback" not in log.read_text(), log.read_text()


def through(where: Path) -> Ask:
    def ask(url: str) -> tuple[int, Any]:
        end = time.monotonic() + SECONDS
        while True:
            try:
                status, body = unix_http.get(where, url)
                break
            except OSError:  # a worker was killed with the request in its hands
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)
        assert status == 200, (url, status, body)
        answer = json.loads(body)
        return answer["pid"], answer["answer"]

    return ask


def listens(where: Path) -> Callable[[], bool]:
    def ready() -> bool:
        try:
            return unix_http.get(where, "/pid")[0] == 200
        except OSError:
            return False

    return ready


def from_each(ask: Ask, url: str) -> list[Any]:
    """What each of the workers answers."""
    answers: dict[int, Any] = {}

    def asked() -> bool:
        urls = [url, url, *["/pid"] * WORKERS]  # so that all have something to do
        random.shuffle(urls)
        with ThreadPoolExecutor(len(urls)) as pool:
            for given, (pid, answer) in zip(urls, pool.map(ask, urls), strict=True):
                if given == url:
                    answers[pid] = answer
        return len(answers) == WORKERS

    assert eventually(asked, SECONDS), f"no more than {len(answers)} workers answered"
    return list(answers.values())


def check(ask: Ask) -> None:
    """What holds for workers that share a cache, whoever runs them."""
    from_each(ask, "/pid")
    # Whoever is asked, and by how many at once: one computes.
    with ThreadPoolExecutor(6) as pool:
        urls = [f"/page/{key}" for key in "abc" for _ in range(6)]
        found = dict(zip(urls, (value for _, value in pool.map(ask, urls)), strict=True))
        assert [value for _, value in pool.map(ask, urls)] == [found[url] for url in urls]
    assert from_each(ask, "/page/a")[0] == found["/page/a"]
    # One set of counters: three were computed, all else was a hit.
    one, *others = from_each(ask, "/stats")
    assert all(other == one for other in others)
    hits, misses, inserts, _, entries = one
    assert (misses, inserts, entries) == (3, 3, 3) and hits >= 2 * 18 - 3 + WORKERS
    metrics, *rest = from_each(ask, "/metrics")
    assert f'cachecore_hits_total{{cache="pages"}} {float(hits)}' in metrics
    assert f'cachecore_entries{{cache="pages"}} {float(entries)}' in metrics
    assert all(other == metrics for other in rest)
    # An invalidation by one holds for all.
    assert ask("/invalidate/a")[1] is True
    assert from_each(ask, "/contains/a") == [False] * WORKERS
    assert from_each(ask, "/contains/b") == [True] * WORKERS
    again = from_each(ask, "/page/a")
    assert again == [again[0]] * WORKERS and again[0] != found["/page/a"]
    # A worker is killed while it writes: nothing that was there is lost, and the server goes on.
    ask(f"/canaries/{CANARIES}")
    killed, _ = ask("/write")
    os.kill(killed, signal.SIGKILL)
    assert eventually(lambda: not _runs(killed), SECONDS)
    assert from_each(ask, f"/alive/{CANARIES}") == [CANARIES] * WORKERS
    assert from_each(ask, "/page/b") == [found["/page/b"]] * WORKERS
    ask("/invalidate/b")
    assert ask("/page/b")[1] != found["/page/b"]


def _runs(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except OSError:
        return False
    return state not in "ZX"


@pytest.mark.parametrize(("kind", "preload"), KINDS if cachecore.compiled else KINDS[:1])
def test_gunicorn(kind: str, preload: str, place: str, tmp_path: Path) -> None:
    pytest.importorskip("gunicorn")
    pytest.importorskip("prometheus_client")
    where = tmp_path / "socket"
    command = ["gunicorn", "--workers", str(WORKERS), "--worker-class", kind, "--threads", "2"]
    command += ["--bind", f"unix:{where}", "--no-control-socket", "shared_app"]
    command += [preload] if preload else []
    with running(command, environment(place), tmp_path / "log", listens(where)):
        check(through(where))


def test_uvicorn(place: str, tmp_path: Path) -> None:
    pytest.importorskip("uvicorn")
    pytest.importorskip("prometheus_client")
    where = tmp_path / "socket"
    command = ["uvicorn", "--workers", str(WORKERS), "--uds", str(where), "shared_app:asgi"]
    with running(command, environment(place), tmp_path / "log", listens(where)):
        check(through(where))


def test_celery(place: str, tmp_path: Path) -> None:
    """Prefork, with a broker of its own."""
    pytest.importorskip("celery")
    pytest.importorskip("prometheus_client")
    pytest.importorskip("redis")
    if shutil.which("redis-server") is None:
        pytest.skip("there is no redis-server")
    broker = tmp_path / "redis"
    redis = subprocess.Popen(
        ["redis-server", "--port", "0", "--unixsocket", str(broker), "--save", ""],
        stdout=subprocess.DEVNULL,
        cwd=tmp_path,
    )
    assert eventually(broker.exists, SECONDS)
    answers, numbers = Cache(10_000, shared=place + "-answers"), itertools.count()
    variables = {**environment(place), "BROKER": f"redis+socket://{broker}"}
    client = subprocess.Popen(
        [sys.executable, "-c", CLIENT], env=variables, stdin=subprocess.PIPE, text=True
    )
    lock = threading.Lock()

    def send(url: str) -> int:
        assert client.stdin is not None
        with lock:
            number = next(numbers)
            client.stdin.write(f"{number} {url}\n")
            client.stdin.flush()
        return number

    def ask(url: str) -> tuple[int, Any]:
        number = send(url)
        assert eventually(lambda: f"{number}" in answers, SECONDS), url
        pid, answer = json.loads(answers[f"{number}"])
        return pid, answer

    command = ["celery", "--app", "shared_tasks", "worker", "--pool", "prefork", "--loglevel", "WARNING"]
    command += ["--concurrency", f"{WORKERS}", "--without-gossip", "--without-mingle"]
    command += ["--without-heartbeat"]
    first = send("/pid")
    try:
        with running(command, variables, tmp_path / "log", lambda: f"{first}" in answers):
            check(ask)
    finally:
        client.communicate(timeout=SECONDS)
        redis.terminate()
        redis.wait(SECONDS)
        answers.close()
        Path(place + "-answers").unlink()
    assert client.returncode == 0


CLIENT = """
import sys
import shared_tasks
for line in sys.stdin:
    number, url = line.split()
    shared_tasks.answer.delay(int(number), url)
"""


if not cachecore.compiled:  # servers do not know the two paths apart: one of them is enough
    del test_uvicorn, test_celery
