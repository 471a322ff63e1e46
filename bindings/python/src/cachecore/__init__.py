"""cachecore: a bounded, concurrent, in-process cache with millisecond lifetimes.

::

    from cachecore import Cache

    with Cache(max_entries=10_000, ttl=300) as cache:
        cache["key"] = b"value"
        cache.set("short-lived", b"value", ttl=0.5)
        cache.get("key")

The engine is the native library libcachecore.so; see cachecore.h for what it promises.
"""

from ._library import version_text as _version_text
from ._native import version as _version
from .arguments import Key, Value
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
from .stats import EntryInfo, ScanRecord, Stats, SweeperState, SweeperStatus
from .sweeper import Sweeper

__version__ = "0.1.0"

#: The version of the native library in use.
library_version = _version_text(_version())

__all__ = [
    "NEVER",
    "ArgumentError",
    "Cache",
    "CacheCoreError",
    "ClosedError",
    "Duration",
    "EntryInfo",
    "FullError",
    "Key",
    "Lease",
    "NoMemoryError",
    "NotANumberError",
    "RangeError",
    "RefusedError",
    "ScanRecord",
    "StateError",
    "Stats",
    "Sweeper",
    "SweeperState",
    "SweeperStatus",
    "TimedOutError",
    "TooSmallError",
    "Value",
    "VersionError",
    "library_version",
]
