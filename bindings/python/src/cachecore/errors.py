"""One exception class for every status of the C library that is not an answer.

Each is a :class:`CacheCoreError` and, where Python has a name for the same thing, that too: a
caller who catches ``ValueError`` or ``TimeoutError`` need not know this module.
"""

from __future__ import annotations

from . import _native

__all__ = [
    "AccessError",
    "ArgumentError",
    "CacheCoreError",
    "ClosedError",
    "FullError",
    "LayoutError",
    "NoFileError",
    "NoMemoryError",
    "NotANumberError",
    "RangeError",
    "ReadOnlyError",
    "RefusedError",
    "StateError",
    "TimedOutError",
    "TooSmallError",
    "VersionError",
]


class CacheCoreError(Exception):
    """What all errors of this package have in common."""

    #: The ``cachecore_status_t``, a number that never changes its meaning.
    code: int = 0

    #: Its name in cachecore.h.
    status: str = ""

    #: The keys concerned, as the caller spelled them, when some of a batch failed.
    keys: tuple[bytes | str, ...] = ()


class RefusedError(CacheCoreError):
    """The value is larger than this cache can hold; it was not stored and the older is gone."""

    code = _native.REFUSED
    status = "CACHECORE_REFUSED"


class ArgumentError(CacheCoreError, ValueError):
    """A size or an option is out of range."""

    code = _native.E_ARGUMENT
    status = "CACHECORE_E_ARGUMENT"


class NoMemoryError(CacheCoreError, MemoryError):
    """The system refused memory, a thread, or room in a file.  If a write met it, the older value is gone."""

    code = _native.E_NO_MEMORY
    status = "CACHECORE_E_NO_MEMORY"


class TooSmallError(CacheCoreError):
    """A buffer was too small.  These bindings enlarge theirs; callers should not see this."""

    code = _native.E_TOO_SMALL
    status = "CACHECORE_E_TOO_SMALL"


class VersionError(CacheCoreError):
    """These bindings use a struct newer than the library."""

    code = _native.E_VERSION
    status = "CACHECORE_E_VERSION"


class FullError(CacheCoreError):
    """A no-evict cache is at its bound; nothing has changed."""

    code = _native.E_FULL
    status = "CACHECORE_E_FULL"


class StateError(CacheCoreError, RuntimeError):
    """Not now: a sweeper that runs already, a clock that is not manual, ..."""

    code = _native.E_STATE
    status = "CACHECORE_E_STATE"


class ClosedError(StateError, ValueError):
    """The cache has been closed.  (A ValueError too, like reading from a closed file.)"""


class ReadOnlyError(StateError):
    """The cache was opened for reading alone, with ``read_only``, and this would change it or wait for it."""


class NoFileError(StateError, FileNotFoundError):
    """There is no such file, or no such folder."""


class TimedOutError(CacheCoreError, TimeoutError):
    """The wait ended before the event; of a write, in a cache that processes share: a process was stopped
    while it changed the shard, and nothing was stored."""

    code = _native.E_TIMEOUT
    status = "CACHECORE_E_TIMEOUT"


class NotANumberError(CacheCoreError, TypeError):
    """increment: the value is not a decimal number in text.  Nothing has changed."""

    code = _native.E_TYPE
    status = "CACHECORE_E_TYPE"


class RangeError(CacheCoreError, OverflowError):
    """The result does not fit 64 bits, or the clock's range.  Nothing has changed."""

    code = _native.E_RANGE
    status = "CACHECORE_E_RANGE"


class LayoutError(CacheCoreError, ValueError):
    """What is there is no saved cache, or damaged, or of a later version."""

    code = _native.E_LAYOUT
    status = "CACHECORE_E_LAYOUT"


class AccessError(CacheCoreError, PermissionError):
    """Not allowed, by owner or permissions."""

    code = _native.E_ACCESS
    status = "CACHECORE_E_ACCESS"


_CLASSES: dict[int, type[CacheCoreError]] = {
    error.code: error
    for error in (
        RefusedError,
        ArgumentError,
        NoMemoryError,
        TooSmallError,
        VersionError,
        FullError,
        StateError,
        TimedOutError,
        NotANumberError,
        RangeError,
        LayoutError,
        AccessError,
    )
}


def error_for(status: int, what: str, why: str = "") -> CacheCoreError:
    """The exception for a status; ``what`` says what was being done, ``why`` more than the status."""
    text = why or _native.status_text(status).decode()
    error = _CLASSES.get(status, CacheCoreError)(f"{what}: {text}")
    error.code = status
    return error
