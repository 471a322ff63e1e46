"""The cache at a place, which must be there."""

from __future__ import annotations

from .. import _native, sharing
from ..cache import Cache
from ..errors import StateError
from ..sharing import MEMORY


def options(place: str, flags: int = 0) -> _native.SharedOptions:
    """The native options; ValueError for a place that no other process could have a cache at."""
    if place == MEMORY:
        raise ValueError("a cache without a name is that of its processes alone")
    return sharing.options(place, flags)


def looked_into(place: str) -> Cache[bytes, bytes]:
    """The cache for reading alone, which takes no slot and changes nothing."""
    options(place)
    return Cache(shared=place, read_only=True)


def attached(place: str) -> Cache[bytes, bytes]:
    """The cache, with one more process that shares it: this."""
    return Attached(options(place, _native.SHARED_ATTACH_ONLY))


class Attached(Cache[bytes, bytes]):
    """A cache to write to, whatever its flags."""

    __slots__ = ("_options",)

    def __init__(self, options: _native.SharedOptions) -> None:
        self._options = options
        for manual_clock in (False, True):
            for no_evict in (False, True):
                try:
                    return super().__init__(1, no_evict=no_evict, manual_clock=manual_clock)
                except StateError as error:  # other flags, or nothing is there
                    refused = error
        raise refused

    def _open_with(
        self, options: _native.Options, shared: _native.SharedOptions | None = None
    ) -> None:
        super()._open_with(options, self._options)
