"""cachecore: a bounded, concurrent, in-process cache with millisecond lifetimes.

::

    from cachecore import Cache

    with Cache(max_entries=10_000, ttl=300) as cache:
        cache["key"] = b"value"
        cache.set("short-lived", b"value", ttl=0.5)
        cache.get("key")

The engine is the native library libcachecore.so; see cachecore.h for what it promises.
"""

from typing import NoReturn as _NoReturn

__version__ = "0.1.0"

try:
    from ._library import version_text as _version_text
except ImportError as _error:
    # cachecore.policy works without the library, on Redis; whatever needs the library says so when
    # it is asked for.
    _missing = str(_error)

    def __getattr__(name: str) -> _NoReturn:
        raise AttributeError(_missing) if name.startswith("__") else ImportError(_missing)

else:
    from ._native import version as _version
    from ._path import compiled
    from .arguments import Key, Value
    from .audit import Advice, Audit, EntryKind, Window
    from .cache import Cache
    from .durations import NEVER, Duration
    from .errors import (
        ArgumentError,
        CacheCoreError,
        ClosedError,
        FullError,
        NoMemoryError,
        NotANumberError,
        RangeError,
        RefusedError,
        StateError,
        TimedOutError,
        TooSmallError,
        VersionError,
    )
    from .lease import Lease
    from .object_cache import ObjectCache
    from .removals import Cause, Listener, Removal
    from .results import CachedFunction, CacheInfo, cached
    from .serializers import Serializer
    from .stats import EntryInfo, ScanRecord, Stats, SweeperState, SweeperStatus
    from .sweeper import Sweeper

    #: The version of the native library in use.
    library_version = _version_text(_version())

__all__ = [
    "NEVER",
    "Advice",
    "ArgumentError",
    "Audit",
    "Cache",
    "CacheCoreError",
    "CacheInfo",
    "CachedFunction",
    "Cause",
    "ClosedError",
    "Duration",
    "EntryInfo",
    "EntryKind",
    "FullError",
    "Key",
    "Lease",
    "Listener",
    "NoMemoryError",
    "NotANumberError",
    "ObjectCache",
    "RangeError",
    "RefusedError",
    "Removal",
    "ScanRecord",
    "Serializer",
    "StateError",
    "Stats",
    "Sweeper",
    "SweeperState",
    "SweeperStatus",
    "TimedOutError",
    "TooSmallError",
    "Value",
    "VersionError",
    "Window",
    "cached",
    "compiled",
    "library_version",
]
