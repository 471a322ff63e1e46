"""Results of functions in caches that processes share: the cache of a place, and what is stored in it.

A process has one cache open for each place, whatever number of functions keep their results there, because
each that is open counts as one of those that share it.
"""

from __future__ import annotations

import logging
import os
import weakref
from collections.abc import Callable
from threading import Lock
from types import CodeType
from typing import Any, Final

from . import _native, scratch, sharing
from .cache import Cache
from .cached_function import CacheInfo
from .errors import CacheCoreError, StateError
from .flight import Flight
from .keys import KeyMaker
from .serializers import functions
from .sharing import MEMORY, Place
from .single_flight import SingleFlight
from .stable_keys import StableKeys, function_name

#: Most results of a new cache, if nobody says.
MAXSIZE: Final = 10_000

_ABSENT = scratch.ABSENT
_log = logging.getLogger("cachecore")

_caches: weakref.WeakValueDictionary[bytes, Cache[Any, Any]] = weakref.WeakValueDictionary()
_lock = Lock()
os.register_at_fork(before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_lock.release)


def cache_at(shared: Place | Cache[Any, Any], maxsize: int | None) -> Cache[Any, Any]:
    """The cache of a place, opened if this process has not; maxsize: None if nobody says."""
    if isinstance(shared, Cache):
        try:
            shared.shared_info()
        except StateError:
            raise ValueError("shared: this cache is of one process: give it shared=, too") from None
        if shared.read_only:
            raise ValueError("shared: no result can be stored in a cache that is open for reading alone")
        if maxsize is not None:
            raise TypeError("a cache brings its own bounds: no maxsize with it")
        return shared
    if not isinstance(shared, (str, os.PathLike)):
        raise TypeError(
            f"shared must be a path, a name or a Cache that is shared, not {type(shared).__name__!r}"
        )
    if maxsize is not None and maxsize <= 0:
        raise ValueError("shared: a cache that processes share needs a maxsize of 1 or more")
    if shared == MEMORY:
        return Cache(MAXSIZE if maxsize is None else maxsize, shared=shared)
    path: bytes = sharing.options(shared).path
    with _lock:
        cache = _caches.get(path)
        mine = cache is None or cache.closed
        if cache is None or cache.closed:
            cache = _caches[path] = Cache(MAXSIZE if maxsize is None else maxsize, shared=shared)
    limit = cache.stats().entries_limit
    if maxsize not in (None, limit):
        message = f"maxsize: the cache at {os.fsdecode(path)} is one of {limit} entries, not {maxsize}"
        if not mine:
            raise ValueError(message)
        _log.warning(message)  # made by a process that was started earlier
    return cache


class Codec:
    """How results become bytes, where the cache does not see to that itself."""

    def __init__(self, cache: Cache[Any, Any], serializer: Any) -> None:
        """serializer: as of a Cache; ABSENT if nobody says: that of the cache, or "pickle"."""
        if cache._dumps is not None:
            if serializer is not scratch.ABSENT:
                raise TypeError("a cache brings its own serializer: no other with it")
            serializer = None
        elif serializer is scratch.ABSENT:
            serializer = "pickle"
        dumps, loads = functions(serializer)
        self.dumps: Callable[[Any], Any] = _same if dumps is None else dumps
        self.loads: Callable[[Any], Any] = _same if loads is None else loads


def _same(value: Any) -> Any:
    return value


# Under which name each function keeps its results, by the cache.
_named: weakref.WeakKeyDictionary[Cache[Any, Any], dict[str, CodeType]] = weakref.WeakKeyDictionary()


def claim_name(cache: Cache[Any, Any], name: str, function: Any) -> None:
    """ValueError if two functions that are no versions of one have the same name in a cache."""
    code = getattr(function, "__code__", None)
    if isinstance(code, CodeType) and "<locals>" in name:
        first = _named.setdefault(cache, {}).setdefault(name, code)
        if first != code:
            raise ValueError(f"shared: there is another function {name}(): give this one a name=")


def unreadable(name: str, error: Exception) -> None:
    """What another program stored, or an older one; it is computed anew."""
    if isinstance(error, CacheCoreError):
        raise error
    _log.warning("a result of %s() could not be read, and is computed anew: %r", name, error)


class _Unsaid(int):
    """A number that is told from the same one when somebody gives it."""

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (int(self),)


def unsaid(default: int) -> int:
    """What a parameter is if it is not given."""
    return _Unsaid(default)


class SharedCalls(SingleFlight):
    """What is different about results (cached.py) in a cache that processes share: they are bytes, under the
    function's name and what its arguments are as text."""

    calls: KeyMaker

    def __init__(
        self,
        function: Callable[..., Any],
        *,
        shared: Place | Cache[Any, Any],
        serializer: Any,
        name: str | None,
        maxsize: int | None,
        **rules: Any,
    ) -> None:
        name = function_name(function, name)
        cache = cache_at(shared, None if isinstance(maxsize, _Unsaid) else maxsize)
        self._codec = Codec(cache, serializer)
        claim_name(cache, name, function)
        rules["cache"] = cache
        keep_by: Any = super().__init__
        keep_by(function, maxsize=None, **rules)
        keys = StableKeys(function, name)
        make, of = self.calls.make, keys.of
        self.name, self.prefix = name, keys.prefix
        self.key = lambda arguments, named: of(make(arguments, named))
        self._counted = False  # _get_live counts no miss

    def encoded(self, value: Any) -> Any:
        return self._codec.dumps(value)

    def reader(self) -> Callable[[Any, Any], Any] | None:
        return None if self._early else self._get

    def _get(self, key: bytes, default: Any) -> Any:
        try:
            content = self.cache._get_live(key, _ABSENT)
            return default if content is _ABSENT else self._codec.loads(content)
        except Exception as error:
            unreadable(self.name, error)
            self.cache.delete(key)
            return default

    def _ask(self, flight: Flight, key: bytes) -> tuple[int, Any]:
        while True:
            try:
                status, content = super()._ask(flight, key)
                found = status in (_native.OK, _native.STALE)
                return status, self._codec.loads(content) if found else content
            except Exception as error:
                unreadable(self.name, error)
                flight.claim.abandon()
                flight.under_way.remove(flight)
                self.cache.delete(key)

    def _answer(self, key: bytes, flight: Flight) -> Any:
        value = self._get(key, _ABSENT)  # counted where all see it, and nobody else's object
        return super()._answer(key, flight) if value is _ABSENT else value

    def info(self) -> CacheInfo:
        """Of all functions in the cache, and of all processes."""
        stats = self.cache.stats()
        served = stats.stale_served + stats.absent_served
        return CacheInfo(
            stats.hits + served, stats.misses - served, stats.entries_limit or None, stats.entries
        )

    def clear(self) -> None:
        """Forgets the results of this function, for all processes; the counters are those of the cache."""
        self.cache.delete_prefix(self.prefix)
