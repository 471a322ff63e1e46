"""What callers get wrong, and what they are told; the same on both paths."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import pytest

from cachecore import Cache, ObjectCache

WRONG: dict[str, tuple[type[Exception], str, Callable[[Any, Any], object]]] = {
    "no bound": (ValueError, "give max_entries or max_bytes", lambda c, o: Cache()),
    "bytes": (ValueError, "max_bytes must be at least 65536", lambda c, o: Cache(max_bytes=1)),
    "shards": (ValueError, "shards must be between 0 and 256", lambda c, o: Cache(1, shards=257)),
    "serializer": (TypeError, "has the functions dumps", lambda c, o: Cache(1, serializer=3)),
    "resize to nothing": (ValueError, "needs a bound", lambda c, o: c.resize()),
    "resize bytes": (ValueError, "at least 65536", lambda c, o: c.resize(max_bytes=3)),
    "increment": (TypeError, "float", lambda c, o: c.increment("n", 1.5)),
    "initial": (TypeError, "str", lambda c, o: c.increment("n", 1, initial="1")),
    "pairs": (TypeError, "must be a mapping, not 'list'", lambda c, o: c.set_many([("a", b"")])),
    "keys of a batch": (
        ValueError,
        "1 of 2 keys do not have 1 to 65535 bytes",
        lambda c, o: c.get_many(["", "k"]),
    ),
    "key by name": (TypeError, "keyword", lambda c, o: c.delete(key="k")),
    "keys by name": (TypeError, "keyword", lambda c, o: c.get_many(keys=["k"])),
    "object's key by name": (TypeError, "keyword", lambda c, o: o.delete(key="k")),
    "negative weight": (ValueError, "a weight must be between 0", lambda c, o: o.set(1, 1, weight=-1)),
    "weight": (TypeError, "int", lambda c, o: o.set(1, 1, weight="x")),
    "ttl": (TypeError, "seconds or a timedelta, not 'str'", lambda c, o: o.set(1, 1, ttl="1")),
}


@pytest.mark.parametrize("name", WRONG)
def test_wrong(name: str) -> None:
    kind, message, call = WRONG[name]
    with Cache(10) as cache, ObjectCache[Any, Any](10) as objects:
        cache["k"] = b"v"
        objects["k"] = 1
        with pytest.raises(kind, match=re.escape(message)):
            call(cache, objects)
        assert dict(cache) == {b"k": b"v"} and dict(objects) == {"k": 1}  # nothing has changed
        assert objects.weight == 1


@pytest.mark.parametrize("ttl", [10**400, 1e300, 1e18, 10**18])
def test_a_very_long_time_is_a_time(ttl: float) -> None:
    with Cache(10, ttl=ttl) as cache:
        cache.set("k", b"v", ttl)
        assert cache["k"] == b"v" and cache.ttl("k") > 10**9
