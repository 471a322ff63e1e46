#!/usr/bin/env python3
"""Requests a second and latencies of the policy-decision service, over loopback, by wrk.

    bench/services.py [--rounds 3] [--seconds 5] [--connections 16]

The very same application answers three times: with its decisions in cachecore, with them in Redis
on a local socket, and with the cache turned off ("floor": what uvicorn, FastAPI and a decision that
costs nothing take).  The three take turns, so that what else goes on falls on all alike.  What a
request costs in processor time, of the service and of Redis, hardly depends on what else goes on;
the other figures do.  Medians are printed, and written to build/bench/services.json.
"""

import argparse
import json
import os
import re
import shutil
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
USERS = 1000
SCRIPT = f"""
local number = 0
request = function()
  number = number + 1
  return wrk.format("GET", string.format(PATH, number % {USERS}))
end
"""
DECISION = "/api/decisions?user=user-%d&action=read&resource=file&sensitivity=internal"
UNITS = {"us": 1e-3, "ms": 1.0, "s": 1e3}


@contextmanager
def program(
    command: list[str], ready: str, **environment: str
) -> Iterator[tuple[str, int]]:
    """The line with which a process says that it is ready, and the process."""
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, **environment},
    )
    assert process.stdout is not None
    said = ""
    try:
        for line in process.stdout:
            said += line
            if ready in line:
                break
        else:
            raise SystemExit(f"{command[0]} did not start:\n{said}")
        yield line, process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=60)


@contextmanager
def redis() -> Iterator[tuple[str, int]]:
    directory = tempfile.mkdtemp(prefix="cachecore-bench-")
    socket = f"{directory}/redis.sock"
    command = [
        "redis-server",
        "--port",
        "0",
        "--unixsocket",
        socket,
        "--dir",
        directory,
    ]
    try:
        with program([*command, "--save", ""], "ready to accept connections") as (
            _,
            pid,
        ):
            yield f"unix://{socket}", pid
    finally:
        shutil.rmtree(directory)


@contextmanager
def service(**environment: str) -> Iterator[tuple[str, int]]:
    command = [
        sys.executable,
        "-m",
        "uvicorn",
        "--factory",
        "--port",
        "0",
        "--no-access-log",
    ]
    command.append("cachecore_services.decisions.app:create_app")
    with program(command, "running on", **environment) as (line, pid):
        yield line.split("running on ")[1].split()[0], pid


def processor_seconds(pids: list[int]) -> float:
    """What the processes have used up, in the kernel too."""
    ticks = 0
    for pid in pids:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        ticks += int(fields[11]) + int(fields[12])
    return ticks / os.sysconf("SC_CLK_TCK")


def wrk(
    address: str, seconds: float, connections: int, pids: list[int]
) -> dict[str, float]:
    used = processor_seconds(pids)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(SCRIPT.replace("PATH", json.dumps(DECISION)))
        script.flush()
        command = [
            "wrk",
            "-t1",
            f"-c{connections}",
            f"-d{seconds:g}s",
            "--latency",
            "-s",
            script.name,
        ]
        said = subprocess.run(
            [*command, address], check=True, text=True, capture_output=True
        ).stdout
    if "Non-2xx" in said or "Socket errors" in said:
        raise SystemExit(f"not every request was answered:\n{said}")
    used = processor_seconds(pids) - used
    requests = int(re.search(r"(\d+) requests in", said)[1])
    found = {"processor us a request": used / requests * 1e6}
    found |= {
        "requests a second": float(re.search(r"Requests/sec:\s+([\d.]+)", said)[1])
    }
    for percent in (50, 99):
        value, unit = re.search(rf"{percent}%\s+([\d.]+)(us|ms|s)", said).groups()
        found[f"p{percent} ms"] = float(value) * UNITS[unit]
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--connections", type=int, default=16)
    chosen = parser.parse_args()
    for needed in ("wrk", "redis-server"):
        if shutil.which(needed) is None:
            raise SystemExit(f"{needed} is missing: apt-get install wrk redis-server")
    results: dict[str, list[dict[str, float]]] = {
        "cachecore": [],
        "Redis": [],
        "floor": [],
    }
    with (
        redis() as (url, server),
        service() as (ours, ours_pid),
        service(POLICY_CACHE_STORE="redis", REDIS_URL=url) as (theirs, theirs_pid),
        service(POLICY_CACHE_STORE="none") as (floor, floor_pid),
    ):
        targets = {
            "cachecore": (ours, [ours_pid]),
            "Redis": (theirs, [theirs_pid, server]),
            "floor": (floor, [floor_pid]),
        }
        for address, pids in targets.values():
            wrk(
                address, 1, chosen.connections, pids
            )  # warms up, and asks for everyone once
        for _ in range(chosen.rounds):
            for name, (address, pids) in targets.items():
                results[name].append(
                    wrk(address, chosen.seconds, chosen.connections, pids)
                )
    medians = {
        name: {key: statistics.median(run[key] for run in runs) for key in runs[0]}
        for name, runs in results.items()
    }
    load = os.getloadavg()[0]
    for name, median in medians.items():
        print(
            f"{name:10}",
            "  ".join(f"{key} {value:.2f}" for key, value in median.items()),
        )
    print(
        f"load average {load:.1f} on {os.cpu_count()} cores, {time.strftime('%Y-%m-%d')}"
    )
    path = ROOT / "build" / "bench" / "services.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(
        json.dumps({"medians": medians, "runs": results, "load": load}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
