"""The file of a shared cache looked at without a write to it: a copy is opened, which recovery may change."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
from collections.abc import Callable, Iterator
from typing import Final, Self

from ..errors import AccessError, LayoutError, StateError

_PART: Final = 1 << 20  # bytes that are copied at once
_FLOCK: Final = struct.Struct("hhqqi4x")  # of fcntl.h
_MAGIC: Final = b"rocehcac"  # what a cache begins with
_ENTRIES_USED: Final = 384  # where the number of entries is; docs/layout.md, which test_tool.py compares


class Looked:
    """The file of a cache, what is known of it, and a copy of it in memory, until the end of a block."""

    def __init__(self, path: bytes) -> None:
        """OSError if it cannot be read; AccessError if it is no file, LayoutError if it is no cache."""
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise StateError("there is nothing to look at") from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise AccessError("the file is a symbolic link") from None
            raise
        self._copy: int | None = None
        try:
            status = os.fstat(self._file)
            if not stat.S_ISREG(status.st_mode):
                raise AccessError("what is there is no regular file")
            if os.pread(self._file, 8, 0) != _MAGIC:
                raise LayoutError("the file is no cache")
            self.in_use = _is_locked(self._file)
            #: entries that the cache says to have
            self.recorded = int.from_bytes(os.pread(self._file, 8, _ENTRIES_USED), "little")
            #: bytes that are there to be copied, holes left out
            self.size = sum(end - start for start, end in _data(self._file))
        except BaseException:
            self.close()
            raise

    def copy(self, done: Callable[[int], object]) -> int:
        """Copies the file; the descriptor of the copy, which is closed at the end.  Calls ``done`` with
        the number of bytes, now and then.  OSError if there is no memory for it."""
        self._copy = os.memfd_create("cachecore check", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
        os.truncate(self._copy, os.fstat(self._file).st_size)
        copied = 0
        for start, end in _data(self._file):
            for part in range(start, end, _PART):
                copied += _copy(self._file, self._copy, part, min(end, part + _PART))
                done(copied)
        return self._copy

    def close(self) -> None:
        os.close(self._file)
        if self._copy is not None:
            os.close(self._copy)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _is_locked(file: int) -> bool:
    """Whether anybody has it open as a cache; who has, has a lock on it."""
    asked = _FLOCK.pack(fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
    kind, *_ = _FLOCK.unpack(fcntl.fcntl(file, fcntl.F_OFD_GETLK, asked))
    return bool(kind != fcntl.F_UNLCK)


def _data(file: int) -> Iterator[tuple[int, int]]:
    """Where a sparse file has anything."""
    end = 0
    with contextlib.suppress(OSError):  # ENXIO: nothing comes
        while True:
            start = os.lseek(file, end, os.SEEK_DATA)
            end = os.lseek(file, start, os.SEEK_HOLE)
            yield start, end


def _copy(file: int, to: int, start: int, end: int) -> int:
    """Copies a part; its size, less if the file has been truncated."""
    at = start
    while at < end:
        content = os.pread(file, end - at, at)
        if not content:
            break
        at += os.pwrite(to, content, at)
    return at - start
