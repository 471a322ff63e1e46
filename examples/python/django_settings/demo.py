"""Uses the caches of settings.py: ``python examples/python/django_settings/demo.py``."""

import asyncio
import os

import django
from django.core.cache import cache, caches

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
django.setup()

cache.set("greeting", {"text": "hello"}, timeout=60)
cache.set("visits", 41)
print(cache.get("greeting"), cache.incr("visits"), "visits")

caches["fragments"].set("greeting", "<p>hello</p>")
assert cache.get("greeting") == {"text": "hello"}  # another key


async def view() -> dict:
    # No thread is needed: the engine never waits.
    await cache.aset_many({"a": 1, "b": 2})
    return await cache.aget_many(["a", "b", "c"])


print(asyncio.run(view()))

# The cache behind the backend: statistics, the sweeper, ...
engine = cache.engine
engine.sweeper.start(interval=60)
print("swept", engine.sweeper.trigger(), "-", engine.stats().entries, "entries")
assert engine is caches["fragments"].engine and engine.stats().entries == 5
