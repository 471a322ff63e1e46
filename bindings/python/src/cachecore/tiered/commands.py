"""What is said to the server.

A value that is computed from elsewhere can be late, too: the row was read, then somebody changed it and
deleted the key, then the old value is stored on the server, for everybody.  So a computation begins with a
*guard*, a key with a random token that all who compute the same value share, and ends with a script that
stores only if the guard is still there.  ``set`` and ``delete`` remove it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, TypeAlias

from .backlog import Write
from .tags import TAG_TTL, new_token, tag_name

Command: TypeAlias = tuple[Any, ...]

#: Milliseconds that a computation may take for its value to be stored.
GUARD_MS: Final = 60_000

_STORE: Final = """
if redis.call('GET', KEYS[1]) ~= ARGV[1] then return 0 end
redis.call('DEL', KEYS[1])
if ARGV[3] == '' then redis.call('SET', KEYS[2], ARGV[2])
else redis.call('SET', KEYS[2], ARGV[2], 'PX', ARGV[3]) end
return 1
"""


class Commands:
    """For keys with a prefix; ``name`` is a key without it."""

    def __init__(self, prefix: bytes) -> None:
        self._prefix = prefix
        # Not under the prefix, so that guards are not listened to.
        self._guards = b"cachecore:guard:" + prefix

    def read(self, name: bytes) -> list[Command]:
        """Answered by the value, and what is left of its lifetime."""
        key = self._prefix + name
        return [("GET", key), ("PTTL", key)]

    def read_many(self, names: Iterable[bytes]) -> list[Command]:
        """Answered by the values, then by what is left of each one's lifetime."""
        keys = [self._prefix + name for name in names]
        return [("MGET", *keys), *(("PTTL", key) for key in keys)]

    def write(self, writes: list[Write]) -> list[Command]:
        """The first removes the guards; the others are answered by how many there were, if they are removals."""
        return [("DEL", *(self._guards + write.name for write in writes)), *map(self._write, writes)]

    def _write(self, write: Write) -> Command:
        key, left = self._prefix + write.name, write.left_ms() if write.since else write.ttl_ms
        if write.content is None or (left is not None and left <= 0):
            return ("UNLINK", key)
        lifetime = () if left is None else ("PX", left)
        return ("SET", key, write.content, *lifetime)

    def guard(self, name: bytes) -> list[Command]:
        """Answered by nothing of interest, the token of the guard, and what the key is then."""
        key = self._guards + name
        return [("SET", key, new_token(), "NX", "PX", GUARD_MS), ("GET", key), ("GET", self._prefix + name)]

    def store_guarded(self, write: Write, token: bytes) -> list[Command]:
        """Answered by whether the value was stored."""
        left = "" if write.ttl_ms is None else write.ttl_ms
        keys = (self._guards + write.name, self._prefix + write.name)
        return [("EVAL", _STORE, 2, *keys, token, write.content, left)]

    def tokens(self, tags: list[bytes]) -> list[Command]:
        """Two for each tag, the second answered by its token."""
        commands: list[Command] = []
        for tag in tags:
            key = self._prefix + tag_name(tag)
            commands += [("SET", key, new_token(), "NX", "EX", TAG_TTL), ("GET", key)]
        return commands

    def scan(self, prefix: bytes, cursor: int, guards: bool = False) -> Command:
        """Answered by the next cursor, 0 for the end, and some keys."""
        start = (self._guards if guards else self._prefix) + prefix
        return ("SCAN", cursor, "MATCH", _literal(start) + b"*", "COUNT", 1000)


def _literal(text: bytes) -> bytes:
    """A pattern that matches these bytes alone."""
    return b"".join(b"\\" + text[i : i + 1] if text[i] in b"*?[]\\^" else text[i : i + 1] for i in range(len(text)))
