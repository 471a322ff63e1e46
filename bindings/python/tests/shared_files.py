"""The file of a shared cache, as tests look at it and change it."""

from __future__ import annotations

import hashlib
import os
import uuid
from pathlib import Path

from cachecore.cli import checking


def digest(place: str) -> str:
    """Of all that a sparse file has, its mode and its size."""
    status = os.stat(place, follow_symlinks=False)
    found = hashlib.sha256(f"{status.st_mode} {status.st_size}".encode())
    with open(place, "rb") as file:
        for start, end in list(checking._data(file.fileno())):
            found.update(f"{start}".encode() + os.pread(file.fileno(), end - start, start))
    return found.hexdigest()


def overwrite(place: str, old: bytes, new: bytes) -> int:
    """Puts other bytes in the place of some, wherever they are; how often they were there."""
    count = 0
    with open(place, "r+b") as file:
        for start, end in list(checking._data(file.fileno())):
            content = os.pread(file.fileno(), end - start, start)
            at = content.find(old)
            while at >= 0:
                os.pwrite(file.fileno(), new, start + at)
                count, at = count + 1, content.find(old, at + len(old))
    return count


def leave_to_another_boot(place: str) -> None:
    """What the file of a cache that nobody has open would be after a boot."""
    boot = uuid.UUID(Path("/proc/sys/kernel/random/boot_id").read_text().strip()).bytes
    words = boot[7::-1] + boot[:7:-1]  # two numbers of 64 bits, little-endian
    assert overwrite(place, words, bytes(byte ^ 1 for byte in words)) == 1
