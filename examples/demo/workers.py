"""Four processes share a cache, and are killed with -9 while they write: what was there is there.

    workers.py [SECONDS]

A worker writes as fast as it can, always the same few keys, and notes after each write that it has
returned.  The values are their key and a number, so that a wrong or torn one is told at once.  The
parent kills one worker after another, until some have died in the middle of changing the cache, and looks
after every death whether what was written before is there.
"""

import mmap
import os
import random
import signal
import struct
import sys
import time

if not os.environ.get("PYTHONPATH"):  # by hand: the package's sources, beside us
    ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.insert(0, os.path.join(ROOT, "bindings", "python", "src"))

from cachecore import Cache  # noqa: E402

WORKERS = 4
SETTLED = 20_000   # entries that are there before, and are only read
KEYS = 100         # that each worker writes, again and again
SECONDS = 4        # to kill in, at most
IN_THE_MIDDLE = 3  # deaths that left something to be put right, after which it is enough
NOTE = struct.Struct("dd")  # the number of the last write, and the longest that one took


def fail(message):
    sys.exit(f"\nworkers.py: {message}")


def value_of(worker, number):
    """A few kilobytes, to be copied while others wait."""
    return f"{worker} {number} ".encode() * 400


def work(cache, worker, notes):
    """Writes until it is killed."""
    clock = time.perf_counter
    number, longest = NOTE.unpack_from(notes, worker * NOTE.size)
    number = int(number)
    while True:
        number += 1
        value = value_of(worker, number)
        before = clock()
        cache.set(f"worker {worker}: {number % KEYS}", value)
        longest = max(longest, clock() - before)
        NOTE.pack_into(notes, worker * NOTE.size, number, longest)


def start(cache, worker, notes):
    child = os.fork()
    if child == 0:
        try:
            work(cache, worker, notes)
        finally:
            os._exit(1)
    return child


def noted(notes, worker):
    number, longest = NOTE.unpack_from(notes, worker * NOTE.size)
    return int(number), longest


def longest_wait(notes):
    return max(noted(notes, worker)[1] for worker in range(WORKERS))


def forget_waits(notes):
    for worker in range(WORKERS):
        NOTE.pack_into(notes, worker * NOTE.size, noted(notes, worker)[0], 0.0)


def check_settled(cache):
    """How many of the entries that nobody writes are there, and right."""
    return sum(cache.peek(f"settled {number}") == b"%d" % number for number in range(SETTLED))


def check_last_writes(cache, notes, worker):
    """How many of its last writes are lost after a worker's death: all that returned, one a key.

    The one that it was in the middle of is to the key that comes next.
    """
    last, _ = noted(notes, worker)
    writes = range(max(1, last - KEYS + 2), last + 1)
    return sum(cache.peek(f"worker {worker}: {number % KEYS}") != value_of(worker, number) for number in writes)


def main():
    seconds = float(sys.argv[1]) if sys.argv[1:] else SECONDS
    place = f"/dev/shm/cachecore-demo-{os.getpid()}"
    notes = mmap.mmap(-1, WORKERS * NOTE.size)
    workers = []
    cache = Cache(max_bytes=32 << 20, shared=place)
    try:
        cache.set_many({f"settled {number}": b"%d" % number for number in range(SETTLED)})
        before = check_settled(cache)
        workers = [start(cache, worker, notes) for worker in range(WORKERS)]
        while min(noted(notes, worker)[0] for worker in range(WORKERS)) < 2 * KEYS:
            time.sleep(0.01)
        processes = cache.shared_info().processes
        forget_waits(notes)
        time.sleep(0.5)
        calm = longest_wait(notes)
        forget_waits(notes)

        kills = lost = 0
        end = time.monotonic() + seconds
        while time.monotonic() < end and cache.shared_info().recoveries < IN_THE_MIDDLE or kills < WORKERS:
            time.sleep(random.uniform(0.01, 0.05))
            worker = kills % WORKERS
            os.kill(workers[worker], signal.SIGKILL)
            os.waitpid(workers[worker], 0)
            kills += 1
            lost += check_last_writes(cache, notes, worker)
            workers[worker] = start(cache, worker, notes)
        waited = longest_wait(notes)
        info, stats = cache.shared_info(), cache.stats()
        after = check_settled(cache)
        writes = sum(noted(notes, worker)[0] for worker in range(WORKERS))
    finally:
        for child in workers:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
        cache.close()
        os.unlink(place)

    for title, value in (
        ("processes that share the cache", processes),
        ("workers killed with -9", kills),
        ("shards put right after a death", info.recoveries),
        ("entries that this cost", info.entries_lost),
        ("entries before the kills", before),
        ("of these there after them", after),
        ("writes that returned", writes),
        ("of the last of these lost", lost),
        ("entries evicted meanwhile", stats.evictions),
    ):
        print(f"  {title:<34}{value:>12,}")
    print(f"  {'longest wait of a write, ms':<34}{1e3 * waited:>12.1f}   ({1e3 * calm:.1f} before the kills,"
          f" with {WORKERS} writers on {os.cpu_count()} cores)")
    if before != SETTLED or after != before or lost or stats.evictions:
        fail("something is lost")


if __name__ == "__main__":
    main()
