"""Replays a recording of file-access decisions through cachecore, from Python.

The same three passes as replay.c, which says what they are for.

    replay.py RECORDING RESULTS
"""

import os
import sys
import time
from array import array

from workload import (CAPACITY, LRU, LRU_TTL, PASSES, REAL_TIME, ROUNDING_MS, SPEED,
                      TTL_ALLOWED_MS, TTL_ERROR_MS, read_recording)

if not os.environ.get("PYTHONPATH"):  # by hand: the package's sources, beside us
    ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    sys.path.insert(0, os.path.join(ROOT, "bindings", "python", "src"))

import cachecore  # noqa: E402
from cachecore import NEVER, Cache  # noqa: E402

CLOCK_MONOTONIC_COARSE = 6  # Linux; `time` has no name for it


def fail(message):
    sys.exit(f"\nreplay.py: {message}")


def resident_bytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGESIZE")


def timer_overhead_ns():
    clock = time.perf_counter_ns
    return sorted(-(clock() - clock()) for _ in range(10_001))[5_000]


def show_progress(name, done, total):
    if sys.stdout.isatty():
        bar = "#" * (30 * done // total)
        print(f"\r  Python  {name:<10} [{bar:<30}] {100 * done // total:3}%",
              end="\n" if done == total else "", flush=True)
    elif done == total:
        print(f"  Python  {name:<10} {total} requests", flush=True)


def replay(recording, name):
    """Returns what one pass counted and measured, by the title of its row."""
    keys, decisions, requests = recording.keys, recording.decisions, recording.requests
    answers = [decision.encode() for decision in decisions]
    real_time, by_hand = name == REAL_TIME, name == LRU_TTL
    speed = SPEED if real_time else 1
    lifetimes = [NEVER if name == LRU else ms / speed / 1000 for ms in
                 (TTL_ALLOWED_MS if d == "allowed" else TTL_ERROR_MS for d in decisions)]
    late = ROUNDING_MS / 1000 if real_time else 0

    stored = [None] * len(keys)       # for each key: the value last stored,
    deadline = [NEVER] * len(keys)    # and when it is due
    latency = array("Q", bytes(8 * len(requests)))
    hits = outdated = clock_ms = 0
    step = len(requests) // 100 + 1
    clock_ns, monotonic = time.perf_counter_ns, time.monotonic

    resident = resident_bytes()
    # One shard has one exact order of use, as the reference has.
    cache = Cache(max_entries=CAPACITY, shards=1, manual_clock=by_hand)
    if real_time:
        cache.sweeper.start()
    start = now = monotonic()
    for number, (time_us, key, decision) in enumerate(requests):
        if real_time:
            due, ahead = start + time_us / 1e6 / speed, monotonic() + 0.0001
            if due > ahead:
                time.sleep(due - ahead)
            now = time.clock_gettime(CLOCK_MONOTONIC_COARSE)
        elif by_hand and time_us // 1000 > clock_ms:
            cache.advance_clock((time_us // 1000 - clock_ms) / 1000)
            clock_ms = time_us // 1000

        before = clock_ns()
        value = cache.get(keys[key])
        latency[number] = clock_ns() - before

        if by_hand:
            now = clock_ms
        if value is None:
            # A value is the request that stored it, and then the decision.
            stored[key] = value = number.to_bytes(4, "little") + answers[decision]
            cache.set(keys[key], value, ttl=lifetimes[decision])
            if by_hand:
                deadline[key] = now + round(lifetimes[decision] * 1000)
            elif real_time:
                deadline[key] = monotonic() + lifetimes[decision]
        else:
            if value != stored[key]:
                fail(f"{name}, request {number}: a hit on {keys[key]} is {value}, "
                     f"stored was {stored[key]}")
            if now >= deadline[key] + late:
                fail(f"{name}, request {number}: a hit on {keys[key]}, due at "
                     f"{deadline[key]}, now {now}")
            hits += 1
            outdated += value[4:] != answers[decision]
        if (number + 1) % step == 0 or number + 1 == len(requests):
            show_progress(name, number + 1, len(requests))

    growth = max(0, resident_bytes() - resident)
    stats = cache.stats()
    bytes_used = stats.bytes_used
    sweeper = None
    if by_hand:
        cache.cleanup_expired()
        stats = cache.stats()
    if real_time:  # the rest is due soon: leave it to the sweeper
        end = monotonic() + 2 * TTL_ALLOWED_MS / 1000 / speed
        while True:
            time.sleep(0.02)
            stats, sweeper = cache.stats(), cache.sweeper.status()
            if not stats.entries and not sweeper.backlog:
                break
            if monotonic() > end:
                fail(f"the sweeper left {stats.entries} live and "
                     f"{sweeper.backlog} expired entries")
        if not sweeper.healthy or sweeper.errors:
            fail(f"the sweeper is not healthy, or had {sweeper.errors} errors")
        cache.sweeper.stop()
    if (stats.hits, stats.misses) != (hits, len(requests) - hits):
        fail(f"{name}: the cache counted {stats.hits} hits and {stats.misses} misses, "
             f"there were {hits} hits in {len(requests)} requests")
    cache.close()

    latency = sorted(latency)
    return {
        "requests": len(requests), "hits": hits, "misses": stats.misses,
        "evictions": stats.evictions, "expirations": stats.expirations,
        "hit ratio": f"{hits / len(requests):.2%}", "outdated hits": outdated,
        **{f"get p{p}, ns": latency[len(latency) * p // 100] for p in (50, 95, 99)},
        "cache memory, bytes": bytes_used, "resident growth, bytes": growth,
    }, stats.entries, sweeper


def main():
    recording = read_recording(sys.argv[1])
    passes = [replay(recording, name) for name in PASSES]

    print(f"\n  {'Python':<22}" + "".join(f"{name:>14}" for name in PASSES))
    for title in passes[0][0]:
        cells = [rows[title] for rows, _, _ in passes]
        print(f"  {title:<22}" + "".join(
            f"{cell if isinstance(cell, str) else format(cell, ','):>14}" for cell in cells))
    sweeper = passes[-1][2]
    path = "compiled" if cachecore.compiled else "ctypes"
    print(f"  by the {path} path; of each get time, about {timer_overhead_ns()} ns are the timer's\n"
          f"  sweeper: {sweeper.sweeps_run:,} sweeps removed "
          f"{sweeper.entries_removed:,} of {passes[-1][0]['expirations']:,} expired "
          f"entries; the last took {sweeper.last_duration * 1e6:.1f} us,\n"
          f"  the longest slice {sweeper.max_slice * 1e6:.1f} us; automatic interval, "
          f"{sweeper.interval * 1000:.0f} ms at the end")

    with open(sys.argv[2], "w") as file:
        for name, (rows, entries, _) in zip(PASSES, passes):
            counts = {word: rows[word] for word in
                      ("hits", "misses", "evictions", "expirations")}
            counts["entries"] = entries
            file.write(name + "\t" + " ".join(f"{w}={n}" for w, n in counts.items()) + "\n")


if __name__ == "__main__":
    main()
