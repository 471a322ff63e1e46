"""Finds libcachecore.so, loads it once, and checks that it is one we know.

The first of these that loads and has a version that fits is used:

1. the file named by the environment variable ``CACHECORE_LIBRARY``, and then
   nothing else: whoever sets it means it;
2. ``libcachecore.so`` beside this module, as a wheel carries it;
3. ``build/lib/libcachecore.so`` of the source tree this module lies in;
4. ``libcachecore.so.1`` as the system's loader finds it.
"""

from __future__ import annotations

import ctypes
import os
from pathlib import Path

#: The header these bindings were written against (CACHECORE_VERSION).
HEADER_VERSION = 0x000100

_FILE_NAME = "libcachecore.so"
_SONAME = "libcachecore.so.1"


def version_text(version: int) -> str:
    """``0x00MMmmpp`` as ``"MM.mm.pp"``."""
    return f"{version >> 16}.{version >> 8 & 0xFF}.{version & 0xFF}"


def _candidates() -> list[str]:
    chosen = os.environ.get("CACHECORE_LIBRARY")
    if chosen:
        return [chosen]
    here = Path(__file__).resolve()
    found = [here.with_name(_FILE_NAME)]
    if len(here.parents) > 4:  # <repository>/bindings/python/src/cachecore/_library.py
        repository = here.parents[4]
        if (repository / "include" / "cachecore.h").is_file():
            found.append(repository / "build" / "lib" / _FILE_NAME)
    return [str(path) for path in found] + [_SONAME]


def _compatible(version: int) -> bool:
    """Same major number and at least our minor; before 1.0, the same minor."""
    ours, theirs = HEADER_VERSION >> 8, version >> 8
    return theirs == ours if ours < 0x100 else theirs >> 8 == ours >> 8 and theirs >= ours


def _load() -> ctypes.CDLL:
    tried = []
    for candidate in _candidates():
        try:
            library = ctypes.CDLL(candidate)
            version = int(ctypes.c_uint32(library.cachecore_version()).value)
        except (OSError, AttributeError) as error:
            tried.append(f"{candidate} ({error})")
            continue
        if _compatible(version):
            return library
        wanted = version_text(HEADER_VERSION)
        tried.append(f"{candidate} (version {version_text(version)}, wanted {wanted})")
    raise ImportError(f"cachecore found no usable {_FILE_NAME}; tried: {'; '.join(tried)}")


#: For calls that may wait or work for long: other Python threads run meanwhile.
releasing_gil = _load()

#: The same library for calls of well under a microsecond; see _native.py.
keeping_gil = ctypes.PyDLL(releasing_gil._name, handle=releasing_gil._handle)
