"""How far ``save`` and ``load`` have come with a file, which the library does not tell: the system does.

What there is to read is the size of the file.  What there will be to write nobody knows before: neither
the sizes of keys nor those of values are counted anywhere.
"""

from __future__ import annotations

import os
import re

_DESCRIPTORS = "/proc/self/fd"


class Written:
    """Calls return the bytes that this process has written of a file that is saved, so far."""

    def __init__(self, file: str) -> None:
        name = re.escape(os.path.basename(file))
        self._temporary = re.compile(rf"{name}\.[0-9a-f]{{16}}\.tmp")  # in whose place it is written
        self._size = 0

    def __call__(self) -> int:
        try:
            for number in os.listdir(_DESCRIPTORS):
                descriptor = f"{_DESCRIPTORS}/{number}"
                if self._temporary.fullmatch(os.path.basename(os.readlink(descriptor))):
                    self._size = os.stat(descriptor).st_size
        except OSError:  # it has just been closed, or there is no /proc
            pass
        return self._size


class Read:
    """Calls return the bytes that this process has read of files since it was made."""

    def __init__(self) -> None:
        self._before = self._total()

    def __call__(self) -> int:
        return self._total() - self._before

    @staticmethod
    def _total() -> int:
        try:
            with open("/proc/self/io", "rb") as io:
                return int(io.readline().split()[1])  # rchar: N
        except OSError:
            return 0


def size(file: str) -> int | None:
    """Of a file; None if that cannot be known."""
    try:
        return os.stat(file).st_size
    except OSError:
        return None
