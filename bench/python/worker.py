"""Measures one Python peer, a round at a time.

    worker.py PEER

fills the cache, says so in a line of JSON, and answers each line "WORKLOAD MS" that it reads with a
line of JSON.  The workloads: get-hit (Zipf 0.99), get-miss, set (overwrite), insert (and evict),
get-many (100 keys).
"""

import bisect
import itertools
import json
import random
import sys
import time
from collections.abc import Callable

from peers import CAPACITY, PEERS, Calls

VALUE = b"v" * 128
BATCH = 100
LENGTH = 20_000  # of a round's key list


def name(number: int) -> str:
    return f"user:{number:011d}"


def skewed(generator: random.Random) -> list[int]:
    """Zipf with exponent 0.99 over the ids in the cache; the frequent ones are strewn over them."""
    weights = list(itertools.accumulate((rank + 1) ** -0.99 for rank in range(CAPACITY)))
    ids = list(range(CAPACITY))
    generator.shuffle(ids)
    return [ids[bisect.bisect_left(weights, generator.random() * weights[-1])] for _ in range(LENGTH)]


class Worker:
    def __init__(self, calls: Calls) -> None:
        self.calls = calls
        self.fresh = itertools.count(10 * CAPACITY)
        hits = [self._key(number) for number in skewed(random.Random(1))]
        misses = [self._key(number) for number in random.Random(2).choices(range(2 * CAPACITY, 3 * CAPACITY), k=LENGTH)]
        batches = [hits[i : i + BATCH] for i in range(0, LENGTH, BATCH)]
        self.lists = {"get-hit": hits, "set": hits, "get-miss": misses, "get-many": batches}
        for number in range(CAPACITY):
            if calls.set is not None:
                calls.set(self._key(number), VALUE)
            elif calls.get is not None:
                calls.get(self._key(number))

    def _key(self, number: int) -> str | bytes:
        return name(number).encode() if self.calls.keys_are_bytes else name(number)

    def pass_once(
        self, workload: str, count: int, first: int = 0, clock_ns: Callable[[], int] = time.perf_counter_ns
    ) -> float:
        """Seconds for `count` keys of the list, by that clock."""
        calls, get, set_ = self.calls, self.calls.get, self.calls.set
        if workload == "insert":
            keys = [self._key(next(self.fresh)) for _ in range(count)]
        else:
            keys = self.lists[workload][first : first + count]
        if workload in ("get-hit", "get-miss") or (workload == "insert" and set_ is None):
            start = clock_ns()
            for key in keys:
                get(key)
        elif workload in ("set", "insert"):
            start = clock_ns()
            for key in keys:
                set_(key, VALUE)
        else:
            get_many = calls.get_many
            start = clock_ns()
            for keys_of_one in keys:
                get_many(keys_of_one)
        return (clock_ns() - start) / 1e9

    def supports(self, workload: str) -> bool:
        match workload:
            case "insert":
                return self.calls.is_bounded
            case "get-many":
                return self.calls.get_many is not None
            case "set" | "get-miss":
                return self.calls.set is not None
        return True

    def run(self, workload: str, seconds: float) -> dict:
        if not self.supports(workload):
            return {}
        each = BATCH if workload == "get-many" else 1
        count, took, done = 10, 0.0, 0
        while took < seconds:  # the first passes find out how long a pass may be
            span = self.pass_once(workload, count)
            if count >= LENGTH // each or span > seconds / 10:
                took, done = took + span, done + count * each
            else:
                count = min(count * 4, LENGTH // each)
        return {"operations": done, "ns_per_op": took * 1e9 / done}


def main() -> None:
    worker = Worker(PEERS[sys.argv[1]]())
    print(json.dumps({"peer": sys.argv[1]}), flush=True)
    for line in sys.stdin:
        workload, milliseconds = line.split()
        print(json.dumps(worker.run(workload, float(milliseconds) / 1e3)), flush=True)


if __name__ == "__main__":
    main()
