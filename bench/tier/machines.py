"""How soon a withdrawal is known everywhere: two machines, four FastAPI workers each.

    machines.py [--withdrawals 300]

The machines are network namespaces with a wire each to the server's; needs root.  The four workers of one
share a local cache.  Another client withdraws one permission after the other by a SET; each worker looks at
its tier every half millisecond and writes down when it saw which.  The time is from before the SET to the
last of the eight workers, all by one clock.
"""

from __future__ import annotations

import argparse
import contextlib
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import redis
from load import application
from server import server

WORKERS = 4


def ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], check=True)


@contextlib.contextmanager
def machine(number: int) -> Iterator[tuple[list[str], str]]:
    """What runs a command there, and the address that it has the host under."""
    name, near, far = f"cachecore{number}", f"ccnear{number}", f"ccfar{number}"
    ip("netns", "add", name)
    try:
        ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", name)
        ip("addr", "add", f"10.213.{number}.1/24", "dev", near)
        ip("link", "set", near, "up")
        ip("-n", name, "addr", "add", f"10.213.{number}.2/24", "dev", far)
        ip("-n", name, "link", "set", far, "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield ["ip", "netns", "exec", name], f"10.213.{number}.1"
    finally:
        ip("netns", "del", name)


def seen(folder: str) -> list[dict[int, float]]:
    """For each worker, when it saw which."""
    logs = [path.read_text().splitlines() for path in Path(folder).glob("seen*")]
    return [{int(line.split()[0]): float(line.split()[1]) for line in log} for log in logs]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--withdrawals", type=int, default=300)
    given = parser.parse_args()
    withdrawn: list[float] = []
    with contextlib.ExitStack() as stack:
        port = stack.enter_context(server("0.0.0.0"))
        folder = stack.enter_context(tempfile.TemporaryDirectory(dir="/dev/shm"))
        for number in (1, 2):
            run, host = stack.enter_context(machine(number))
            environment = {"MODE": "tier", "HOST": host, "PORT": str(port), "PLACE": f"{folder}/cache{number}",
                           "WATCH": f"{folder}/seen{number}"}  # fmt: skip
            stack.enter_context(application(run, "127.0.0.1", **environment))
        with redis.Redis(port=port) as client:
            trackers = 0
            while len(list(Path(folder).glob("seen*"))) < 2 * WORKERS or trackers < 2:
                time.sleep(0.1)
                trackers = sum("t" in one["flags"] for one in client.client_list())
            time.sleep(1)
            for number in range(given.withdrawals):
                withdrawn.append(time.monotonic())
                client.set(f"item:permission:{number}", b"withdrawn", ex=3600)
                time.sleep(0.02)
        time.sleep(1)
        workers = seen(folder)
    assert len(workers) == 2 * WORKERS
    missing = [number for number in range(given.withdrawals) if any(number not in worker for worker in workers)]
    assert not missing, f"never seen by some worker: {missing[:10]}"
    took = sorted(max(worker[number] for worker in workers) - begun for number, begun in enumerate(withdrawn))
    first = sorted(min(worker[number] for worker in workers) - begun for number, begun in enumerate(withdrawn))
    for name, times in (("the first worker", first), ("all eight", took)):
        p50, p99 = times[len(times) // 2], times[int(len(times) * 0.99)]
        print(f"{name:18} p50 {p50 * 1e3:6.2f} ms  p99 {p99 * 1e3:6.2f} ms  most {times[-1] * 1e3:6.2f} ms")


if __name__ == "__main__":
    main()
