"""Open a cache, store, read, let something expire, and have a sweeper tidy up."""

import time

from cachecore import NEVER, Cache

# At most 1000 entries, each for five minutes unless it is stored with another lifetime.
with Cache(max_entries=1000, ttl=300) as cache:
    # Keys are str or bytes, values are bytes.
    cache["greeting"] = b"hello"
    cache.set("flash", b"only for a moment", ttl=0.05)
    cache.set("constant", b"3.14159", ttl=NEVER)

    print("greeting:", cache.get("greeting"))
    print("missing: ", cache.get("nothing here", b"a default"))
    print("seconds left:", {key.decode(): cache.ttl(key) for key in sorted(cache)})
    assert cache["greeting"] == b"hello"

    # What has expired is not seen again (the clock is exact to some milliseconds), whether or not
    # anybody has removed it...
    time.sleep(0.08)
    assert "flash" not in cache and len(cache) == 2

    # ...and the sweeper is the one who does: a native thread that you start, and that costs what
    # it removes.
    cache.sweeper.start(interval=60)
    print("swept:", cache.sweeper.trigger())
    print(cache.sweeper.status())

    stats = cache.stats()
    print(f"{stats.hits} hits, {stats.misses} misses, {stats.bytes_used} bytes in use")
    assert stats.expirations == 1 and stats.hit_rate > 0.5

assert cache.closed
