"""A backend for dogpile.cache, whose memory backend forgets nothing.

::

    region = make_region().configure(
        "cachecore", expiration_time=300, arguments={"max_entries": 10_000}
    )

dogpile's own expiration works as ever.  ``ttl`` additionally bounds how long the engine keeps a
value that nobody asks for: longer than ``expiration_time``, or a stale value cannot be served while
a new one is made.
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc,no-untyped-call,attr-defined"

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from dogpile.cache import register_backend
from dogpile.cache.api import NO_VALUE, BytesBackend

from ..cache import Cache
from ..durations import NEVER

_DEFAULT_MAX_ENTRIES = 10_000


class CacheCoreBackend(BytesBackend):
    """Arguments: ``cache``, a cachecore.Cache; or ``max_entries``, ``max_bytes``, ``policy``.

    ``ttl``: seconds, or None for as long as there is room.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        cache: Cache[bytes] | None = arguments.get("cache")
        if cache is None:
            max_entries, max_bytes = arguments.get("max_entries"), arguments.get("max_bytes")
            if max_entries is None and max_bytes is None:
                max_entries = _DEFAULT_MAX_ENTRIES
            policy = arguments.get("policy", "lru")
            cache = Cache(max_entries, max_bytes=max_bytes, policy=policy)
        self.cache = cache
        ttl = arguments.get("ttl")
        self._ttl = NEVER if ttl is None else ttl

    def get_serialized(self, key: str) -> Any:
        return self.cache.get(key, NO_VALUE)

    def get_serialized_multi(self, keys: Iterable[str]) -> list[Any]:
        wanted = list(keys)
        found = self.cache.get_many(wanted)
        return [found.get(key, NO_VALUE) for key in wanted]

    def set_serialized(self, key: str, value: bytes) -> None:
        self.cache.set(key, value, self._ttl)

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        self.cache.set_many(mapping, self._ttl)

    def delete(self, key: str) -> None:
        self.cache.delete(key)

    def delete_multi(self, keys: Iterable[str]) -> None:
        self.cache.delete_many(keys)


def register() -> None:
    """For where the package's entry point is not installed."""
    register_backend("cachecore", __name__, CacheCoreBackend.__name__)
