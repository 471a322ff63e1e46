"""tools/region.py prints what a process has in its caches."""

from __future__ import annotations

import re
import subprocess
import sys

from conftest import LIBRARY, REPOSITORY

HOLDER = """
import sys
from cachecore import Cache

cache = Cache(max_bytes=16 << 20, shards=1)  # all in the arena's first run
for number in range(50):
    cache.set(f"key:{number}", b"v" * (number * 100), ttl=60)
for number in range(0, 50, 3):
    cache.delete(f"key:{number}")
cache.set("long", b"x" * 600_000)
print("ready", flush=True)
sys.stdin.read()
"""


def region(*arguments: str) -> str:
    tool = REPOSITORY / "tools" / "region.py"
    done = subprocess.run([sys.executable, tool, *arguments], check=True, capture_output=True, text=True)
    return done.stdout


def test_it_prints_counters_and_entries() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"CACHECORE_LIBRARY": LIBRARY, "PYTHONPATH": ":".join(sys.path)},
    ) as holder:
        assert holder.stdin is not None and holder.stdout is not None
        assert holder.stdout.readline() == "ready\n"
        whole, entries = region(str(holder.pid)), region(str(holder.pid), "--entries", "0")
        holder.stdin.close()
    assert re.search(r"^ +inserts +51$", whole, re.MULTILINE)
    assert re.search(r"^ +deletes +17$", whole, re.MULTILINE)
    found = dict(re.findall(r"value (\d+) B  key b'(.*)'", entries))
    assert sorted(found.values()) == sorted(["long", *(f"key:{n}" for n in range(50) if n % 3)])
    assert found["600000"] == "long" and found["4900"] == "key:49"
