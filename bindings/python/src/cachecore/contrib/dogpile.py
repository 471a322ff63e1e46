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

With an ``async_creation_runner`` a value is set by another thread than the one that has the mutex, and nobody
can tell it from one that somebody else sets meanwhile.  So of those that come after the key has been deleted or
set, while it is created by a runner, none is kept: the next who asks creates it anew.
"""

# mypy: disable-error-code="import-not-found,import-untyped,misc,no-untyped-call,attr-defined"

from __future__ import annotations

import hashlib
import sys
import threading
from collections.abc import Iterable, Mapping
from typing import Any

from .extras import needs

needs("dogpile", "dogpile.cache")

from dogpile.cache import register_backend
from dogpile.cache.api import NO_VALUE, BytesBackend, CacheMutex

from ..cache import Cache
from ..claims import Claim, Status
from ..durations import NEVER
from .contents import Contents, seconds

_DEFAULT_MAX_ENTRIES = 10_000
_LONG = 10_000  # characters
_NONE = -1  # no version


class _Creation:
    """A value that is being created, and what says whether it may still be stored.

    Where nothing is stored that is a claim on the key, else the version of the value that is there.
    """

    def __init__(self, turn: Claim, claim: Claim | None, version: int, *, passed_on: bool) -> None:
        self.thread = threading.get_ident()
        self.passed_on = passed_on  #: whether another thread may set the value and release the mutex
        self._turn = turn  # that nobody else creates it meanwhile
        self._claim, self._version = claim, version

    def store(self, contents: Contents, key: str, content: bytes, lifetime: float) -> bool:
        """Whether nobody has deleted or set it since the creation began; once."""
        claim, version = self._claim, self._version
        self.void()
        if claim is None:
            return version != _NONE and contents.compare_and_set(key, content, version, lifetime)
        return claim.held and contents.fulfill(claim, content, lifetime)

    def void(self) -> None:
        """Its value is not to be stored."""
        self._claim, self._version = None, _NONE

    def end(self) -> None:
        claim = self._claim
        self.void()
        if claim is not None:
            claim.abandon()
        self._turn.abandon()


class _Mutex(CacheMutex):
    """Who creates the value of a key; the same object for all threads of a region.

    The engine knows it as a claim under a name of its own, as a value that has expired for dogpile is there
    for the engine.
    """

    def __init__(self, backend: CacheCoreBackend, key: str) -> None:
        self._backend, self._key = backend, key

    def acquire(self, wait: bool = True) -> bool:
        # dogpile's Lock, which passes the creation on if it has an async_creator.
        lock = sys._getframe(1).f_locals.get("self")
        passed_on = getattr(lock, "async_creator", None) is not None
        while True:
            turn = self._backend.cache.get_or_claim(_name(self._key), claim_ttl=NEVER).claim
            if turn.held:
                creation = self._begin(turn, wait, passed_on)
                if creation is not None:
                    self._backend.creations.add(self._key, creation)
                    return True
                turn.abandon()
            if not wait:
                return False
            turn.wait()

    def _begin(self, turn: Claim, wait: bool, passed_on: bool) -> _Creation | None:
        """None if somebody computes the value who is not of dogpile, and is not to be waited for."""
        cache, key = self._backend.cache, self._key
        while True:
            info = cache.inspect(key)
            if info is not None:
                return _Creation(turn, None, info.version, passed_on=passed_on)
            status, _, claim = cache.get_or_claim(key, claim_ttl=NEVER)
            if claim.held:
                return _Creation(turn, claim, _NONE, passed_on=passed_on)
            if status is not Status.PENDING:
                cache.delete(key)  # an absence, or stale, of which dogpile has no notion
            elif wait:
                claim.wait()
            else:
                return None

    def release(self) -> None:
        self._backend.creations.take(self._key).end()

    def locked(self) -> bool:
        return self._key in self._backend.creations


class _Creations:
    """Those under way in one backend, by key: after an invalidation there is one more."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._under_way: dict[str, list[_Creation]] = {}

    def __len__(self) -> int:
        return len(self._under_way)

    def __contains__(self, key: str) -> bool:
        return key in self._under_way

    def add(self, key: str, creation: _Creation) -> None:
        with self._lock:
            self._under_way.setdefault(key, []).append(creation)

    def take(self, key: str) -> _Creation:
        """The one whose mutex is released here."""
        with self._lock:
            creations = self._under_way.get(key, [])
            ended = _own(creations) or next((one for one in creations if one.passed_on), None)
            if ended is None:
                raise RuntimeError("the mutex is not locked")
            creations.remove(ended)
            if not creations:
                del self._under_way[key]
        if ended.thread != threading.get_ident():
            for other in creations:
                if other.passed_on:  # perhaps it was that one
                    other.void()
        return ended

    def setting(self, key: str) -> list[_Creation]:
        """Those of which one may be meant by a value that is set here."""
        with self._lock:
            creations = self._under_way.get(key, [])
            own = _own(creations)
            return [one for one in creations if one.passed_on] if own is None else [own]


def _own(creations: list[_Creation]) -> _Creation | None:
    here = threading.get_ident()
    return next((one for one in reversed(creations) if one.thread == here), None)


def _name(key: str) -> str:
    """The name of the mutex's claim; never longer than a key may be."""
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
        self.creations = _Creations()
        self._contents = Contents(cache)
        self._ttl = seconds(arguments.get("ttl") or NEVER)
        if not self._ttl > 0:
            raise ValueError("ttl must be greater than 0; or 0 or None, for no end")

    def get_mutex(self, key: str) -> CacheMutex:
        return _Mutex(self, key)

    def get_serialized(self, key: str) -> Any:
        return self.cache.get(key, NO_VALUE)

    def get_serialized_multi(self, keys: Iterable[str]) -> list[Any]:
        wanted = list(keys)
        found = self.cache.get_many(wanted)
        return [found.get(key, NO_VALUE) for key in wanted]

    def set_serialized(self, key: str, value: bytes) -> None:
        self.set_serialized_multi({key: value})

    def set_serialized_multi(self, mapping: Mapping[str, bytes]) -> None:
        """What is created here is stored only if nobody has deleted or set it since that began."""
        others = {}
        for key, value in mapping.items():
            creations = self.creations.setting(key)
            if not creations:
                others[key] = value
            else:
                self._set_created(key, value, creations)
        if others:
            self._void(others)
            self._contents.set_many(others, self._ttl)

    def _set_created(self, key: str, value: bytes, creations: list[_Creation]) -> None:
        creation = creations[0]
        if len(creations) == 1 and creation.store(self._contents, key, value, self._ttl):
            return
        if creation.passed_on:
            # It is older than what voided the creation, or newer than that, of somebody else's.
            for one in creations:
                one.void()
            self.cache.delete(key)

    def _void(self, keys: Iterable[str]) -> None:
        """Who asks from now on creates anew."""
        self.cache.delete_many(map(_name, keys))

    def delete(self, key: str) -> None:
        self.delete_multi([key])

    def delete_multi(self, keys: Iterable[str]) -> None:
        gone = list(keys)
        self._void(gone)
        self.cache.delete_many(gone)


def register() -> None:
    """For where the package's entry point is not installed."""
    register_backend("cachecore", __name__, CacheCoreBackend.__name__)
