"""Generated audio in files, within a budget of bytes and a lifetime.

The files are the truth.  A file is written beside its place, flushed, and renamed into it, so that
there is a whole one or none; when it was made is its modification time, when it was last used its
access time, and its size is part of its name, so that one that was cut off is known.  The index is a
cache of what lies in the directory, made anew at the start by reading it: whatever a crash left
behind is either a whole file, which is kept, or is removed.  No file is ever written to say what is
in the others, which a crash could leave wrong.

Only regular files with a name as this cache makes it belong to it.  Whatever else is in the
directory, links and directories included, is neither read nor removed.

Which files stay is the engine's decision: the index weighs each with its size, evicts those
used longest ago when the budget is reached, and every entry that leaves takes its file along.
The file that is being written is beyond the budget until it has taken its place.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import math
import os
import re
import secrets
import stat
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final

from cachecore import Cause, ObjectCache

from ..maintenance.clock import Clock, SystemClock
from ..health import Problem

log = logging.getLogger("cachecore.narration")

MB: Final = 1024 * 1024
DAY: Final = 86_400.0
#: Text, voice, size, something random.  Files of earlier versions have no size.
_OURS: Final = re.compile(
    r"(?P<key>[0-9a-f]{64}\.[0-9a-f]{16})\.((?P<size>[1-9][0-9]*)\.)?[0-9a-f]{16}\.(?P<kind>audio|new)"
)
_REMEMBER_USE: Final = 60.0  # seconds; a use is written to the disk at most that often


class AudioTooLarge(ValueError):
    """One piece of audio is larger than the whole budget; what was there before stays."""


class DirectoryInUse(RuntimeError):
    """Another process, or another cache of this one, has the directory."""


@dataclass(slots=True)
class AudioFile:
    path: Path
    size: int
    created: float  #: wall clock
    used: float  #: wall clock; as last written to the disk


@dataclass(frozen=True, slots=True)
class Cleaned:
    """What a cleanup removed, or would."""

    entries: int
    bytes: int
    leftovers: int  #: files that belonged to nothing


class AudioCache:
    """Any method may be called from any thread; all touch the disk."""

    def __init__(
        self,
        directory: str | os.PathLike[str],
        max_size_mb: float = 500,
        ttl_days: float = 7,
        *,
        clock: Clock | None = None,
        manual_clock: bool = False,
    ) -> None:
        """Takes over what is there.  clock, manual_clock: of the files and the index, for tests."""
        if not 1 <= max_size_mb * MB < math.inf or not ttl_days > 0:
            raise ValueError("max_size_mb and ttl_days must be greater than 0, and sizes finite")
        self.max_size_mb, self.ttl_days = max_size_mb, ttl_days
        self._budget = int(max_size_mb * MB)
        self._ttl = ttl_days * DAY
        self._clock: Clock = SystemClock() if clock is None else clock
        self._directory = Path(directory)
        self._directory.mkdir(parents=True, exist_ok=True)
        self._lock_file = self._take_directory()
        self._lock = threading.RLock()
        self._writing: set[str] = set()
        self._unwritten = False  # the last audio could not be written
        self._gone = {cause: [0, 0] for cause in Cause}  # entries and bytes
        self.index: ObjectCache[str, AudioFile] = ObjectCache(
            max_weight=self._budget,
            weigher=lambda key, file: file.size,
            on_removal=self._left,
            manual_clock=manual_clock,
        )
        self._load()

    def _take_directory(self) -> int:
        flags = os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        file = os.open(self._directory / ".lock", flags, 0o644)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            raise DirectoryInUse(f"{self._directory} is used by another cache") from None
        return file

    def close(self) -> None:
        """Leaves the directory, and all that is in it, to the next one."""
        self.index.close()
        if self._lock_file >= 0:
            os.close(self._lock_file)
            self._lock_file = -1

    # -- Reading ---------------------------------------------------------------------------------

    def open(self, content: str, voice: str) -> BinaryIO | None:
        """The audio of a text in a voice, or None; also if it is no longer whole.

        The file stays readable while it is open, whatever becomes of the entry.
        """
        key = _key(content, voice)
        file = self.index.get(key)
        if file is None:
            return None
        opened = _open_whole(file)
        if opened is None:
            self.index.delete(key)
            return None
        now = self._clock.now().wall
        if now - file.used >= _REMEMBER_USE:
            file.used = now
            with contextlib.suppress(OSError):  # a read-only disk: a restart knows an older use
                os.utime(opened.fileno(), (now, file.created))
        return opened

    def get(self, content: str, voice: str) -> bytes | None:
        opened = self.open(content, voice)
        if opened is None:
            return None
        with opened:
            return opened.read()

    # -- Writing ---------------------------------------------------------------------------------

    def put(self, content: str, voice: str, audio: bytes) -> None:
        """Keeps the audio, on disk when this returns; evicts others if it must.

        ValueError if there is none; AudioTooLarge.
        """
        if not len(audio):
            raise ValueError("there is no audio")
        if len(audio) > self._budget:
            raise AudioTooLarge(f"{len(audio)} bytes are more than {self.max_size_mb:g} MB")
        key, now = _key(content, voice), self._clock.now().wall
        path = self._directory / f"{key}.{len(audio)}.{secrets.token_hex(8)}.audio"
        new = path.with_suffix(".new")
        with self._lock:
            self._writing.add(new.name)
        try:
            with new.open("xb") as writing:
                writing.write(audio)
                writing.flush()
                os.fsync(writing.fileno())
            os.utime(new, (now, now))
            with self._lock:
                new.rename(path)
                self.index.set(key, AudioFile(path, len(audio), now, now), self._ttl)
            self._unwritten = False
        except BaseException as error:
            self._unwritten |= isinstance(error, OSError)
            with contextlib.suppress(OSError):  # a cleanup tries again; the error is the first one
                new.unlink(missing_ok=True)
                path.unlink(missing_ok=True)
            raise
        finally:
            with self._lock:
                self._writing.discard(new.name)

    def invalidate(self, content: str) -> int:
        """Removes a text's audio in every voice, because the text has changed; how many files."""
        prefix = _digest(content) + "."
        return self.index.delete_many([key for key in self.index if key.startswith(prefix)])

    def _left(self, key: str, file: AudioFile, cause: Cause) -> None:
        """An entry has left the index, for whatever reason: so does its file."""
        with self._lock:
            self._gone[cause][0] += 1
            self._gone[cause][1] += file.size
        _remove(file.path)

    # -- Keeping ---------------------------------------------------------------------------------

    def cleanup(self, dry_run: bool = False) -> Cleaned:
        """Removes what has expired, and files that belong to nothing."""
        if dry_run:
            now = self._clock.now().wall
            due = {
                file.path: file.size for file in self._files() if file.created + self._ttl <= now
            }
            leftovers = [path for path in self._leftovers() if path not in due]
            return Cleaned(len(due), sum(due.values()), len(leftovers))
        with self._lock:
            before = list(self._gone[Cause.EXPIRED])
            self.index.cleanup_expired()
            entries, size = (now - then for now, then in zip(self._gone[Cause.EXPIRED], before))
            leftovers = self._leftovers()
            for path in leftovers:
                path.unlink(missing_ok=True)
        return Cleaned(entries, size, len(leftovers))

    def stats(self) -> dict[str, Any]:
        return {
            "entry_count": len(self.index),
            "total_size_mb": round(self.index.weight / MB, 2),
            "max_size_mb": whole(self.max_size_mb),
            "ttl_days": whole(self.ttl_days),
        }

    def problems(self) -> list[Problem]:
        return [Problem("the last audio could not be written")] if self._unwritten else []

    def _ours(self) -> Iterator[tuple[re.Match[str], os.DirEntry[str]]]:
        """The files in the directory that belong to this cache."""
        with os.scandir(self._directory) as entries:
            for entry in entries:
                name = _OURS.fullmatch(entry.name)
                if name is not None and entry.is_file(follow_symlinks=False):
                    yield name, entry

    def _files(self) -> Iterator[AudioFile]:
        """The whole ones, as the disk says; one that is removed meanwhile is left out."""
        for name, entry in self._ours():
            if name["kind"] == "audio":
                with contextlib.suppress(FileNotFoundError):
                    found = entry.stat(follow_symlinks=False)
                    if int(name["size"] or found.st_size) == found.st_size > 0:
                        yield AudioFile(
                            Path(entry.path), found.st_size, found.st_mtime, found.st_atime
                        )

    def _leftovers(self) -> list[Path]:
        """Files of ours that nothing leads to: of a crash, cut off, or that could not be removed."""
        with self._lock:
            known = {file.path.name for file in self.index.values()} | self._writing
            return [Path(entry.path) for _, entry in self._ours() if entry.name not in known]

    def _load(self) -> None:
        """Reads the directory, in the order in which the files were used."""
        now = self._clock.now().wall
        for file in sorted(self._files(), key=lambda file: (file.used, file.created)):
            left = min(self._ttl, file.created + self._ttl - now)
            if left > 0 and file.size <= self._budget:
                name = _OURS.fullmatch(file.path.name)
                assert name is not None
                there = self.index.get(name["key"])
                if there is None or there.created <= file.created:
                    self.index.set(name["key"], file, left)
        for path in self._leftovers():
            _remove(path)
        # What was read or replaced while loading says nothing of how the cache does.
        self.index.reset_stats()


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError as error:
        log.error("%s could not be removed, and will be tried again: %s", path, error)


def _open_whole(file: AudioFile) -> BinaryIO | None:
    """The file, if it is still there, ours, and as long as it was written."""
    try:
        number = os.open(file.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError as error:
        log.warning("%s cannot be read, and was not removed by this cache: %s", file.path, error)
        return None
    found = os.fstat(number)
    if stat.S_ISREG(found.st_mode) and found.st_size == file.size:
        return os.fdopen(number, "rb")
    os.close(number)
    log.warning("%s is no longer the file of %d bytes that it was", file.path, file.size)
    return None


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _key(content: str, voice: str) -> str:
    """Names a file: no two questions share one, and none says what was asked."""
    return f"{_digest(content)}.{_digest(voice)[:16]}"


def whole(number: float) -> float:
    """6.0 as JSON should say it: 6."""
    return int(number) if number == int(number) else number
