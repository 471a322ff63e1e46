"""Decisions in the memory of this process.

The engine never waits for anything, so that its calls are made on the event loop: handing one to a
thread would take fifty times longer than the call.  Only what walks the whole cache (a selective
invalidation, a sweep) is handed over.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from contextlib import suppress
from hashlib import sha256
from typing import TYPE_CHECKING, Final

import cachecore

from .keys import KEY_PREFIX, Selection, glob_expression, glob_prefix
from .store import Found, Unavailable

if TYPE_CHECKING:
    from cachecore import Cache, Sweeper

_DELETED_AT_ONCE: Final = 1024
_KEY_SIZE_MAX: Final = 65_535  # of the engine, in bytes


def is_cachecore_available() -> bool:
    """Whether the engine's library can be loaded."""
    try:
        cachecore.Cache
    except ImportError:
        return False
    return True


def open_native_store(max_size: int, ttl_seconds: float) -> NativeStore:
    """RuntimeError, with the reason, if the library cannot be loaded."""
    try:
        make = cachecore.Cache
    except ImportError as error:
        raise RuntimeError(f"cachecore is not available: {error}") from error
    return NativeStore(make(max_size, ttl=ttl_seconds))


class NativeStore:
    """A cache of the engine; any method from any thread and loop.

    The engine's claims say who evaluates, and whether that may be stored.  They are no entries, so that a scan
    does not see what is being evaluated: an invalidation deletes that by name.  Where processes share the cache
    none knows what the others evaluate, and all with the prefix goes.
    """

    implementation = "cachecore"

    def __init__(self, cache: Cache[bytes]) -> None:
        self.cache = cache
        self.get_now: Callable[[str], bytes | None] = cache.get
        self._is_shared = _is_shared(cache)
        self._evaluating: dict[object, str] = {}

    def may_have(self, key: str) -> bool:
        return self.cache.contains(key)

    async def get(self, key: str) -> bytes | None:
        return self.get_now(key)

    async def get_or_evaluate(
        self,
        key: str,
        evaluate: Callable[[], Awaitable[bytes]],
        ttl: float,
        kept: Callable[[Exception | None], None],
    ) -> bytes:
        asked = object()
        self._evaluating[asked] = key
        try:
            return await self.cache.get_or_set_async(key, evaluate, ttl)
        except cachecore.CacheCoreError as error:
            raise Unavailable(str(error)) from error
        finally:
            del self._evaluating[asked]

    async def find(self, key: str) -> Found | None:
        cache = self.cache
        text = cache.get(key)
        # An entry replaced between the two calls is one with a younger age: not stale.
        info = None if text is None else cache.inspect(key)
        if text is None or info is None:
            return None
        return Found(text, info.ttl, info.ttl + info.age, info.version)

    async def set(self, key: str, text: bytes, ttl: float) -> None:
        self.cache.set(key, text, ttl)

    async def begin_renewal(self, key: str, found: Found) -> Callable[[], object] | None:
        """By a claim on a name of its own, as there is none on a key whose value is fresh."""
        claim = self.cache.get_or_claim(f"policy:renewal:{sha256(key.encode()).hexdigest()}").claim

        def end() -> None:
            with suppress(cachecore.CacheCoreError):
                claim.abandon()

        if not claim.held:
            return None
        info = self.cache.inspect(key)
        if info is None or info.version != found.version:  # others were faster
            end()
            return None
        return end

    async def renew(self, key: str, text: bytes, ttl: float, found: Found) -> bool:
        assert found.version is not None
        return self.cache.compare_and_set(key, text, found.version, ttl)

    async def delete(self, key: str) -> bool:
        return self.cache.delete(key)

    async def get_many(self, keys: Iterable[str]) -> list[bytes | None]:
        wanted = list(keys)
        found = self.cache.get_many(wanted)
        return [found.get(key) for key in wanted]

    async def set_many(self, texts: Mapping[str, bytes], ttl: float) -> int:
        try:
            self.cache.set_many(texts, ttl)
        except cachecore.CacheCoreError as error:
            if not error.keys:
                raise
            return len(texts) - len(error.keys)
        return len(texts)

    async def invalidate(self, selection: Selection) -> int:
        return await asyncio.to_thread(self._invalidate, selection.prefix, selection.matches)

    async def invalidate_pattern(self, pattern: str) -> int:
        matches = glob_expression(pattern).fullmatch
        return await asyncio.to_thread(self._invalidate, glob_prefix(pattern), matches)

    def _invalidate(self, prefix: str, matches: Callable[[str], object] | None) -> int:
        if len(prefix.encode()) > _KEY_SIZE_MAX:
            return 0  # such a key could not be kept
        evaluating = set(list(self._evaluating.values()))
        wanted = {
            key for key in evaluating if key.startswith(prefix) and (not matches or matches(key))
        }
        # What has a prefix is deleted together with every claim on a key that begins much like it.
        if self._is_shared or (matches is None and wanted == evaluating):
            return self.cache.delete_prefix(prefix or f"{KEY_PREFIX}:")
        removed, doomed = self.cache.delete_many(wanted), []
        for key in self.cache.scan(prefix):
            if matches is None or matches(key.decode(errors="surrogateescape")):
                doomed.append(key)
            if len(doomed) == _DELETED_AT_ONCE:
                removed += self.cache.delete_many(doomed)
                doomed = []
        return removed + self.cache.delete_many(doomed)

    async def size(self) -> int:
        return self.cache.count()

    async def cleanup_expired(self) -> int:
        return await asyncio.to_thread(self.cache.cleanup_expired)

    async def ping(self) -> None:
        self.cache.contains(KEY_PREFIX)  # a lookup that is in no statistics

    async def close(self) -> None:
        self.cache.close()

    @property
    def evictions(self) -> int:
        return self.cache.stats().evictions

    @property
    def sweeper(self) -> Sweeper:
        return self.cache.sweeper


def _is_shared(cache: Cache[bytes]) -> bool:
    try:
        cache.shared_info()
    except (cachecore.ClosedError, cachecore.StateError):
        return False
    return True
