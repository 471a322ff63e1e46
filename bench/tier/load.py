"""Requests a second of a FastAPI application with four workers: redis-py, the same with its own cache, a tier.

    load.py [--rounds 3] [--seconds 5] [--connections 16] [--writes 50]

wrk asks for 200 items in turn, while another client writes so many of them a second.  The three take
turns; medians.  The hit ratio is the part of the requests for which the server was not asked, by the server's
own count of reads.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import redis
from server import server

HERE = Path(__file__).resolve().parent
ITEMS = 200
SCRIPT = f"""
local number = 0
request = function()
  number = number + 1
  return wrk.format("GET", "/item/" .. number % {ITEMS})
end
"""


@contextlib.contextmanager
def application(prefix: list[str], address: str, **environment: str) -> Iterator[str]:
    """Four workers of app.py; their address."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [*prefix, sys.executable, "-m", "uvicorn", "app:app", "--workers", "4", "--log-level", "warning",
               "--no-access-log", "--host", address, "--port", str(port)]  # fmt: skip
    process = subprocess.Popen(command, cwd=HERE, env={**os.environ, **environment})
    try:
        yield f"http://{address}:{port}"
    finally:
        process.terminate()
        process.wait()


def answered(url: str) -> str:
    end = time.monotonic() + 60
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as answer:
                return str(answer.read().decode())
        except OSError:
            if time.monotonic() > end:
                raise
            time.sleep(0.1)


def writing(port: int, rate: float, stopping: threading.Event) -> None:
    with redis.Redis(port=port) as client:
        number = 0
        while not stopping.wait(1 / rate):
            client.set(f"item:{number * 7 % ITEMS}", b"%064d" % number)
            number += 1


def reads(port: int) -> int:
    """How often the server was asked for a value."""
    with redis.Redis(port=port) as client:
        commands = client.info("commandstats")
    return sum(int(commands.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in ("get", "mget"))


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--writes", type=float, default=50)
    given = parser.parse_args()
    assert shutil.which("wrk"), "apt-get install wrk"
    rates: dict[str, list[float]] = {"redis": [], "own-cache": [], "tier": []}
    ratios: dict[str, list[float]] = {mode: [] for mode in rates}
    with server() as port, tempfile.TemporaryDirectory(dir="/dev/shm") as folder, contextlib.ExitStack() as stack:
        script = Path(folder) / "items.lua"
        script.write_text(SCRIPT)
        with redis.Redis(port=port) as client:
            client.mset({f"item:{number}": b"%064d" % number for number in range(ITEMS)})
        urls = {
            mode: stack.enter_context(
                application([], "127.0.0.1", MODE=mode, PORT=str(port), PLACE=f"{folder}/cache")
            )
            for mode in rates
        }
        for url in urls.values():
            for _ in range(20):
                answered(f"{url}/item/1")
        stopping = threading.Event()
        writer = threading.Thread(target=writing, args=(port, given.writes, stopping))
        writer.start()
        for _ in range(given.rounds):
            for mode, url in urls.items():
                before = reads(port)
                said = subprocess.run(
                    ["wrk", "-t1", f"-c{given.connections}", f"-d{given.seconds}s", "-s", str(script), url],
                    check=True, capture_output=True, text=True,
                ).stdout  # fmt: skip
                found = re.search(r"Requests/sec:\s+([\d.]+)", said)
                assert found and "Non-2xx" not in said, said
                rates[mode].append(float(found[1]))
                requests = int(re.search(r"(\d+) requests in", said)[1])  # type: ignore[index]
                ratios[mode].append(1 - (reads(port) - before) / requests)
        stopping.set()
        writer.join()
    base = statistics.median(rates["redis"])
    for mode, found_rates in rates.items():
        median = statistics.median(found_rates)
        ratio = statistics.median(ratios[mode])
        print(f"{mode:12} {median:8.0f} requests/s  {median / base:5.2f}  hit ratio {ratio:6.3f}")


if __name__ == "__main__":
    main()
