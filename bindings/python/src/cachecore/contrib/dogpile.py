"""A backend for dogpile.cache, whose memory backend forgets nothing.

::

    region = make_region().configure(
        "cachecore", expiration_time=300, arguments={"max_entries": 10_000}
    )

dogpile's own expiration works as ever.  ``ttl`` additionally bounds how long the engine keeps a
value: make it longer than ``expiration_time``, or a stale value cannot be served while a new one is
made.

``get_or_create`` and ``cache_on_arguments`` stand on the engine's claims: one creates a value for all regions
that share a cache.  What was deleted or set while it was created is not stored.
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc,no-untyped-call,attr-defined"

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from .extras import needs

needs("dogpile", "dogpile.cache")

from dogpile.cache import register_backend
from dogpile.cache.api import NO_VALUE, BytesBackend, CacheMutex

from ..cache import Cache
from ..claims import Claim
from ..durations import NEVER
from .contents import Contents, seconds

_DEFAULT_MAX_ENTRIES = 10_000
_LONG = 10_000  # characters


class _Creation(CacheMutex):
    """The claim to create the value of a key; the same object for all threads of a region.

    It is under a name of its own, as a value that has expired for dogpile is there for the engine.
    """

    def __init__(self, backend: CacheCoreBackend, key: str) -> None:
        self._backend, self._key = backend, key

    def acquire(self, wait: bool = True) -> bool:
        while True:
            claim = self._backend.cache.get_or_claim(_creation(self._key), claim_ttl=NEVER).claim
            if claim.held:
                self._backend.creations[self._key] = (threading.get_ident(), claim)
                return True
            if not wait:
                return False
            claim.wait()

    def release(self) -> None:
        _, claim = self._backend.creations.pop(self._key)
        claim.abandon()

    def locked(self) -> bool:
        return self._key in self._backend.creations


def _creation(key: str) -> str:
    """The name of the claim; never longer than a key may be."""
    if len(key) > _LONG:
        key = hashlib.blake2b(key.encode(), digest_size=16).hexdigest()
    return f"\0creation:{key}"


class CacheCoreBackend(BytesBackend):
    """Arguments: ``cache``, a cachecore.Cache; or its ``max_entries``, ``max_bytes``, ``policy`` and
    ``shared``.

    ``ttl``: seconds; None or 0, as in dogpile's other backends, for as long as there is room.

    A value that is larger than the cache can hold is given to who made it, not stored, and logged.
    """

    def __init__(self, arguments: Mapping[str, Any]) -> None:
        cache: Cache[bytes, Any] | None = arguments.get("cache")
        if cache is None:
            max_entries, max_bytes = arguments.get("max_entries"), arguments.get("max_bytes")
            if max_entries is None and max_bytes is None:
                max_entries = _DEFAULT_MAX_ENTRIES
            policy = arguments.get("policy", "lru")
            cache = Cache(
                max_entries, max_bytes=max_bytes, policy=policy, shared=arguments.get("shared")
            )
        self.cache = cache
        #: The thread that creates the value of a key, and its claim.
        self.creations: dict[str, tuple[int, Claim]] = {}
        self._contents = Contents(cache)
        self._ttl = seconds(arguments.get("ttl") or NEVER)
        if not self._ttl > 0:
            raise ValueError("ttl must be greater than 0; or 0 or None, for no end")

    def get_mutex(self, key: str) -> CacheMutex:
        return _Creation(self, key)

    def get_serialized(self, key: str) -> Any:
        return self.cache.get(key, NO_VALUE)

    def get_serialized_multi(self, keys: Iterable[str]) -> list[Any]:
        wanted = list(keys)
        found = self.cache.get_many(wanted)
        return [found.get(key, NO_VALUE) for key in wanted]

    def set_serialized(self, key: str, value: bytes) -> None:
        self.set_serialized_multi({key: value})

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        """A value that this thread has created is not kept if its claim is void."""
        here = threading.get_ident()
        created = {key: claim for key in mapping if (claim := self._claim(key, here)) is not None}
        self.cache.delete_many([_creation(key) for key in mapping if key not in created])
        void = {key for key, claim in created.items() if not claim.stands}
        self._contents.set_many(
            {key: value for key, value in mapping.items() if key not in void}, self._ttl
        )
        # Who voids a claim deletes the value afterwards: either he finds it, or we find out.
        self.cache.delete_many(
            [key for key, claim in created.items() if key not in void and not claim.stands]
        )

    def _claim(self, key: str, thread: int) -> Claim | None:
        creator, claim = self.creations.get(key, (None, None))
        return claim if creator == thread else None

    def delete(self, key: str) -> None:
        self.delete_multi([key])

    def delete_multi(self, keys: Iterable[str]) -> None:
        gone = list(keys)
        self.cache.delete_many([_creation(key) for key in gone])
        self.cache.delete_many(gone)


def register() -> None:
    """For where the package's entry point is not installed."""
    register_backend("cachecore", __name__, CacheCoreBackend.__name__)
