"""A cache in a file, for a process that must not start empty."""

from __future__ import annotations

import ctypes
import os
from collections.abc import Callable
from typing import Any

from . import _native
from .errors import ArgumentError, NoFileError, StateError


class Saved:
    """What a cache of bytes does with files."""

    __slots__ = ()

    def _run(self, function: Callable[..., int], *arguments: Any) -> int:
        raise NotImplementedError

    def _collect(self) -> None:
        raise NotImplementedError

    def save(self, path: str | bytes | os.PathLike[Any]) -> int:
        """Saves all entries to a file, which takes the place of the one that was there; how many.

        The file is written beside the target and renamed when it is on the disk: whatever
        happens, there is the old one or the new one, whole.  Only its owner can read it.  Others may
        read and write the cache meanwhile; an entry that is there all the while is saved once.  Values
        are saved as the bytes that the serializer made: a cache with another does not understand them.

        NoFileError for a folder that does not exist, AccessError for one that may not be
        written to, LayoutError where there is something else than a regular file, NoMemoryError
        for a full disk.
        """
        return self._with_file(_native.save, path)

    def load(self, path: str | bytes | os.PathLike[Any]) -> int:
        """Adds what is in a saved file to the cache; how many entries were stored.

        An entry that is there already stays, and so does a claim.  Lifetimes go on by the wall
        clock while nobody runs, and are never longer than they were.  Entries come with the order in
        which they were used: if not all find room, those used last stay.

        A part of the file that is damaged is left out.  NoFileError for a file that does not exist,
        LayoutError for one that is no saved cache, AccessError for one that belongs to another user,
        or that others may write to.
        """
        return self._with_file(_native.load, path)

    def _with_file(self, function: Callable[..., int], path: str | bytes | os.PathLike[Any]) -> int:
        name, count = os.fsencode(path), ctypes.c_uint64()
        if b"\0" in name:
            raise ArgumentError("a path has no NUL in it")
        try:
            self._run(function, name, ctypes.byref(count))
        except StateError as error:
            if type(error) is not StateError:
                raise
            raise NoFileError(f"{function.__name__}: no such file or folder: {os.fsdecode(name)}") from None
        finally:
            self._collect()
        return count.value
