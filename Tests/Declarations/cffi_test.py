"""cachecore.cdef in CFFI, in ABI mode:

    python cffi_test.py CDEF LIBRARY
"""

import sys
from pathlib import Path
from typing import Any

import cffi

NEVER = 2**64 - 1


def sized(ffi: Any, name: str) -> Any:
    """A struct that begins with its size."""
    struct = ffi.new(f"{name} *")
    struct.struct_size = ffi.sizeof(name)
    return struct


def main() -> None:
    ffi: Any = cffi.FFI()
    ffi.cdef(Path(sys.argv[1]).read_text())
    lib: Any = ffi.dlopen(sys.argv[2])

    options = sized(ffi, "cachecore_options_t")
    options.max_entries, options.flags = 100, lib.CACHECORE_MANUAL_CLOCK
    out = ffi.new("cachecore_t **")
    assert lib.cachecore_open(options, out) == 0
    cache = out[0]
    assert lib.cachecore_version() == lib.CACHECORE_VERSION
    assert ffi.string(lib.cachecore_status_text(lib.CACHECORE_MISS)) == b"no live entry under this key"

    # One entry, with a NUL in it.
    buffer, size, left = ffi.new("char[64]"), ffi.new("size_t *"), ffi.new("int64_t *")
    assert lib.cachecore_get(cache, b"key", 3, buffer, 64, size) == lib.CACHECORE_MISS
    assert lib.cachecore_set(cache, b"key", 3, b"a\0b", 3, NEVER) == 0
    assert lib.cachecore_get(cache, b"key", 3, buffer, 64, size) == 0
    assert ffi.buffer(buffer, size[0])[:] == b"a\0b"
    assert lib.cachecore_ttl(cache, b"key", 3, left) == 0 and left[0] == -1

    # A packed batch.
    offsets = ffi.new("size_t[]", [0, 1, 2, 3])
    sizes, statuses = ffi.new("size_t[3]"), ffi.new("cachecore_status_t[3]")
    assert lib.cachecore_set_packed(cache, 2, b"ab", offsets, b"12", offsets, ffi.NULL, statuses) == 0
    assert lib.cachecore_get_packed(cache, 3, b"acb", offsets, buffer, 64, sizes, statuses) == 0
    assert list(statuses) == [0, lib.CACHECORE_MISS, 0] and list(sizes) == [1, 0, 1]
    assert ffi.buffer(buffer, 2)[:] == b"12"

    # Statistics by their table.
    stats, field, number = sized(ffi, "cachecore_stats_t"), sized(ffi, "cachecore_stats_field_t"), 0
    assert lib.cachecore_stats(cache, stats) == 0
    while lib.cachecore_stats_field(number, field) == 0:
        name = ffi.string(field.name).decode()
        word = ffi.buffer(stats)[field.offset : field.offset + field.size]
        assert int.from_bytes(word, sys.byteorder) == getattr(stats, name), name
        number += 1
    assert number == 21 and stats.entries == 3

    # Who computes.
    claim = sized(ffi, "cachecore_claim_t")
    assert lib.cachecore_get_or_claim(cache, b"k", 1, buffer, 64, size, claim) == lib.CACHECORE_CLAIMED
    assert lib.cachecore_fulfill(cache, b"k", 1, b"computed", 8, 1000, claim) == 0 and claim.token == 0
    assert lib.cachecore_advance_clock(cache, 1000) == 0
    assert lib.cachecore_contains(cache, b"k", 1) == lib.CACHECORE_MISS
    lib.cachecore_close(cache)

    # A cache in memory that others can open by its descriptor.
    shared, info = sized(ffi, "cachecore_shared_options_t"), sized(ffi, "cachecore_shared_info_t")
    shared.fd = -1
    assert lib.cachecore_open_shared(options, shared, out) == 0
    assert lib.cachecore_shared_info(out[0], info) == 0 and info.processes == 1
    lib.cachecore_close(out[0])
    print("cffi_test: ok")


if __name__ == "__main__":
    main()
