"""Bytes that an entry takes in Python caches, beyond the text of its key and value.

    bench/python/memory.py [ENTRIES]

Each peer fills a fresh process with entries of a new 16-byte str key and a new 64-byte bytes value, as a
program would that has just read them from somewhere.  Memory is the growth of the resident set.  Beside it:
how many objects the garbage collector has to walk over for each entry.
"""

import gc
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from coprocess import environment  # noqa: E402

import peers  # noqa: E402

KEY, VALUE = 16, 64
PEERS: dict[str, Callable[[], peers.Calls]] = {
    "dict": peers.dict_,
    "cachecore Cache": peers.cachecore,
    "cachecore ObjectCache": peers.cachecore_objects,
    "cachebox LRU": peers.cachebox_lru,
    "cachebox VTTL": peers.cachebox_vttl,
    "cachetools LRU": peers.cachetools_lru,
    "cachetools TTL": peers.cachetools_ttl,
    "lru-dict": peers.lru_dict,
    "moka-py": peers.moka,
    "theine": peers.theine,
}


def resident() -> int:
    for line in Path("/proc/self/smaps_rollup").read_text().splitlines():
        if line.startswith("Rss:"):
            return int(line.split()[1]) * 1024
    raise RuntimeError("no Rss")


def measure(name: str, entries: int) -> None:
    peers.CAPACITY = entries
    calls = PEERS[name]()
    assert calls.set is not None
    gc.collect()
    tracked, before = len(gc.get_objects()), resident()
    for number in range(entries):
        calls.set(f"user:{number:011d}", number.to_bytes(VALUE, "little"))
    gc.collect()
    taken = (resident() - before) / entries - KEY - VALUE
    print(json.dumps([taken, (len(gc.get_objects()) - tracked) / entries]))


def main() -> None:
    entries = int(sys.argv[1]) if len(sys.argv) > 1 else 500_000
    if len(sys.argv) > 2:
        return measure(sys.argv[2], entries)
    print(f"{entries} entries of a {KEY}-byte str key and a {VALUE}-byte value\n")
    print("| peer | bytes an entry beyond key and value | objects the collector walks |\n|---|---:|---:|")
    for name in PEERS:
        done = subprocess.run([sys.executable, __file__, str(entries), name], env=environment(),
                              check=True, capture_output=True, text=True)
        taken, tracked = json.loads(done.stdout)
        print(f"| {name} | {taken:.0f} | {tracked:.2f} |", flush=True)


if __name__ == "__main__":
    main()
