"""The native cache, kept alive for exactly as long as somebody uses it.

``cachecore_close`` must be the last call on its cache, yet in Python one thread may close a cache
while others are inside it.  No lock and no counter guards against that here, because Python has
both already: the handle is a ctypes object that owns the native cache, and every native call is
given this object as its argument.  An argument is referenced until its call returns.  Closing a
:class:`Cache` only replaces its handle by ``CLOSED``; when the last call in flight has returned,
the last reference goes, and with it, in whichever thread that is, the native cache.

``CLOSED`` is a NULL pointer.  The library answers CACHECORE_E_ARGUMENT to it, so that use after
close is noticed where errors are looked at anyway, and the successful path checks nothing.

At interpreter exit caches that are still open stay so: threads may be inside them, and the
system takes everything back in a moment.
"""

from __future__ import annotations

import ctypes
import weakref

from . import _native
from .errors import ClosedError, error_for


class Handle(ctypes.c_void_p):
    """Owns a native cache."""


#: The handle of every closed cache.
CLOSED = Handle(None)


def opened(handle: Handle) -> Handle:
    """The handle itself; ClosedError for that of a closed cache."""
    if handle is CLOSED:
        raise ClosedError("the cache is closed")
    return handle


def open_handle(options: _native.Options, shared: _native.SharedOptions | None = None) -> Handle:
    cell = ctypes.c_void_p()  # which the handle shows, and which outlives it
    if shared is None:
        status = _native.open(ctypes.byref(options), ctypes.byref(cell))
    else:
        status = _native.open_shared(ctypes.byref(options), ctypes.byref(shared), ctypes.byref(cell))
    if status != _native.OK:
        name = "cachecore_open" if shared is None else "cachecore_open_shared"
        raise error_for(status, name, _native.open_error().decode())
    handle = Handle.from_buffer(cell)
    weakref.finalize(handle, _close, cell).atexit = False
    return handle


def _close(cell: ctypes.c_void_p) -> None:
    # The garbage collector may end a handle before it runs the finalizers of its owners: they see
    # a NULL then, as after closing.
    cache = ctypes.c_void_p(cell.value)
    cell.value = None
    _native.close(cache)
