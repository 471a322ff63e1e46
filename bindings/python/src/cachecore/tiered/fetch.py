"""Asking the server, and computing what it lacks: once for all who want the same key at the same time.

A reader takes the claim of the key, asks the server, and stores by the claim.  Others of the machine wait
for him.  A claim here is void after some seconds: whoever asks the server and is stopped does not hold up
the others for longer.

What is past its lifetime is no answer here as long as the server can be asked, so a stale value counts as
none; ``Tier`` serves it when the server is away.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, NamedTuple

from .. import _native
from ..cache import Cache
from ..claims import Claim
from ..errors import FullError, NoMemoryError, RefusedError, TimedOutError
from ..flight import Flight
from ..single_flight import SingleFlight
from .health import Counters

CLAIM_SECONDS: Final = 2.0  # that others wait for one who asks the server
_CLAIM_MS: Final = int(CLAIM_SECONDS * 1000)


class Found(NamedTuple):
    """What the server said of a key."""

    content: bytes | None  #: None: it has none
    lifetime: float  #: seconds for which that may be kept here; 0 or less: not at all


class Fetch(SingleFlight):
    """Reads that go to the server.  The function returns ``Found``; the answer is that, or the content
    that was here by then, None for one that is known not to be."""

    def __init__(
        self,
        local: Cache[bytes, bytes],
        function: Callable[[bytes], Any],
        stale: float | None,
        counters: Counters,
    ) -> None:
        """stale: seconds for which a value may be served past its lifetime, once the server is away."""
        super().__init__(local, function)
        self._stale, self._counters = stale, counters

    def _claim(self) -> Claim:
        return Claim(self.cache, claim_ms=_CLAIM_MS)

    def _ask(self, flight: Flight, key: bytes) -> tuple[int, Any]:
        status, value = super()._ask(flight, key)
        if status != _native.STALE:
            return status, value
        others = not flight.claim.held and flight.claim.seen
        return (_native.PENDING if others else _native.CLAIMED), None

    def keep(self, claim: Claim, key: bytes, value: Found) -> None:
        """Stores what was found, if the claim still stands."""
        if not claim.held:
            return
        if value.lifetime <= 0:
            claim.abandon()
            return
        try:
            if value.content is None:
                stored = claim.fulfill_absent(value.lifetime)
            else:
                stored = claim.fulfill(value.content, value.lifetime, stale=self._stale)
        except (RefusedError, FullError, NoMemoryError, TimedOutError):
            return  # there is no room for it here, and the caller has it all the same
        if not stored:
            self._counters.add("late_refused")


class Compute(SingleFlight):
    """Computations of missing values.  Nothing is stored here by them: they write to the server."""

    def _claim(self) -> Claim:
        return Claim(self.cache, claim_ms=_native.TTL_NEVER)

    def keep(self, claim: Claim, key: bytes, value: Any) -> None:
        claim.abandon()


