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
    # cachecore.contrib.cleanup works without the library, for caches that are elsewhere; whatever
    # needs the library says so when it is asked for.
    _missing = str(_error)

    def __getattr__(name: str) -> _NoReturn:
        raise AttributeError(_missing) if name.startswith("__") else ImportError(_missing)

else:
    from ._native import version as _version
    from ._path import compiled
    from .arguments import Key, Value
    from .audit import Audit, EntryKind, Window
    from .cache import Cache
    from .cached import cached
    from .cached_function import CachedFunction, CachedInstanceMethod, CacheInfo
    from .cachedmethod import cachedmethod
    from .claims import Answer, Claim, Status
    from .durations import KEEP, NEVER, Duration, Kept
    from .errors import (
        AccessError,
        ArgumentError,
        CacheCoreError,
        ClosedError,
        FullError,
        LayoutError,
        NoFileError,
        NoMemoryError,
        NotANumberError,
        RangeError,
        ReadOnlyError,
        RefusedError,
        StateError,
        TimedOutError,
        TooSmallError,
        VersionError,
    )
    from .lease import Lease
    from .object_cache import ObjectCache
    from .object_sweeper import ObjectSweeper, ObjectSweeperStatus
    from .removals import Cause, Listener, Removal
    from .serializers import Serializer
    from .stats import EntryInfo, Found, ScanRecord, SharedInfo, Stats, SweeperState, SweeperStatus
    from .sweeper import Sweeper

    #: The version of the native library in use.
    library_version = _version_text(_version())

__all__ = [
    "KEEP",
    "NEVER",
    "AccessError",
    "Answer",
    "ArgumentError",
    "Audit",
    "Cache",
    "CacheCoreError",
    "CacheInfo",
    "CachedFunction",
    "CachedInstanceMethod",
    "Cause",
    "Claim",
    "ClosedError",
    "Duration",
    "EntryInfo",
    "EntryKind",
    "Found",
    "FullError",
    "Kept",
    "Key",
    "LayoutError",
    "Lease",
    "Listener",
    "NoFileError",
    "NoMemoryError",
    "NotANumberError",
    "ObjectCache",
    "ObjectSweeper",
    "ObjectSweeperStatus",
    "RangeError",
    "ReadOnlyError",
    "RefusedError",
    "Removal",
    "ScanRecord",
    "Serializer",
    "StateError",
    "SharedInfo",
    "Stats",
    "Status",
    "Sweeper",
    "SweeperState",
    "SweeperStatus",
    "TimedOutError",
    "TooSmallError",
    "Value",
    "VersionError",
    "Window",
    "cached",
    "cachedmethod",
    "compiled",
    "library_version",
]
