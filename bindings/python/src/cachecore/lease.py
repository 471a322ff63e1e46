"""A value lent by the cache, without a copy."""

from __future__ import annotations

import ctypes
import weakref
from types import TracebackType

from . import _native
from .errors import StateError


class Lease:
    """Gives a read-only memoryview of a value, until it is released.

    ::

        with cache.acquire("key") as view:
            parse(view)

    The bytes stay as they are even if the entry is replaced, deleted or evicted meanwhile, or the
    cache closed; their memory counts against the bound for as long.  Releasing invalidates
    the view: using it afterwards is a ValueError.  A slice of it, or an array made from it, that is
    still in use then keeps the bytes lent until it goes too, so that no memory is ever read that
    has been given back.  A lease that is dropped is released.  Any thread may release it.
    """

    __slots__ = ("_view",)

    def __init__(self, value: _native.Value) -> None:
        # The array is what every view holds on to; with it goes the lease.
        array = (ctypes.c_ubyte * value.size).from_address(value.data or 0)
        weakref.finalize(array, _native.release, ctypes.byref(value)).atexit = False
        self._view: memoryview | None = memoryview(array).cast("B").toreadonly()

    @property
    def view(self) -> memoryview:
        """The value's bytes.  StateError once the lease is released."""
        if self._view is None:
            raise StateError("the lease has been released")
        return self._view

    @property
    def released(self) -> bool:
        return self._view is None

    def release(self) -> None:
        """Gives the value back; further calls do nothing."""
        view, self._view = self._view, None
        if view is not None:
            try:
                view.release()
            except BufferError:
                pass  # somebody's array is over it: it ends with that

    def __enter__(self) -> memoryview:
        return self.view

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.release()
