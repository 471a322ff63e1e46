"""What a revocation is about: the statement that was signed, however the token is spelt.

A token can be written in many ways that a verifier takes for the same one: with padding, with
other last characters of the signature that say the same bytes, with characters that a lenient
decoder skips; and ECDSA has a second valid signature for each.  If the blacklist knew tokens
by their text, whoever has a revoked one would only have to write it differently.

So a signed token (a JWS: three parts, the first of which is a JSON object that names its
algorithm) is known by the digest of its header and payload as decoded, which the signature covers and
nobody can change.  The signature has no part in it.  Nor has ``jti``: not every token has one, and
it is unique only for its issuer.  Two tokens with the same header and payload are one here.

Any other text is known by its own digest.
"""

from __future__ import annotations

import base64
import json
import re
from functools import lru_cache
from hashlib import sha256
from typing import Final

_PARTS: Final = 3
_STANDARD_TO_URL: Final = bytes.maketrans(b"+/", b"-_")
_foreign_in: Final = re.compile(rb"[^A-Za-z0-9_-]").sub


def identities(token: str | bytes) -> tuple[bytes, ...]:
    """Digests of 32 bytes.  The first one is stored; a token is revoked if any of them is.

    The other one of a signed token is what was stored before the signature was left out: the
    digest of the whole text as its issuer wrote it.

    TypeError for what is no text, ValueError for an empty one.
    """
    text = _encoded(token)
    parts = text.split(b".")
    if len(parts) != _PARTS or not _is_header(parts[0]):
        return (sha256(text).digest(),)
    header, payload, signature = map(_canonical, parts)
    statement = header + b"." + payload
    return sha256(statement).digest(), sha256(statement + b"." + signature).digest()


def _encoded(token: str | bytes) -> bytes:
    if isinstance(token, str):
        token = token.encode(errors="surrogatepass")
    if not isinstance(token, bytes):
        raise TypeError(f"a token is a str or bytes, not {type(token).__name__!r}")
    if not token:
        raise ValueError("a token has at least one character")
    return token


def _decoded(part: bytes) -> bytes:
    """As the most lenient of decoders does it."""
    known = _foreign_in(b"", part.translate(_STANDARD_TO_URL))
    if len(known) % 4 == 1:  # six bits make no byte
        known = known[:-1]
    return base64.urlsafe_b64decode(known + b"=" * (-len(known) % 4))


def _canonical(part: bytes) -> bytes:
    """The same bytes as RFC 7515 has them written."""
    return base64.urlsafe_b64encode(_decoded(part)).rstrip(b"=")


@lru_cache(maxsize=64)  # an issuer's tokens share theirs
def _is_header(part: bytes) -> bool:
    try:
        header = json.loads(_decoded(part))
    except (ValueError, RecursionError):
        return False
    return isinstance(header, dict) and "alg" in header
