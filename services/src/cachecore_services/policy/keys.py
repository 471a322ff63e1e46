"""The name under which a decision is stored, and the names an invalidation means.

A key reads ``policy:decision:<user>:<action>:<resource>:<context>``.  The parts are escaped, so
that a colon only ever separates them: two different questions have two different keys, and the keys
of one user, or of a user's action, are exactly those that begin with these parts.  What means
something in a glob is escaped as well: an invalidation cannot be widened by a user's name.

A part is a str, an int, a UUID, or a member of an Enum, which stands for its value.  The user 7 and
the user "7" are one, as are a UUID and its text: what an application has as a number comes as text
in a request, and an invalidation must find the decisions stored under either.  Anything else is a
TypeError: True, None, 7.0 and b"7" have no spelling that nobody else has.

A context stands as the SHA-256 of its JSON with sorted names, in full, and the absence of one as
``none``, which no digest looks like.  Two contexts are the same when their JSON is; UUIDs and
moments stand in it as text, members of an Enum as their values.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, time
from enum import Enum
from functools import lru_cache
from hashlib import sha256
from json import JSONEncoder
from typing import Any, Final, TypeAlias
from uuid import UUID

Context: TypeAlias = Mapping[str, Any]
#: A user's id, an action, or a resource.
Part: TypeAlias = str | int | UUID | Enum

KEY_PREFIX: Final = "policy:decision"
NO_CONTEXT: Final = "none"

_PARTS: Final = 4
_escape_in: Final = re.compile(r"[%:*?\[\]\\]").sub


def _in_context(value: object) -> object:
    """What JSON does not have by itself."""
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, (date, time)):
        return value.isoformat()
    if isinstance(value, Enum):
        return value.value
    raise TypeError(f"a context has no {type(value).__name__!r}")


_encoded: Final = JSONEncoder(
    sort_keys=True, separators=(",", ":"), allow_nan=False, default=_in_context
).encode


def _spelled(part: Part) -> str:
    """The one spelling of a part."""
    if isinstance(part, Enum):
        return _spelled(part.value)
    if isinstance(part, str):
        return part
    if isinstance(part, (int, UUID)) and not isinstance(part, bool):
        return str(part)
    raise TypeError(
        "a user id, an action or a resource is a str, an int, a UUID or a member of an Enum, "
        f"not {type(part).__name__!r}"
    )


def _escaped(part: str) -> str:
    return _escape_in(lambda special: f"%{ord(special[0]):02X}", part)


@lru_cache(maxsize=8192)
def plain_key(user_id: str, action: str, resource: str) -> str:
    """The key of a decision that has no context."""
    parts = KEY_PREFIX, _escaped(user_id), _escaped(action), _escaped(resource), NO_CONTEXT
    return ":".join(parts)


def context_digest(context: Context) -> str:
    """64 hexadecimal digits; TypeError or ValueError for what is not JSON (NaN is not)."""
    return sha256(_encoded(context).encode()).hexdigest()


def decision_key(
    user_id: Part, action: Part, resource: Part, context: Context | None = None
) -> str:
    """The key of one decision; TypeError for a part that can have none."""
    if not type(user_id) is type(action) is type(resource) is str:
        user_id, action, resource = map(_spelled, (user_id, action, resource))
    key = plain_key(user_id, action, resource)
    return key if context is None else key.removesuffix(NO_CONTEXT) + context_digest(context)


class Selection:
    """The keys that an invalidation is about; a part that is None stands for any."""

    __slots__ = ("glob", "matches", "parts", "prefix")

    def __init__(
        self,
        user_id: Part | None = None,
        action: Part | None = None,
        resource: Part | None = None,
    ) -> None:
        #: As texts; None stands for any.
        self.parts = user, action, resource = (
            None if user_id is None else _spelled(user_id),
            None if action is None else _spelled(action),
            None if resource is None else _spelled(resource),
        )
        wanted = [None if part is None else _escaped(part) for part in (user, action, resource)]
        known = wanted[: wanted.index(None)] if None in wanted else wanted
        #: All selected keys begin with this.
        self.prefix = ":".join([KEY_PREFIX, *(str(part) for part in known), ""])
        #: The same keys as a glob, as Redis reads it.
        self.glob = ":".join([KEY_PREFIX, *("*" if part is None else part for part in wanted), "*"])
        part = "[^:]*"
        #: Whether a key that has the prefix is selected; None: every one is.
        self.matches = (
            None
            if wanted[len(known) :] == [None] * (3 - len(known))
            else re.compile(
                ":".join(
                    [
                        re.escape(KEY_PREFIX),
                        *(part if name is None else re.escape(name) for name in wanted),
                        part,
                    ]
                )
            ).fullmatch
        )


_GLOB: Final = re.compile(
    r"\\(?P<quoted>.)|\[(?P<not>\^)?(?P<set>(?:\\.|[^\]\\])*)\]"
    r"|(?P<any>\*+)|(?P<one>\?)|(?P<self>.)",
    re.DOTALL,
)


def glob_prefix(pattern: str) -> str:
    """What every key that matches begins with."""
    return re.split(r"[*?\[\\]", pattern, maxsplit=1)[0]


def glob_expression(pattern: str) -> re.Pattern[str]:
    """A glob as Redis reads it: ``*``, ``?``, ``[a-z]``, ``[^a]`` and ``\\`` before a character."""
    parts = []
    for token in _GLOB.finditer(pattern):
        if token["any"]:
            parts.append(".*")
        elif token["one"]:
            parts.append(".")
        elif token["set"] is not None:
            members = re.sub(r"(?<!\\)([\[&~|^])", r"\\\1", token["set"])
            parts.append(f"[{'^' if token['not'] else ''}{members}]" if members else r"(?!)")
        else:
            parts.append(re.escape(token["quoted"] or token["self"]))
    return re.compile("".join(parts), re.DOTALL)


def key_parts(key: str) -> tuple[str, str, str, str] | None:
    """User, action, resource and context digest of a key, or None if it is not one of ours."""
    if not key.startswith(KEY_PREFIX + ":"):
        return None
    parts = key[len(KEY_PREFIX) + 1 :].split(":")
    if len(parts) != _PARTS:
        return None
    user_id, action, resource, context = (
        re.sub("%([0-9A-F]{2})", lambda code: chr(int(code[1], 16)), part) for part in parts
    )
    return user_id, action, resource, context
