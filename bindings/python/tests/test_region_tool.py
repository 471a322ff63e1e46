"""tools/region.py prints what a process has in its caches, and what a shared cache's file has."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

from conftest import LIBRARY, REPOSITORY

HOLDER = """
import sys
from cachecore import Cache

place = sys.argv[1] if sys.argv[1:] else None
cache = Cache(max_bytes=16 << 20, shards=1, shared=place)  # all in the arena's first run
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


def holder(*arguments: str) -> subprocess.Popen[str]:
    made = subprocess.Popen(
        [sys.executable, "-c", HOLDER, *arguments],
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        env={"CACHECORE_LIBRARY": LIBRARY, "PYTHONPATH": ":".join(sys.path)},
    )  # fmt: skip
    assert made.stdout is not None and made.stdout.readline() == "ready\n"
    return made


def test_it_prints_counters_and_entries() -> None:
    with holder() as process:
        whole, entries = region(str(process.pid)), region(str(process.pid), "--entries", "0")
        process.communicate()
    check(whole, entries)


def test_it_prints_a_shared_cache_from_memory_and_from_its_file() -> None:
    path = Path(f"/dev/shm/cachecore-pytest-region-{os.getpid()}")
    try:
        with holder(str(path)) as process:
            whole, entries = region(str(process.pid)), region(str(process.pid), "--entries", "0")
            assert f"shared: {path}" in whole
            check(whole, entries)
            check(region(str(path)), region(str(path), "--entries", "0"))
            process.communicate()
        check(region(str(path)), region(str(path), "--entries", "0"))  # after its last process
    finally:
        path.unlink(missing_ok=True)


def test_a_file_that_is_no_cache() -> None:
    assert region("/dev/null") == ""


def check(whole: str, entries: str) -> None:
    assert re.search(r"^ +inserts +51$", whole, re.MULTILINE)
    assert re.search(r"^ +deletes +17$", whole, re.MULTILINE)
    found = dict(re.findall(r"value (\d+) B  key b'(.*)'", entries))
    assert sorted(found.values()) == sorted(["long", *(f"key:{n}" for n in range(50) if n % 3)])
    assert found["600000"] == "long" and found["4900"] == "key:49"
