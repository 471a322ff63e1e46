"""Decisions as JSON."""

from __future__ import annotations

from json import JSONDecoder, JSONEncoder
from typing import Any, Final, TypeAlias

from .copies import Copies

#: Whatever JSON can say but null; usually an object such as {"allow": true}.
Decision: TypeAlias = Any

# json.dumps makes an encoder for each call that is not the default one, and json.loads guesses
# encodings: together that takes longer than everything else on the way of a request.
_encode: Final = JSONEncoder(separators=(",", ":"), allow_nan=False).encode
_decode: Final = JSONDecoder().raw_decode


def encoded(decision: Decision) -> bytes:
    """TypeError or ValueError for what is not JSON, for NaN and for None."""
    if decision is None:
        raise TypeError("None is what a miss is, not a decision")
    return _encode(decision).encode()


def parsed(text: bytes) -> Decision:
    """ValueError unless it is what ``encoded`` makes."""
    document = text.decode()
    decision, end = _decode(document)
    if end != len(document):
        raise ValueError("something follows the decision")
    return decision


#: As ``parsed``, for a policy engine that gives the same few answers again and again.
decoded: Final = Copies(parsed)
