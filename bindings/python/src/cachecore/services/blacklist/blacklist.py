"""Which tokens have been revoked, answered from memory and remembered on disk.

The table is the truth, and is written first: a revocation that was acknowledged survives any crash.
The cache is a copy of what of it has not expired, loaded at the start, and never evicts: a token
that is not in it has not been revoked.  Should there be more than it can hold, which is logged as
critical, counted, and shown as ``degraded``, then what it does not know is looked up in the
table, until all fit again: slower, and never wrong.

Where several processes share a table, each takes over what the others have revoked with ``sync``,
which a job calls every second; until then theirs is not known here.
"""

from __future__ import annotations

import logging
import threading
from datetime import datetime
from typing import Final

from ...cache import Cache
from ...errors import FullError
from ...maintenance.clock import Clock, SystemClock
from .table import TokenExists, TokenTable, digest

log = logging.getLogger("cachecore.blacklist")

#: How far back ``sync`` looks again: clocks differ, and a transaction commits late.
_OVERLAP_MS: Final = 60_000


class TokenBlacklist:
    """Any method may be called from any thread; all but ``is_revoked`` wait for the database."""

    def __init__(
        self,
        table: TokenTable,
        *,
        max_tokens: int = 1_000_000,
        clock: Clock | None = None,
        manual_clock: bool = False,
    ) -> None:
        """Loads what has not expired.

        max_tokens: how many are held in memory.
        clock, manual_clock: for tests: the wall clock, and whether the cache's stands still.
        """
        self.table = table
        self.cache = Cache(max_tokens, no_evict=True, manual_clock=manual_clock)
        self._clock: Clock = SystemClock() if clock is None else clock
        self._lock = threading.Lock()
        self._synced_ms = 0
        self.degraded = False  #: more revoked tokens than fit; see above
        self.overflows = 0  #: revocations that did not fit
        self.load()

    def close(self) -> None:
        self.cache.close()
        self.table.close()

    def _now_ms(self) -> int:
        return round(self._clock.now().wall * 1000)

    # -- Revoking --------------------------------------------------------------------------------

    def revoke(self, token: str, expires_at: datetime | float, user_id: str | None = None) -> bool:
        """Revokes a token until it expires by itself; whether that is news.

        expires_at: seconds since 1970, as a token's "exp", or a datetime with its time zone.
        On disk and in force here when this returns.  False for one that is revoked already, or
        has expired, which no one accepts anyway.
        """
        if not token:
            raise ValueError("a token has at least one character")
        expires_ms, now_ms = _milliseconds(expires_at), self._now_ms()
        if expires_ms <= now_ms:
            return False
        key = digest(token)
        try:
            self.table.add(key, expires_ms, now_ms, user_id)
            news = True
        except TokenExists:
            news = False
        self._remember(key, expires_ms)
        return news

    def _remember(self, key: bytes, expires_ms: int) -> None:
        try:
            self.cache.set_until(key, b"", expires_ms / 1000)
            return
        except FullError:
            pass
        self.cache.cleanup_expired()
        try:
            self.cache.set_until(key, b"", expires_ms / 1000)
        except FullError:
            with self._lock:
                self.overflows += 1
                first, self.degraded = not self.degraded, True
            if first:
                log.critical(
                    "The token blacklist is full: %d tokens. Raise max_tokens; until then every "
                    "token that it does not hold is looked up in the database.",
                    self.cache.count(),
                )

    # -- Asking ----------------------------------------------------------------------------------

    def is_revoked(self, token: str) -> bool:
        """Whether the token has been revoked and has not expired.

        Well under a microsecond's work beside the hash, unless ``degraded``: then it may wait for
        the database.
        """
        key = digest(token)
        if self.cache.get(key) is not None:
            return True
        return self.degraded and self.table.contains(key, self._now_ms())

    # -- Keeping ---------------------------------------------------------------------------------

    def load(self) -> int:
        """Takes over everything from the table that has not expired; how many.

        Ends ``degraded`` if everything fits, and not before it does.
        """
        self.cache.cleanup_expired()
        overflows, now_ms = self.overflows, self._now_ms()
        count = self._take_over(0)
        self._synced_ms = now_ms
        with self._lock:
            if self.degraded and self.overflows == overflows:
                self.degraded = False
                log.warning("The token blacklist fits into memory again: %d tokens.", count)
        return count

    def sync(self) -> int:
        """Takes over what other processes have revoked since the last time; how many rows."""
        if self.degraded and self.cache.cleanup_expired():
            return self.load()
        now_ms = self._now_ms()
        count = self._take_over(self._synced_ms - _OVERLAP_MS)
        self._synced_ms = now_ms
        return count

    def _take_over(self, since_ms: int) -> int:
        count = 0
        for key, expires_ms in self.table.unexpired(self._now_ms(), since_ms):
            count += 1
            if key not in self.cache:
                self._remember(key, expires_ms)
        return count

    def remove_expired(self) -> int:
        """Removes all expired tokens and no others, here and from the table; how many rows."""
        removed = self.table.remove_expired(self._now_ms())
        if self.degraded:
            self.load()
        self.cache.cleanup_expired()
        return removed

    def expired(self) -> int:
        """How many ``remove_expired`` would."""
        return self.table.count(self._now_ms())


def _milliseconds(moment: datetime | float) -> int:
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError("expires_at needs a time zone: which 3 o'clock is it?")
        moment = moment.timestamp()
    return round(moment * 1000)
