"""Tags: many values given up by one command, in O(1) of their number.

A tag is a key on the server with a random token.  A value that is stored with tags bears their tokens, and
counts only as long as each tag still has that token.  To invalidate a tag is to delete its key: whoever
stores with it next makes a new token, so the old values never count again.  A tag that the server evicts,
or that nobody has used for ``TAG_TTL`` seconds, is invalidated by that; the error is on the safe side.

What it costs: a read of a value with n tags is n + 1 reads, here while all are here, else in one or two
round trips.  A tag's key is tracked as any other, so an invalidation arrives as that of a key does.

A value without tags is stored as it is, for any client to read.  One with tags has an envelope before it,
which begins with a byte that neither UTF-8, JSON, pickle nor msgpack begins with; a plain value that begins
with it gets an empty one.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Iterable
from typing import Final

TAG_TTL: Final = 7 * 86400
TOKEN_SIZE: Final = 8
_MARK: Final = b"\xc1cct"
MARK_BYTE: Final = _MARK[:1]
_HEAD: Final = struct.Struct(">4sH")
_SIZE: Final = struct.Struct(">H")


def new_token() -> bytes:
    return os.urandom(TOKEN_SIZE)


def tag_name(tag: bytes) -> bytes:
    """The key of a tag, without the prefix of the tier."""
    return b"\0tag:" + tag


def tag_names(tags: Iterable[str | bytes]) -> list[bytes]:
    """Those of a caller, each once, in the order given."""
    if isinstance(tags, (str, bytes)):
        raise TypeError("tags must be several, not one str or bytes: tags=[tag]")
    names = [tag.encode() if isinstance(tag, str) else bytes(tag) for tag in tags]
    return list(dict.fromkeys(names))


def wrap(content: bytes, tokens: dict[bytes, bytes]) -> bytes:
    """A value with its tags and their tokens."""
    if not tokens and not content.startswith(MARK_BYTE):
        return content
    parts = [_HEAD.pack(_MARK, len(tokens))]
    for tag, token in tokens.items():
        parts += [_SIZE.pack(len(tag)), tag, token]
    return b"".join([*parts, content])


def unwrap(content: bytes) -> tuple[bytes, dict[bytes, bytes]]:
    """The value, and the token that each tag must have.  What is no envelope of ours is a value."""
    if not content.startswith(_MARK):
        return content, {}
    try:
        _, count = _HEAD.unpack_from(content)
        at, tokens = _HEAD.size, {}
        for _ in range(count):
            (size,) = _SIZE.unpack_from(content, at)
            at += _SIZE.size
            tag, token = content[at : at + size], content[at + size : at + size + TOKEN_SIZE]
            if len(token) != TOKEN_SIZE:
                return content, {}
            tokens[tag] = token
            at += size + TOKEN_SIZE
    except struct.error:
        return content, {}
    return content[at:], tokens
