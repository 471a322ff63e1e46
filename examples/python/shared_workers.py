"""A WSGI application whose workers share one cache.

    gunicorn --workers 4 shared_workers:application

Run as a program, it starts that, asks it, and kills a worker.
"""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from cachecore import cached

PLACE = os.environ.get("REPORTS", ":memory:")  # /run/shop/reports, say
WORKERS = 4


@cached(shared=PLACE, maxsize=10_000, ttl=300, serializer="json")
def report(name: str) -> dict[str, Any]:
    time.sleep(0.05)  # a slow query
    return {"name": name, "computed by": os.getpid()}


def application(environ: dict[str, Any], start_response: Callable[..., Any]) -> Iterable[bytes]:
    name = environ["PATH_INFO"].removeprefix("/")
    answer = {"worker": os.getpid(), "report": report(name), "counters": report.cache_info()[:2]}
    body = json.dumps(answer).encode()
    start_response("200 OK", [("Content-Type", "application/json"), ("Content-Length", str(len(body)))])
    return [body]


# ---- As a program --------------------------------------------------------------------------------


class Client:
    def __init__(self, path: str) -> None:
        self.path = path

    def get(self, url: str) -> dict[str, Any]:
        connection = http.client.HTTPConnection("localhost")
        with socket.socket(socket.AF_UNIX) as connection.sock:
            connection.sock.connect(self.path)
            connection.request("GET", url)
            answer: dict[str, Any] = json.loads(connection.getresponse().read())
        return answer

    def patiently(self, url: str) -> dict[str, Any]:
        """As ``get``, of a server that is starting or has just lost a worker."""
        end = time.monotonic() + 60
        while True:
            try:
                return self.get(url)
            except OSError:
                if time.monotonic() > end:
                    raise
                time.sleep(0.02)


def show(client: Client) -> None:
    client.patiently("/warm")
    urls = [f"/{name}" for name in ("sales", "stock", "visits") for _ in range(12)]
    with ThreadPoolExecutor(2 * WORKERS) as pool:
        answers = list(pool.map(client.patiently, urls))
    workers = {answer["worker"] for answer in answers}
    computed = {(answer["report"]["name"], answer["report"]["computed by"]) for answer in answers}
    print(f"{len(answers)} answers of {len(workers)} workers, {len(computed)} reports computed")
    assert len(computed) == 3

    victim = client.get("/sales")["worker"]
    os.kill(victim, signal.SIGKILL)
    after = client.patiently("/sales")
    while after["worker"] == victim:  # which had one more request in its hands
        after = client.patiently("/sales")
    assert after["report"] in [answer["report"] for answer in answers]
    print(f"one was killed, and another had the report: {after['counters'][1]} misses in all")


def main() -> None:
    if find_spec("gunicorn") is None:
        print("this example needs gunicorn")
        return
    with tempfile.TemporaryDirectory(dir="/dev/shm") as folder:
        where = f"{folder}/socket"
        command = [sys.executable, "-m", "gunicorn", "--workers", str(WORKERS), "--log-level", "critical"]
        command += ["--bind", f"unix:{where}", "--chdir", str(Path(__file__).resolve().parent)]
        variables = {**os.environ, "REPORTS": f"{folder}/reports"}
        server = subprocess.Popen([*command, "shared_workers:application"], env=variables)
        try:
            show(Client(where))
        finally:
            server.terminate()
            server.wait()


if __name__ == "__main__":
    main()
