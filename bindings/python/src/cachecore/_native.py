"""cachecore.h in ctypes: constants, structs and prototypes in the header's order, and no logic.

Two ways to call
----------------
``_quick`` functions keep the GIL (``PyDLL``).  They work on one key and take well under a
microsecond.  Giving up the GIL for so short a time is worse than useless: another thread takes
it, and ours waits a whole switch interval (5 ms) to get it back.  It cannot deadlock, because
the engine never calls Python and therefore never holds one of its locks while it waits for the
GIL; a write waits at most for one slice of somebody's sweep.

``_waits`` functions release the GIL (``CDLL``), because they wait or work through many entries.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from ctypes import (
    POINTER,
    Structure,
    c_char_p,
    c_int32,
    c_int64,
    c_size_t,
    c_uint32,
    c_uint64,
    c_void_p,
)
from struct import Struct
from typing import Any

from . import _library

OK = 0
MISS = 1
EXISTS = 2
REFUSED = 3
CONFLICT = 4
STALE = 5
PENDING = 6
ABSENT = 7
CLAIMED = 8
E_ARGUMENT = -1
E_NO_MEMORY = -2
E_TOO_SMALL = -3
E_VERSION = -4
E_FULL = -5
E_STATE = -6
E_TIMEOUT = -7
E_TYPE = -8
E_RANGE = -9
E_LAYOUT = -10
E_ACCESS = -11

POLICY_LRU = 0
POLICY_ADAPTIVE = 1

NO_EVICT = 1 << 0
MANUAL_CLOCK = 1 << 1
REPORT_REMOVALS = 1 << 2
SHARED_CREATE_ONLY = 1
SHARED_ATTACH_ONLY = 2
SHARED_REPLACE = 4
SHARED_READ_ONLY = 8

KEY_SIZE_MAX = 65535
MAX_BYTES_MIN = 65536
TTL_NEVER = 2**64 - 1
TTL_KEEP = 2**63

FIELD_COUNTER = 1
FIELD_GAUGE = 2

REMOVED_EXPIRED = 1
REMOVED_EVICTED = 2
REMOVED_REPLACED = 3
REMOVED_DELETED = 4

ENTRY_EXPIRED = 1 << 0
ENTRY_NEAR_EXPIRY = 1 << 1
ENTRY_WITHOUT_EXPIRY = 1 << 2
ENTRY_IDLE = 1 << 3

CLAIM_EARLY = 1 << 0

SWEEPER_STOPPED = 0
SWEEPER_RUNNING = 1
SWEEPER_PAUSED = 2

SWEEPER_RUN_AT_ONCE = 1 << 0
SWEEPER_RESTART_AFTER_FORK = 1 << 1


class Sized(Structure):
    """A struct that begins with its own size, as the library wants to be told."""

    def __init__(self, **fields: int | bytes) -> None:
        super().__init__(struct_size=ctypes.sizeof(type(self)), **fields)


class Options(Sized):
    """cachecore_options_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("policy", c_uint32),
        ("flags", c_uint32),
        ("shard_count", c_uint32),
        ("max_entries", c_uint64),
        ("max_bytes", c_uint64),
        ("default_ttl_ms", c_uint64),
        ("default_tti_ms", c_uint64),
        ("hash_seed", c_uint64),
        ("ttl_jitter_permille", c_uint64),
    ]


class SharedOptions(Sized):
    """cachecore_shared_options_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("flags", c_uint32),
        ("path", c_char_p),
        ("fd", c_int32),
        ("max_processes", c_uint32),
    ]


class SharedInfo(Sized):
    """cachecore_shared_info_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("processes", c_uint32),
        ("max_processes", c_uint32),
        ("warm", c_uint32),
        ("unlinked", c_uint32),
        ("reserved", c_uint32),
        ("recoveries", c_uint64),
        ("entries_lost", c_uint64),
        ("borrows_reclaimed", c_uint64),
        ("region_bytes", c_uint64),
    ]


class Value(Structure):
    """cachecore_value_t"""

    _fields_ = [
        ("data", c_void_p),
        ("size", c_size_t),
        ("owner", c_void_p),
        ("lease", c_uint64),
    ]


class EntryInfo(Sized):
    """cachecore_entry_info_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("value_size", c_uint64),
        ("ttl_ms", c_int64),
        ("age_ms", c_int64),
        ("idle_ms", c_int64),
        ("version", c_uint64),
    ]


class Stats(Sized):
    """cachecore_stats_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("shard_count", c_uint32),
        ("entries", c_uint64),
        ("bytes_used", c_uint64),
        ("bytes_limit", c_uint64),
        ("entries_limit", c_uint64),
        ("hits", c_uint64),
        ("misses", c_uint64),
        ("inserts", c_uint64),
        ("updates", c_uint64),
        ("deletes", c_uint64),
        ("evictions", c_uint64),
        ("expirations", c_uint64),
        ("refused", c_uint64),
        ("bytes_resident", c_uint64),
        ("removals_lost", c_uint64),
        ("expired", c_uint64),
        ("entries_before", c_uint64),
        ("stale", c_uint64),
        ("absent", c_uint64),
        ("stale_served", c_uint64),
        ("absent_served", c_uint64),
    ]


class StatsField(Sized):
    """cachecore_stats_field_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("kind", c_uint32),
        ("name", c_char_p),
        ("unit", c_char_p),
        ("help", c_char_p),
        ("offset", c_uint32),
        ("size", c_uint32),
    ]


class Window(Sized):
    """cachecore_window_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("hits", c_uint64),
        ("misses", c_uint64),
        ("span_ms", c_uint64),
    ]


class AuditOptions(Sized):
    """cachecore_audit_options_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("remove_kinds", c_uint32),
        ("near_expiry_ms", c_uint64),
        ("idle_ms", c_uint64),
        ("batch_size", c_uint32),
        ("reserved", c_uint32),
    ]


class Audit(Sized):
    """cachecore_audit_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("reserved", c_uint32),
        ("scanned", c_uint64),
        ("expired", c_uint64),
        ("near_expiry", c_uint64),
        ("without_expiry", c_uint64),
        ("idle", c_uint64),
        ("removed", c_uint64),
        ("bytes", c_uint64),
        ("removed_bytes", c_uint64),
        ("average_ttl_ms", c_int64),
        ("average_age_ms", c_int64),
    ]


class Claim(Sized):
    """cachecore_claim_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("flags", c_uint32),
        ("token", c_uint64),
        ("stale_ms", c_uint64),
        ("claim_ms", c_uint64),
        ("seen", c_uint64),
    ]


class SweeperOptions(Sized):
    """cachecore_sweeper_options_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("flags", c_uint32),
        ("interval_ms", c_uint64),
        ("max_slice_us", c_uint64),
    ]


class SweeperStatus(Sized):
    """cachecore_sweeper_status_t"""

    _fields_ = [
        ("struct_size", c_uint32),
        ("state", c_uint32),
        ("healthy", c_uint32),
        ("leads", c_uint32),
        ("interval_ms", c_uint64),
        ("sweeps_run", c_uint64),
        ("entries_removed", c_uint64),
        ("last_removed", c_uint64),
        ("last_duration_ns", c_uint64),
        ("max_slice_ns", c_uint64),
        ("last_run_age_ms", c_int64),
        ("errors", c_uint64),
        ("backlog", c_uint64),
        ("last_lag_ms", c_uint64),
        ("max_lag_ms", c_uint64),
    ]


def _declare(library: ctypes.CDLL, name: str, result: Any, arguments: Any) -> Callable[..., Any]:
    function = library[name]  # a new object each time: declarations are not shared
    function.restype = result
    function.argtypes = arguments
    return function


# What ctypes may meet while it converts an argument, and hides in an ArgumentError.
_HIDDEN = (RecursionError, MemoryError)


def _converting(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function with argtypes, which raises what went wrong as what it is."""

    def call(*arguments: Any) -> Any:
        try:
            return function(*arguments)
        except ctypes.ArgumentError as error:
            text = str(error)
            for hidden in _HIDDEN:
                if hidden.__name__ in text:
                    raise hidden(text.partition(f"{hidden.__name__}: ")[2]) from None
            raise

    call.__name__ = function.__name__
    call.__wrapped__ = function  # type: ignore[attr-defined]
    return call


def _quick(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return _converting(_declare(_library.keeping_gil, name, result, arguments))


def _waits(name: str, result: Any, *arguments: Any) -> Callable[..., Any]:
    return _converting(_declare(_library.releasing_gil, name, result, arguments))


_status = c_int32
_cache = c_void_p
_bytes = c_char_p  # borrowed for the call; NUL bytes are nothing special, the size is explicit
_size = c_size_t
_array = c_void_p  # of a batch: an address, or any ctypes array
_sizes = POINTER(c_size_t)
_u64s = POINTER(c_uint64)
_i64s = POINTER(c_int64)
_key = (_cache, _bytes, _size)
_entry = (*_key, _bytes, _size)
_many_keys = (_cache, _size, _array, _array)

# fmt: off
version = _quick("cachecore_version", c_uint32)
status_text = _quick("cachecore_status_text", c_char_p, _status)
options_init = _quick("cachecore_options_init", None, POINTER(Options), c_size_t)
open = _waits("cachecore_open", _status, POINTER(Options), POINTER(c_void_p))
open_error = _quick("cachecore_open_error", c_char_p)
get_options = _quick("cachecore_get_options", _status, _cache, POINTER(Options))
close = _waits("cachecore_close", None, _cache)
get = _quick("cachecore_get", _status, *_key, c_void_p, _size, _sizes)
peek = _quick("cachecore_peek", _status, *_key, c_void_p, _size, _sizes)
acquire = _quick("cachecore_acquire", _status, *_key, POINTER(Value))
release = _quick("cachecore_release", None, POINTER(Value))
contains = _quick("cachecore_contains", _status, *_key)
ttl = _quick("cachecore_ttl", _status, *_key, _i64s)
inspect = _quick("cachecore_inspect", _status, *_key, POINTER(EntryInfo))
get_with_info = _quick("cachecore_get_with_info", _status, *_key, c_void_p, _size, _sizes, POINTER(EntryInfo))
set = _quick("cachecore_set", _status, *_entry, c_uint64)
set_until = _quick("cachecore_set_until", _status, *_entry, c_int64)
add = _quick("cachecore_add", _status, *_entry, c_uint64)
replace = _quick("cachecore_replace", _status, *_entry, c_uint64)
compare_and_set = _quick("cachecore_compare_and_set", _status, *_entry, c_uint64, c_uint64)
delete = _quick("cachecore_delete", _status, *_key)
touch = _quick("cachecore_touch", _status, *_key, c_uint64)
increment = _quick("cachecore_increment", _status, *_key, c_int64, c_int64, c_uint64, _i64s)
get_many = _waits("cachecore_get_many", _status, *_many_keys, _array, _array, _array, _array)
set_many = _waits("cachecore_set_many", _status, *_many_keys, _array, _array, _array, _array)
delete_many = _waits("cachecore_delete_many", _status, *_many_keys, _array, _u64s)
get_packed = _waits("cachecore_get_packed", _status, *_many_keys, c_void_p, _size, _array, _array)
set_packed = _waits("cachecore_set_packed", _status, *_many_keys, _array, _array, _array, _array)
delete_packed = _waits("cachecore_delete_packed", _status, *_many_keys, _array, _u64s)
scan = _waits("cachecore_scan", _status, _cache, _u64s, _bytes, _size, c_void_p, _size, _sizes, _sizes)
scan_values = _waits("cachecore_scan_values", _status, _cache, _u64s, _bytes, _size, c_void_p, _size, _sizes, _sizes)
coldest = _waits("cachecore_coldest", _status, _cache, c_uint64, c_void_p, _size, _sizes, _sizes)
hottest = _waits("cachecore_hottest", _status, _cache, c_uint64, c_void_p, _size, _sizes, _sizes)
evict = _waits("cachecore_evict", _status, _cache, c_uint64, _u64s)
delete_prefix = _waits("cachecore_delete_prefix", _status, _cache, _bytes, _size, _u64s)
clear = _waits("cachecore_clear", _status, _cache)
count = _waits("cachecore_count", c_uint64, _cache)
cleanup_expired = _waits("cachecore_cleanup_expired", _status, _cache, c_uint64, _u64s)
resize = _waits("cachecore_resize", _status, _cache, c_uint64, c_uint64)
stats = _waits("cachecore_stats", _status, _cache, POINTER(Stats))
reset_stats = _waits("cachecore_reset_stats", _status, _cache)
stats_field = _quick("cachecore_stats_field", _status, c_uint32, POINTER(StatsField))
take_removals = _waits("cachecore_take_removals", _status, _cache, c_void_p, _size, _sizes, _sizes)
window = _waits("cachecore_window", _status, _cache, c_uint64, POINTER(Window))
audit = _waits("cachecore_audit", _status, _cache, _bytes, _size, POINTER(AuditOptions), POINTER(Audit))
get_or_claim = _quick("cachecore_get_or_claim", _status, *_key, c_void_p, _size, _sizes, POINTER(Claim))
claim_wait = _waits("cachecore_claim_wait", _status, *_key, POINTER(Claim), c_uint32)
fulfill = _quick("cachecore_fulfill", _status, *_entry, c_uint64, POINTER(Claim))
fulfill_absent = _quick("cachecore_fulfill_absent", _status, *_key, c_uint64, POINTER(Claim))
abandon = _quick("cachecore_abandon", _status, *_key, c_uint64, POINTER(Claim))
open_shared = _waits("cachecore_open_shared", _status, POINTER(Options), POINTER(SharedOptions), POINTER(c_void_p))
shared_info = _quick("cachecore_shared_info", _status, _cache, POINTER(SharedInfo))
shared_fd = _quick("cachecore_shared_fd", _status, _cache, POINTER(c_int32))
save = _waits("cachecore_save", _status, _cache, _bytes, _u64s)
load = _waits("cachecore_load", _status, _cache, _bytes, _u64s)
sweeper_options_init = _quick("cachecore_sweeper_options_init", None, POINTER(SweeperOptions), c_size_t)
sweeper_start = _waits("cachecore_sweeper_start", _status, _cache, POINTER(SweeperOptions))
sweeper_stop = _waits("cachecore_sweeper_stop", _status, _cache, c_uint32)
sweeper_pause = _waits("cachecore_sweeper_pause", _status, _cache)
sweeper_resume = _waits("cachecore_sweeper_resume", _status, _cache)
sweeper_set_interval = _waits("cachecore_sweeper_set_interval", _status, _cache, c_uint64)
sweeper_trigger = _waits("cachecore_sweeper_trigger", _status, _cache, _u64s)
sweeper_status = _waits("cachecore_sweeper_status", _status, _cache, POINTER(SweeperStatus))
advance_clock = _waits("cachecore_advance_clock", _status, _cache, c_uint64)
# fmt: on

# Copying in and out, without argtypes, which halves what a call costs: ctypes then converts nothing,
# so every argument must be a ctypes object of the exact type, or bytes where the prototype has a
# pointer.

get_boxed: Callable[..., int] = _declare(_library.keeping_gil, "cachecore_get", c_int32, None)
peek_boxed: Callable[..., int] = _declare(_library.keeping_gil, "cachecore_peek", c_int32, None)
set_boxed: Callable[..., int] = _declare(_library.keeping_gil, "cachecore_set", c_int32, None)


class _Boxes(dict[int, c_size_t]):
    """n -> c_size_t(n): ready-made for the usual sizes, made on the spot for the others."""

    def __missing__(self, size: int) -> c_size_t:
        return c_size_t(size)


SIZE = _Boxes((size, c_size_t(size)) for size in range(1025))
DEFAULT_TTL = c_uint64(0)

# The records of cachecore_scan, scan_values and take_removals, read much faster than through ctypes.
SCAN_RECORD = Struct("@IIQq")
VALUE_RECORD = Struct("@QQqII")
REMOVAL_RECORD = Struct("@QQII")
