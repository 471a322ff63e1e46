"""The file of a shared cache looked at without a write to it: a copy is opened, which recovery may change."""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import stat
import struct
from collections.abc import Iterator
from typing import Final

from .errors import AccessError, LayoutError, StateError

_PART: Final = 1 << 20  # bytes that are copied at once
_FLOCK: Final = struct.Struct("hhqqi4x")  # of fcntl.h
_MAGIC: Final = b"rocehcac"  # what a cache begins with
_ENTRIES_USED: Final = 384  # where the number of entries is; docs/layout.md, which test_tool.py compares


class Looked:
    """What is known of the file itself, and a copy of it in memory."""

    def __init__(self, path: bytes) -> None:
        """OSError if it cannot be read or there is no memory for the copy; AccessError if it is no file."""
        try:
            file = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
        except FileNotFoundError:
            raise StateError("there is nothing to look at") from None
        except OSError as error:
            if error.errno == errno.ELOOP:
                raise AccessError("the file is a symbolic link") from None
            raise
        try:
            status = os.fstat(file)
            if not stat.S_ISREG(status.st_mode):
                raise AccessError("what is there is no regular file")
            if os.pread(file, 8, 0) != _MAGIC:
                raise LayoutError("the file is no cache")
            self.in_use = _is_locked(file)
            #: entries that the cache says to have
            self.recorded = int.from_bytes(os.pread(file, 8, _ENTRIES_USED), "little")
            self.copy = os.memfd_create("cachecore check", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
            try:
                os.truncate(self.copy, status.st_size)
                for start, end in _data(file):
                    _copy(file, self.copy, start, end)
            except BaseException:
                os.close(self.copy)
                raise
        finally:
            os.close(file)

    def close(self) -> None:
        os.close(self.copy)


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


def _copy(file: int, to: int, start: int, end: int) -> None:
    while start < end:
        part = os.pread(file, min(end - start, _PART), start)
        if not part:
            return  # it has been truncated
        start += os.pwrite(to, part, start)
