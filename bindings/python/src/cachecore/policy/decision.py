"""Decisions as JSON.

A policy engine gives the same few answers again and again, and parsing one takes longer than all else
on the way of a request.  So what a text says is remembered: not the decision itself, which a caller may
change, but how to make a fresh one, by copying the containers in it.  That depends on the text alone,
and is therefore never out of date.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from json import JSONDecoder, JSONEncoder
from typing import Any, Final, TypeAlias

#: Whatever JSON can say but null; usually an object such as {"allow": true}.
Decision: TypeAlias = Any

# json.dumps makes an encoder for each call that is not the default one, and json.loads guesses
# encodings: together that takes longer than everything else on the way of a request.
_encode: Final = JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_decode: Final = JSONDecoder().raw_decode

# Texts remembered, and the longest of them, in bytes: a few megabytes at most.
_REMEMBERED: Final = 4096
_LONGEST: Final = 512


def encoded(decision: Decision) -> bytes:
    """TypeError or ValueError for what is not JSON, for NaN and for None."""
    if decision is None:
        raise TypeError("None is what a miss is, not a decision")
    return _encode(decision).encode()


def decoded(text: bytes) -> Decision:
    """A decision of the caller's own; ValueError unless it is what ``encoded`` makes."""
    return _maker(text)() if len(text) <= _LONGEST else _parsed(text)


def _parsed(text: bytes) -> Decision:
    document = text.decode()
    decision, end = _decode(document)
    if end != len(document):
        raise ValueError("something follows the decision")
    return decision


@lru_cache(maxsize=_REMEMBERED)
def _maker(text: bytes) -> Callable[[], Decision]:
    return _copier(_parsed(text))


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
