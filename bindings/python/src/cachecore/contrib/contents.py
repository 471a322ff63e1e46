"""What the backends for frameworks have in common: bytes under keys, with a lifetime.

A lifetime is seconds here, NEVER for no end, and zero or less for one that is over: each
framework's own 0 and None are turned into these by its backend, because no two agree.

A backend must not fail its caller for want of room: whoever stores a value has it already.  A value
that cannot be held is logged and not stored, and whatever was there before is gone.  The log names
no key: ``value_too_large`` if this cache could never hold it; ``cache_full`` if it must not evict;
``no_memory`` if the system refused memory.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping
from datetime import timedelta
from typing import Any, Final

from ..cache import Cache
from ..claims import Claim
from ..computing import GetOrSet
from ..durations import KEEP, Kept
from ..errors import CacheCoreError, FullError, NoMemoryError, RefusedError

log = logging.getLogger("cachecore.contrib")

_EVENTS: Final[dict[type[CacheCoreError], str]] = {
    RefusedError: "value_too_large",
    FullError: "cache_full",
    NoMemoryError: "no_memory",
}
_NO_ROOM: Final = tuple(_EVENTS)


def seconds(time: float | timedelta) -> float:
    return time.total_seconds() if isinstance(time, timedelta) else time


class _Load(GetOrSet):
    def unkept(self, error: CacheCoreError) -> None:
        _report(error)


class Contents:
    """Values as bytes in a cache of the engine.  Any method from any thread.

    None of them waits but ``get_or_set``, for who computes the value.
    """

    def __init__(self, engine: Cache[bytes, Any]) -> None:
        self.engine = engine

    def set(self, key: str, content: bytes, lifetime: float) -> bool:
        """Whether it is there now."""
        if lifetime <= 0:
            self.engine.delete(key)
            return False
        error = self._refusal(key, content, lifetime)
        if error:
            _report(error)
        return error is None

    def set_many(self, contents: Mapping[str, bytes], lifetime: float) -> list[str]:
        """The keys for whose values there was no room."""
        if lifetime <= 0:
            self.engine.delete_many(contents)
            return []
        try:
            self.engine.set_many(contents, lifetime)
        except CacheCoreError as error:
            if not error.keys:
                raise
            again = {key: contents[key] for key in contents.keys() & error.keys}
        else:
            return []
        # One by one, because each may have failed for a reason of its own.
        refusals = {key: self._refusal(key, content, lifetime) for key, content in again.items()}
        _report(*filter(None, refusals.values()))
        return [key for key in contents if refusals.get(key)]

    def _refusal(self, key: str, content: bytes, lifetime: float) -> CacheCoreError | None:
        """Stores it; or why there was no room, and then the older one is gone."""
        try:
            self.engine.set(key, content, lifetime)
        except _NO_ROOM as error:
            self.engine.delete(key)
            return error
        return None

    def add(self, key: str, content: bytes, lifetime: float) -> bool:
        """Stores only if nothing is there; whether it was stored, or would have been."""
        if lifetime <= 0:
            return not self.engine.contains(key)
        try:
            return self.engine.add(key, content, lifetime)
        except _NO_ROOM as error:
            _report(error)
            return False

    def get_or_set(self, key: str, compute: Callable[[], bytes], lifetime: float) -> bytes:
        """What is there; else what ``compute`` returns: once for all who ask at the same time."""
        content: bytes | None = self.engine._get_live(key, None)
        if content is not None:
            return content
        if lifetime <= 0:
            return compute()
        content = _Load(self.engine, compute, lifetime).miss(key, (), {})
        return content

    async def get_or_set_async(
        self, key: str, compute: Callable[[], bytes], lifetime: float
    ) -> bytes:
        """The same for a task, which waits for others without a thread."""
        content: bytes | None = self.engine._get_live(key, None)
        if content is not None:
            return content
        if lifetime <= 0:
            return compute()

        async def computed() -> bytes:
            return compute()

        content = await _Load(self.engine, computed, lifetime).miss_async(key, (), {})
        return content

    def compare_and_set(
        self, key: str, content: bytes, version: int, lifetime: float | Kept = KEEP
    ) -> bool:
        """Stores only over the version that ``inspect`` reported; False if that is gone."""
        over = not isinstance(lifetime, Kept) and lifetime <= 0
        try:
            done = self.engine.compare_and_set(key, content, version, KEEP if over else lifetime)
        except _NO_ROOM as error:
            _report(error)
            done = over = True
        if done and over:
            self.engine.delete(key)
        return done

    def fulfill(self, claim: Claim, content: bytes, lifetime: float) -> bool:
        """Stores only if the claim stands; False if it is void."""
        try:
            return claim.fulfill(content, lifetime)
        except _NO_ROOM as error:
            _report(error)
            return True

    def touch(self, key: str, lifetime: float) -> bool:
        """Whether it was there."""
        return self.engine.delete(key) if lifetime <= 0 else self.engine.touch(key, lifetime)


def _report(*errors: CacheCoreError) -> None:
    for event, count in Counter(_EVENTS[type(error)] for error in errors).items():
        log.warning(event, extra={"values": count})
