"""What the tests of ObjectCache share."""

from __future__ import annotations

from typing import Any

from cachecore import ObjectCache

Objects = ObjectCache[Any, Any]


class Thing:
    """Something with a weak reference."""


class Same:
    """All alike to the hash."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __hash__(self) -> int:
        return 7

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Same) and self.name == other.name
