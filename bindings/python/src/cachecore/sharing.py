"""A cache that processes share: where it lies, and what is known of it."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any, Final, TypeAlias

from . import _native
from .errors import ArgumentError
from .stats import SharedInfo

#: Where a shared cache lies: the path of a file, a name, or MEMORY.
Place: TypeAlias = "str | os.PathLike[str]"

#: A file without a name: for the children of this process, and of theirs.
MEMORY: Final = ":memory:"


def options(place: Place, flags: int = 0) -> _native.SharedOptions:
    """The native options for a place.  A name, which is a str without a slash, is that of a file in
    memory (/dev/shm) that belongs to this user.  flags: of ``_native.SHARED_...``."""
    if place == MEMORY:
        return _native.SharedOptions(fd=-1, flags=flags)
    path = os.fspath(place)
    if not isinstance(path, str):
        raise TypeError(f"shared must be a path or a name, not {place!r}")
    if not path or "\0" in path:
        raise ArgumentError("shared must be a path or a name, and has no NUL in it")
    if isinstance(place, str) and "/" not in path:
        path = f"/dev/shm/cachecore-{os.geteuid()}-{path}"
    return _native.SharedOptions(fd=-1, flags=flags, path=os.fsencode(path))


class Shared:
    """What a cache knows of those that share it."""

    __slots__ = ()

    _read_only: bool

    def _run(self, function: Callable[..., int], *arguments: Any) -> int:
        raise NotImplementedError

    def shared_info(self) -> SharedInfo:
        """Who has the cache open, and what deaths have cost; StateError for a private cache."""
        info = _native.SharedInfo()
        self._run(_native.shared_info, ctypes.byref(info))
        return SharedInfo.of(info)

    @property
    def read_only(self) -> bool:
        """Whether it was opened for reading alone."""
        return self._read_only
