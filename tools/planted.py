#!/usr/bin/env python3
"""Makes a mistake that a tool must report with a frame of ours.

    tools/planted.py leak|race|uninitialised

It is made from outside, against the contract, on the library and the compiled path
as they are.  What does not see it would see nothing of ours either.
"""

from __future__ import annotations

import ctypes
import sys
import threading

from cachecore import Cache, _library, _native


def open_cache() -> ctypes.c_void_p:
    """By the C functions alone, so that nobody closes it."""
    options = _native.Options(max_entries=10)
    cache = ctypes.c_void_p()
    assert _native.open(ctypes.byref(options), ctypes.byref(cache)) == _native.OK
    return cache


def leak() -> None:
    """A reference too many to what `get` made.  (A cache that nobody closes is on a list.)"""
    cache = Cache(10)
    cache["k"] = b"value" * 9
    value = cache["k"]
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(value))
    cache.close()


def race() -> None:
    """Two threads let `get` write a size to one and the same place."""
    get = _library.releasing_gil["cachecore_get"]
    size = ctypes.c_size_t()
    arguments = open_cache(), b"k", ctypes.c_size_t(1), None, ctypes.c_size_t(0)

    def work() -> None:
        for _ in range(2000):
            get(*arguments, ctypes.byref(size))

    threads = [threading.Thread(target=work) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def uninitialised() -> None:
    """A key in memory that nobody has written."""
    libc = ctypes.CDLL(None)
    libc.malloc.restype = ctypes.c_void_p
    key = ctypes.c_void_p(libc.malloc(ctypes.c_size_t(64)))
    size = ctypes.c_size_t(24)
    _library.releasing_gil["cachecore_contains"](open_cache(), key, size)


if __name__ == "__main__":
    for mistake in sys.argv[1:]:
        {"leak": leak, "race": race, "uninitialised": uninitialised}[mistake]()
