"""The part of Cache that reports what has left it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic

from . import removals
from .arguments import HandedKey
from .errors import StateError
from .handle import CLOSED, Handle, opened
from .removals import Cause, Delivery, Removal


class Reported(Generic[HandedKey]):
    """Removals are taken by whoever asks, or delivered to a listener."""

    __slots__ = ()

    _handle: Handle
    _loads: Callable[[bytes], Any] | None
    _decode_keys: bool
    _delivery: Delivery[HandedKey, Any] | None

    def _deliver(self) -> None:
        raise NotImplementedError

    def take_removals(self) -> list[Removal]:
        """All that has left since the last time, for a cache with ``report_removals``.

        In the order in which it left its shard, and each removal once.  An entry is reported when
        it is removed, not when its time is up: a sweeper, or ``cleanup_expired``, makes the two one.
        Removals that wait hold their memory: in a cache bounded by bytes, the oldest are dropped when
        that is needed, and counted as ``stats().removals_lost``.  StateError without
        ``report_removals``.
        """
        opened(self._handle)
        loads, taken = self._loads, list[Removal]()
        while more := self._take():
            taken += [
                Removal(key, value if loads is None else loads(value), cause)
                for key, value, cause in more
            ]
        return taken

    def deliver_removals(self) -> None:
        """Tells the listener of what has left and was not yet reported: by the sweeper, say.

        Every write does so when it is done.  StateError without a listener.
        """
        opened(self._handle)
        if self._delivery is None:
            raise StateError("the cache has no on_removal")
        self._deliver()

    def _take(self) -> list[tuple[HandedKey, bytes, Cause]]:
        handle = self._handle
        if handle is CLOSED:  # a listener may have closed it
            return []
        taken: list[Any] = removals.take(handle)
        if self._decode_keys:
            taken = [(bytes.decode(key), value, cause) for key, value, cause in taken]
        return taken
