"""Which tokens have been revoked, answered from memory and remembered on disk.

The table is the truth, and is written first: a revocation that was acknowledged survives any crash.
The cache is a copy of what of it has not expired, loaded at the start, and never evicts: a token
that is not in it has not been revoked.  Should there be more than it can hold, which is logged as
critical, counted, and shown as ``degraded``, then what it does not know is looked up in the
table, until all fit again: slower, and never wrong.

Where several processes share a table, each takes over what the others have revoked with ``sync``,
which a job calls every second; until then theirs is not known here.  What is new is found by the
numbers of rows, so that it does not matter whose clock is behind.  A transaction gets its number
before it commits, so each sync reads again what the syncs of the last minute may have missed; a
minute in which the database did not answer does not count.

A token may be revoked more than once.  The latest deadline counts: in memory, in the table, and for
the other processes, which find it as a new row.

When a token expires is said by the wall clock of whoever verifies it, who may allow some leeway; clocks
differ, and are set.  A revocation therefore outlives its token by a margin.  The cache counts
steady time: where the wall clock has been set back by more than a part of the margin, what is not in memory
is looked up in the table until everything has been loaded anew.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import Sequence
from datetime import datetime
from typing import Final, NamedTuple

from cachecore import Cache, FullError

from ..maintenance.clock import Clock, SystemClock
from ..health import Problem
from .identity import identities
from .table import TokenExists, TokenTable

log = logging.getLogger("cachecore.blacklist")

#: How far back ``sync`` looks again, in seconds in which the table was read; a transaction may commit late.
_OVERLAP: Final = 60.0

#: From one successful sync to the next, at most so many of these seconds pass.
_GAP: Final = 10.0

#: The same for the rows that were there at the start, until everything is read once more.
_OVERLAP_ROWS: Final = 200

#: Of the margin, as much may be lost to a clock that is set back before everything is loaded anew.
_STEP: Final = 0.25

#: Seconds by which two lifetimes of one deadline differ because the wall clock is not quite steady.
_ALIKE: Final = 0.05

_NEVER_MS: Final = 253_402_300_799_000  # the end of the year 9999


class Recorded(NamedTuple):
    """A revocation that is in the table."""

    digest: bytes
    left: float  #: seconds for which it is in force; 0 or less: it need not be, as nobody accepts the token
    news: bool  #: whether it was not there before


class TokenBlacklist:
    """Any method may be called from any thread; all but ``is_revoked`` wait for the database."""

    def __init__(
        self,
        table: TokenTable,
        *,
        max_tokens: int = 1_000_000,
        margin: float = 300.0,
        clock: Clock | None = None,
        manual_clock: bool = False,
    ) -> None:
        """Loads what has not expired.

        max_tokens: how many are held in memory.
        margin: seconds that a revocation outlives its token: more than the leeway of any verifier
            and the difference between any two clocks together.
        clock, manual_clock: for tests: the wall clock, and whether the cache's stands still.
        """
        if not 0 <= margin < math.inf:
            raise ValueError("margin must be 0 or more seconds")
        self.table = table
        self.cache = Cache(max_tokens, no_evict=True, manual_clock=manual_clock)
        self.margin = margin
        self._clock: Clock = SystemClock() if clock is None else clock
        self._lock = threading.Lock()
        self._seen: deque[tuple[float, int]] = deque()  # when, as ``_watched``, which last row
        self._watched = 0.0  # seconds in which the table was read: outages are left out
        self._whole = math.inf  # when, as ``_watched``, everything is to be read once more
        self._ahead = -math.inf  # most that the wall clock was ahead of steady time
        self._synced = self._clock.now().steady
        self._max_tokens = max_tokens
        self._unwritten = False  # the last revocation failed
        self.degraded = False  #: more revoked tokens than fit; see above
        self.overflows = 0  #: revocations that did not fit
        self.load()

    def close(self) -> None:
        self.cache.close()
        self.table.close()

    def _now_ms(self) -> int:
        return round(self._clock.now().wall * 1000)

    def _forgotten_ms(self) -> int:
        """Deadlines up to this one are past, and so is their margin."""
        return self._now_ms() - round(self.margin * 1000)

    # -- Revoking --------------------------------------------------------------------------------

    def revoke(
        self, token: str | bytes, expires_at: datetime | float | None, user_id: object = None
    ) -> bool:
        """Revokes a token until it expires by itself; whether that is news.

        expires_at: seconds since 1970, as a token's "exp", or a datetime with its time zone.
            None, and whatever is after the year 9999: it never expires.
        On disk and in force here when this returns.  False for one that is revoked already, or
        has expired longer than the margin ago, which no one accepts anyway.  Of two deadlines of one
        token the later one counts, whichever comes first.
        """
        return self.record(token, expires_at, user_id).news

    def record(
        self, token: str | bytes, expires_at: datetime | float | None, user_id: object = None
    ) -> Recorded:
        """As ``revoke``; what of it others are to be told."""
        digest = identities(token)[0]
        expires_ms = _milliseconds(expires_at)
        if expires_ms <= self._forgotten_ms():
            return Recorded(digest, 0, False)
        try:
            self.table.add(digest, expires_ms, self._now_ms(), user_id)
            news = True
        except TokenExists as before:
            news = before.expires_ms <= self._forgotten_ms()
            expires_ms = max(expires_ms, before.expires_ms)
        except Exception:
            self._unwritten = True
            raise
        self._unwritten = False
        self._remember(digest, expires_ms)
        return Recorded(digest, (expires_ms - self._forgotten_ms()) / 1000, news)

    def _remember(self, digest: bytes, expires_ms: int) -> None:
        if self._keep(digest, expires_ms):
            return
        self.cache.cleanup_expired()
        if self._keep(digest, expires_ms):
            return
        with self._lock:
            self.overflows += 1
            first, self.degraded = not self.degraded, True
        if first:
            log.critical(
                "The token blacklist is full: %d tokens. Raise max_tokens; until then every "
                "token that it does not hold is looked up in the database.",
                self.cache.count(),
            )

    def _keep(self, digest: bytes, expires_ms: int) -> bool:
        """False if there is no room.  Never shortens what is there."""
        now = self._clock.now()
        left = expires_ms / 1000 - now.wall + self.margin
        with self._lock:
            self._ahead = max(self._ahead, now.wall - now.steady)
            if left <= 0 or self._is_known(digest, left):
                return True
            try:
                self.cache.set(digest, b"", left)
            except FullError:
                return False
        return True

    def _is_known(self, digest: bytes, left: float) -> bool:
        """Whether it is there for as long, but for what clocks differ by in a while."""
        known = self.cache.ttl(digest)
        return known is not None and known >= left - _ALIKE

    # -- Asking ----------------------------------------------------------------------------------

    def is_revoked(self, token: str | bytes) -> bool:
        """Whether the token has been revoked and has not expired longer than the margin ago.

        However it is spelt; see identity.py.  Some microseconds, unless it ``waits``.
        """
        digests = identities(token)
        return self.knows(digests) or (self.waits and self.is_in_table(digests))

    def knows(self, digests: Sequence[bytes]) -> bool:
        """Whether one of a token's identities is in memory.  Waits for nothing."""
        return any(self.cache.get(digest) is not None for digest in digests)

    def is_in_table(self, digests: Sequence[bytes]) -> bool:
        """The same of the table, which all processes write first."""
        return self.table.contains(digests, self._forgotten_ms())

    @property
    def waits(self) -> bool:
        """Whether ``is_revoked`` may wait for the database."""
        return self.degraded or self._set_back()

    def _set_back(self) -> bool:
        """Whether the cache may have forgotten something too early."""
        now = self._clock.now()
        return self._ahead - (now.wall - now.steady) > max(1.0, _STEP * self.margin)

    # -- Keeping ---------------------------------------------------------------------------------

    def load(self) -> int:
        """Takes over everything from the table that has not expired; how many.

        Ends ``degraded`` if everything fits, and not before it does.
        """
        self.cache.cleanup_expired()
        overflows, now, last = self.overflows, self._clock.now(), self.table.last_id()
        set_back = self._set_back()
        count = self._take_over(0)
        with self._lock:
            if set_back:
                self._ahead = now.wall - now.steady
            self._note(now.steady, last)
            if self.degraded and self.overflows == overflows:
                self.degraded = False
                log.warning("The token blacklist fits into memory again: %d tokens.", count)
        return count

    def sync(self) -> int:
        """Takes over what other processes have revoked since the last time; how many rows."""
        self.table.ensure_in_place()
        if self._set_back():
            log.warning("The wall clock was set back: the token blacklist is loaded anew.")
            return self.load()
        if self.degraded and self.cache.cleanup_expired() and self._would_fit():
            return self.load()
        now, last = self._clock.now(), self.table.last_id()
        with self._lock:
            enough = self._watched - _OVERLAP
            while len(self._seen) > 1 and self._seen[1][0] <= enough:
                self._seen.popleft()
            after, before = self._seen[0][1], self._seen[-1][1]
            whole = self._watched >= self._whole
        if last < before:  # the last rows have expired, or it is another table
            return self.load()
        count = self._take_over(0 if whole else after)
        with self._lock:
            if whole:
                self._whole = math.inf
            self._note(now.steady, last)
        return count

    def _note(self, steady: float, last: int) -> None:
        """Everything up to this row has been read but for what commits late; the lock is held."""
        self._watched += min(max(0.0, steady - self._synced), _GAP)
        self._synced = steady
        if self._seen and last >= self._seen[-1][1]:
            self._seen.append((self._watched, last))
        else:  # the first time, or another table
            self._seen = deque([(self._watched, max(0, last - _OVERLAP_ROWS))])
            self._whole = self._watched + _OVERLAP

    def _would_fit(self) -> bool:
        expired = self.table.count(self._forgotten_ms())
        return self.table.count() - expired <= self._max_tokens

    def _take_over(self, after_id: int) -> int:
        count = 0
        for digest, expires_ms in self.table.unexpired(self._forgotten_ms(), after_id):
            count += 1
            self._remember(digest, expires_ms)
        return count

    def remove_expired(self) -> int:
        """Removes what expired longer than the margin ago, here and from the table; how many rows."""
        removed = self.table.remove_expired(self._forgotten_ms())
        if removed:  # else nothing was written
            self._unwritten = False
        if self.degraded:
            self.load()
        self.cache.cleanup_expired()
        return removed

    def expired(self) -> int:
        """How many ``remove_expired`` would."""
        return self.table.count(self._forgotten_ms())

    # -- Watching --------------------------------------------------------------------------------

    def problems(self, patience: float = 10.0) -> list[Problem]:
        """What is wrong; patience: seconds for which others' revocations need not be known."""
        found = []
        if self._unwritten:
            found.append(Problem("the last revocation could not be written"))
        if self._clock.now().steady - self._synced > patience:
            found.append(Problem("what other processes revoked has not been read lately"))
        if self.degraded:
            found.append(Problem("there are more revoked tokens than fit into memory", False))
        return found


def _milliseconds(moment: datetime | float | None) -> int:
    if moment is None:
        return _NEVER_MS
    if isinstance(moment, datetime):
        if moment.tzinfo is None:
            raise ValueError("expires_at is a datetime without a time zone: give it a tzinfo")
        moment = moment.timestamp()
    if isinstance(moment, bool) or not isinstance(moment, (int, float)):
        kind = type(moment).__name__
        raise TypeError(f"expires_at is seconds since 1970 or a datetime, not {kind!r}")
    if moment != moment:
        raise ValueError("expires_at is not a number")
    return round(max(0.0, min(moment, _NEVER_MS / 1000)) * 1000)
