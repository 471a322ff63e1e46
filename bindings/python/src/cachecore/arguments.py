"""What callers pass, checked and turned into what C takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final, TypeAlias, TypeVar

K = TypeVar("K")
V = TypeVar("V")

#: Any bytes, 1 to 65535 of them; a str stands for its UTF-8 encoding.
Key: TypeAlias = bytes | str

if TYPE_CHECKING:  # where a TypeVar may have a default, as in Python 3.13
    from typing_extensions import TypeVar as _TypeVar

    #: What a cache of bytes hands out as keys: bytes, or with ``decode_keys`` str.
    HandedKey = _TypeVar("HandedKey", bound=Key, default=bytes)
else:
    HandedKey = TypeVar("HandedKey", bound=Key)

#: Any bytes-like object, also one of no bytes.
Value: TypeAlias = bytes | bytearray | memoryview


_ALL: Final = slice(None)


def _exact(content: bytes) -> bytes:
    """What it holds: a subclass may say otherwise, of its length even."""
    return content if type(content) is bytes else bytes.__getitem__(content, _ALL)


def key_bytes(key: Key, text: bool = False) -> bytes:
    """The bytes of a key; with ``text``, UnicodeDecodeError for bytes that are not UTF-8."""
    if isinstance(key, str):
        return str.encode(key)
    if isinstance(key, bytes):
        content = _exact(key)
        if text:
            bytes.decode(content)
        return content
    raise TypeError(f"a key must be bytes or str, not {type(key).__name__!r}")


def value_bytes(value: Value) -> bytes:
    if isinstance(value, bytes):
        return _exact(value)
    try:
        return bytes(memoryview(value))
    except TypeError:
        hint = "; encode it first" if isinstance(value, str) else ""
        kind = type(value).__name__
        raise TypeError(f"a value must be bytes-like, not {kind!r}{hint}") from None


def pairs(entries: Mapping[K, V]) -> list[tuple[K, V]]:
    """Keys and values of whatever ``dict.update`` takes for a mapping: it has ``keys`` and ``[]``."""
    if not hasattr(entries, "keys"):
        raise TypeError(f"entries must be a mapping, not {type(entries).__name__!r}")
    return [(key, entries[key]) for key in entries.keys()]  # noqa: SIM118  # iter may give values


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
