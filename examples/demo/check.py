"""Checks what the replays counted against a cache written down independently.

    check.py RECORDING NAME=RESULTS...

Exits with 1 if a count differs anywhere.
"""

import heapq
import sys
from collections import Counter, OrderedDict

from workload import (CAPACITY, LRU, LRU_TTL, TTL_ALLOWED_MS, TTL_ERROR_MS,
                      read_recording)


def reference_lru(recording):
    count, entries = Counter(), OrderedDict()
    for _, key, _ in recording.requests:
        if key in entries:
            count["hits"] += 1
            entries.move_to_end(key)
            continue
        count["misses"] += 1
        if len(entries) == CAPACITY:
            entries.popitem(last=False)
            count["evictions"] += 1
        entries[key] = True
    count["entries"] = len(entries)
    return count


def reference_lru_ttl(recording):
    """An expired entry keeps its place until it is removed.  A full cache removes
    an expired entry if it has one, else the one used longest ago."""
    count, entries, due = Counter(), OrderedDict(), []  # entries: key -> deadline
    for time_us, key, decision in recording.requests:
        now = time_us // 1000
        if entries.get(key, 0) > now:
            count["hits"] += 1
            entries.move_to_end(key)
            continue
        count["misses"] += 1
        if key in entries:
            del entries[key]
            count["expirations"] += 1
        elif len(entries) == CAPACITY:
            while entries.get(due[0][1]) != due[0][0]:
                heapq.heappop(due)  # of an entry that is gone
            if due[0][0] <= now:
                del entries[due[0][1]]
                count["expirations"] += 1
            else:
                entries.popitem(last=False)
                count["evictions"] += 1
        allowed = recording.decisions[decision] == "allowed"
        entries[key] = now + (TTL_ALLOWED_MS if allowed else TTL_ERROR_MS)
        heapq.heappush(due, (entries[key], key))
    count["entries"] = sum(deadline > now for deadline in entries.values())
    count["expirations"] += len(entries) - count["entries"]
    return count


def read_results(path):
    results = {}
    with open(path) as file:
        for line in file:
            name, _, counts = line.rstrip("\n").partition("\t")
            results[name] = {word: int(number) for word, number in
                             (pair.split("=") for pair in counts.split())}
    return results


def main():
    recording = read_recording(sys.argv[1])
    replays = {name: read_results(path) for name, path in
               (argument.split("=", 1) for argument in sys.argv[2:])}
    different = 0
    for name, reference in ((LRU, reference_lru), (LRU_TTL, reference_lru_ttl)):
        expected = reference(recording)
        for replay, results in replays.items():
            for word in ("hits", "misses", "evictions", "expirations", "entries"):
                if results[name][word] != expected[word]:
                    different += 1
                    print(f"DIFFERENT: {name}, {word}: {replay} has "
                          f"{results[name][word]:,}, the reference {expected[word]:,}")
        columns = [("reference", expected)] + [(r, c[name]) for r, c in replays.items()]
        print(f"  {name + ' hits':<22}" + "   ".join(
            f"{column} {counts['hits']:,}" for column, counts in columns))
    if different:
        sys.exit("check: the replays differ from the reference implementation")
    print("  equal, and so are misses, evictions, expirations and what was left")


if __name__ == "__main__":
    main()
