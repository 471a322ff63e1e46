"""Warm a cache once, fork workers: each starts with all of it, and what it changes is its own."""

import os

from cachecore import Cache

cache = Cache(max_entries=10_000)
cache.set_many({f"country:{code}": name for code, name in [("de", b"Germany"), ("fr", b"France")]})

for number in range(3):
    worker = os.fork()
    if worker == 0:
        assert cache["country:de"] == b"Germany"  # from before the fork
        cache.increment("requests served", number)
        cache.sweeper.start()  # threads do not survive a fork, so each worker starts its own
        print(f"worker {number} has {len(cache)} entries", flush=True)
        cache.close()
        os._exit(0)
    assert os.waitpid(worker, 0)[1] == 0

assert len(cache) == 2  # the workers' entries are not here
print(f"the parent has {len(cache)} entries")
cache.close()
