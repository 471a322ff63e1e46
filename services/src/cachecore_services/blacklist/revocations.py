"""Revocations that other processes learn of at once.

The table has them all, and each process reads it every second: that is what is true, and what survives.  Here
is what is quicker.  A revocation is told to the others when it is in the table: to the machine's processes by a
cache that they share, to every machine by a tier.  It is looked for there after the process's own memory.

Whatever fails, fails towards refusing.  A revocation that could not be told is an error of whoever revokes, who
tries again.  A check that cannot find out what others have told asks the table, where they wrote it before; if
the table does not answer either, nobody is let in.  What the server or the shared cache loses, evicts or is
emptied of is in the table, and so known within an interval of ``sync``, as without them.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import datetime
from typing import Any, Final

from cachecore import Cache
from cachecore.tiered import AsyncTieredCache

from ..errors import InvalidationError
from ..health import Problem, tier_problems
from .blacklist import TokenBlacklist
from .identity import identities

log = logging.getLogger("cachecore.blacklist")

_REVOKED: Final = b"revoked"


class Revocations:
    """For one event loop."""

    def __init__(
        self,
        blacklist: TokenBlacklist,
        *,
        machine: Cache[Any, Any] | None = None,
        tier: AsyncTieredCache[bytes] | None = None,
    ) -> None:
        """machine: a cache of bytes that the processes of this machine share.  tier: goes before it."""
        self.blacklist = blacklist
        self._machine, self._tier = machine, tier
        self._untold = False  # the last revocation was not told
        self._unheard = False  # nobody could say, the last time

    async def revoke(
        self, token: str | bytes, expires_at: datetime | float | None, user_id: object = None
    ) -> bool:
        """As ``TokenBlacklist.revoke``: in force in each process that hears of it when this returns, and
        within an interval of ``sync`` in every other.

        InvalidationError if it is in the table, and others may not have been told.
        """
        recorded = await asyncio.to_thread(self.blacklist.record, token, expires_at, user_id)
        if recorded.left > 0:
            try:
                await self._tell(recorded.digest, recorded.left)
            except Exception as error:
                self._untold = True
                log.error("a revocation was not told: %s: %s", type(error).__name__, error)
                raise InvalidationError("other processes may not know of the revocation") from error
            self._untold = False
        return recorded.news

    async def _tell(self, digest: bytes, left: float) -> None:
        if self._tier is not None:
            await self._tier.set(digest, _REVOKED, left)
        elif self._machine is not None:
            self._machine.set(digest, _REVOKED, left)

    async def is_revoked(self, token: str | bytes) -> bool:
        """Whether it has been revoked, here or by others; some microseconds, unless the server or the table
        is asked.  Raises what the table raises: then nobody knows."""
        digests = identities(token)
        if self.blacklist.knows(digests):
            return True
        told = await self._told(digests[0])
        if told is None or (not told and self.blacklist.waits):
            return await asyncio.to_thread(self.blacklist.is_in_table, digests)
        return told

    async def _told(self, digest: bytes) -> bool | None:
        """Whether others have told it; None: nobody can say."""
        try:
            if self._tier is not None:
                told = await self._tier.get(digest) is not None
            else:
                told = self._machine is not None and self._machine.get(digest) is not None
        except Exception as error:
            if not self._unheard:
                log.warning("others' revocations are looked up in the table: %s", error)
            self._unheard = True
            return None
        self._unheard = False
        return told

    def problems(self) -> list[Problem]:
        found = tier_problems(self._tier)
        if self._untold:
            found.append(Problem("the last revocation could not be told to other processes"))
        return found
