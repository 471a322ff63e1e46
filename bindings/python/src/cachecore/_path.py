"""Which of the two paths to the library is in use, chosen once, at import.

The compiled path is the extension ``_fast``, in wheels built for it; the other is ctypes alone.
Both are the same classes with the same behaviour: ``ByteStore``, ``ObjectStore``, ``CachedCall``.
The environment variable ``CACHECORE_PURE``, set to anything but "0", chooses ctypes where
both are there.
"""

from __future__ import annotations

import ctypes
import importlib
import os
import sys
from types import ModuleType
from typing import TYPE_CHECKING

from . import _library, durations
from .arguments import pairs, value_bytes

# Those that fast.h names.
_FUNCTIONS = """get peek set add contains delete touch ttl increment get_many set_many
delete_many coldest evict cleanup_expired take_removals get_or_claim fulfill abandon""".split()


def _compiled() -> ModuleType | None:
    if os.environ.get("CACHECORE_PURE", "0") not in ("", "0"):
        return None
    if "t" in getattr(sys, "abiflags", ""):
        return None  # free-threaded: the extension counts on the GIL
    try:
        fast = importlib.import_module(f"{__package__}._fast")
    except ModuleNotFoundError:
        return None
    addresses = {}
    for name in _FUNCTIONS:
        function = _library.releasing_gil[f"cachecore_{name}"]
        addresses[name] = ctypes.cast(function, ctypes.c_void_p).value
    fast.bind(addresses, durations.ttl_ms, value_bytes, pairs)
    return fast


_module = _compiled()

#: Whether the compiled path is in use.
compiled = _module is not None

if TYPE_CHECKING or _module is None:
    from .byte_store import ByteStore
    from .cached_call import CachedCall
    from .object_store import ObjectStore
else:
    ByteStore = _module.ByteStore
    CachedCall = _module.CachedCall
    ObjectStore = _module.ObjectStore

__all__ = ["ByteStore", "CachedCall", "ObjectStore", "compiled"]
