"""Generations: what was remembered before an invalidation on any machine is not served after it.

Each name has a random token on a server, which every machine has in a tier.  What is remembered bears the tokens
of its names as they were *before* it was loaded, and is served only as long as they are the same.  To invalidate
is to delete a token: each machine hears of that as of any key, and the next who loads makes another one.  What
was loaded before and is stored late bears the old token, so there is no race to lose.

A token that the server evicts, or loses, or one of a name that is older than a day ends what bears it: that is
only a load more.
While nobody can say what the tokens are, nothing that bears one is served.

The values stay here.  The server sees digests of names, and tokens.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from hashlib import sha256
from typing import Final

from cachecore.tiered import AsyncTieredCache

from .errors import InvalidationError
from .health import Problem, tier_problems

log = logging.getLogger("cachecore.services")

_LIFETIME: Final = 86_400.0
_EVERYTHING: Final = b"*"


class Generations:
    """For one event loop, but ``seen``, which any thread may call."""

    def __init__(self, tier: AsyncTieredCache[bytes]) -> None:
        self._tier = tier
        self._unknown = False  # nobody could say, the last time
        self._untold = False  # the last invalidation failed

    async def current(self, *names: str) -> str | None:
        """What stands for the tokens of the names, and of everything; None: nobody can say.

        To be called before what bears it is loaded.  Asks nobody where the tokens are here.
        """
        try:
            tokens = [await self._token(key) for key in _keys(names)]
        except Exception as error:
            if not self._unknown:
                log.warning("nothing remembered is served: %s: %s", type(error).__name__, error)
            self._unknown = True
            return None
        self._unknown = False
        return b"".join(tokens).hex()

    async def _token(self, key: bytes) -> bytes:
        lifetime = None if key == _EVERYTHING else _LIFETIME  # its end would be that of everything
        return await self._tier.get_or_set(key, _new_token, lifetime)

    def seen(self, *names: str) -> str | None:
        """The same as it is known here; None: it is not.  Waits for nothing."""
        tokens = [self._tier.peek(key) for key in _keys(names)]
        known = [token for token in tokens if token is not None]
        return b"".join(known).hex() if len(known) == len(tokens) else None

    async def end(self, names: Iterable[str] | None) -> None:
        """Nothing that bears one of the names is served any more, on any machine; None: nothing at all.

        InvalidationError if it may be.
        """
        keys = [_EVERYTHING] if names is None else [_key(name) for name in names]
        try:
            await self._tier.delete_many(keys)
        except Exception as error:
            self._untold = True
            log.error("an invalidation was not told: %s: %s", type(error).__name__, error)
            raise InvalidationError("other machines may not know of the invalidation") from error
        self._untold = False

    def problems(self) -> list[Problem]:
        found = tier_problems(self._tier)
        if self._untold:
            found.append(Problem("the last invalidation could not be told to other machines"))
        return found


async def _new_token() -> bytes:
    return os.urandom(8)


def _keys(names: Iterable[str]) -> list[bytes]:
    return [_EVERYTHING, *map(_key, names)]


def _key(name: str) -> bytes:
    return sha256(name.encode(errors="surrogatepass")).digest()
