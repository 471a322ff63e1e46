"""What callers pass, checked and turned into what C takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeAlias, TypeVar

M = TypeVar("M", bound=Mapping[Any, Any])

#: Any bytes, 1 to 65535 of them; a str stands for its UTF-8 encoding.
Key: TypeAlias = bytes | str

#: Any bytes-like object, also one of no bytes.
Value: TypeAlias = bytes | bytearray | memoryview


def key_bytes(key: Key) -> bytes:
    if isinstance(key, str):
        return key.encode()
    if isinstance(key, bytes):
        return key
    raise TypeError(f"a key must be bytes or str, not {type(key).__name__!r}")


def value_bytes(value: Value) -> bytes:
    if isinstance(value, bytes):
        return value
    try:
        return bytes(memoryview(value))
    except TypeError:
        hint = "; encode it first" if isinstance(value, str) else ""
        kind = type(value).__name__
        raise TypeError(f"a value must be bytes-like, not {kind!r}{hint}") from None


def mapping(entries: M) -> M:
    if not hasattr(entries, "keys"):
        raise TypeError(f"entries must be a mapping, not {type(entries).__name__!r}")
    return entries


def natural(number: int, name: str, most: int = 2**64 - 1) -> int:
    """An int that an unsigned C integer holds: ctypes would silently cut it."""
    if not isinstance(number, int):
        raise TypeError(f"{name} must be an int, not {type(number).__name__!r}")
    if not 0 <= number <= most:
        raise ValueError(f"{name} must be between 0 and {most}")
    return number


def bound(number: int | None, name: str, least: int = 1) -> int:
    """One of a cache's bounds, where None means that there is none."""
    if number is None:
        return 0
    if natural(number, name) < least:
        raise ValueError(f"{name} must be {'greater than 0' if least == 1 else f'at least {least}'}")
    return number
