"""What documents say, parsed once and copied for each that asks.

A service sees the same few texts again and again, and parsing one takes longer than all else on the
way of a request.  So what a text says is remembered: not the value itself, which its owner may
change, but how to make a fresh one, by copying the containers in it.  That depends on the text
alone, and is therefore never out of date.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from typing import Any, Final

# Texts remembered, and the longest of them, in bytes: a few megabytes at most.
_REMEMBERED: Final = 4096
_LONGEST: Final = 512


class Copies:
    """``copies(text)`` is what ``parse(text)`` says, in dicts and lists that are the caller's own."""

    __slots__ = ("_maker", "_parse")

    def __init__(self, parse: Callable[[bytes], Any]) -> None:
        self._parse = parse
        self._maker = lru_cache(_REMEMBERED)(lambda text: _copier(parse(text)))

    def __call__(self, text: bytes) -> Any:
        if isinstance(text, bytes) and len(text) <= _LONGEST:
            return self._maker(text)()
        return self._parse(text)


def _copier(value: Any) -> Callable[[], Any]:
    """What makes copies of a value that JSON can say: only its containers can be changed."""
    if not isinstance(value, dict | list):
        return lambda: value
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    inner = [(at, _copier(item)) for at, item in entries if isinstance(item, dict | list)]
    if not inner:
        return value.copy

    def copy() -> Any:
        fresh: Any = value.copy()
        for at, copy_item in inner:
            fresh[at] = copy_item()
        return fresh

    return copy
