"""What listens for the machine: one connection, from its beginning to its loss.

It keeps a PING under way, a quarter of ``max_lag`` apart.  The answer comes behind everything that the server
had to tell by then.  (Redis sends what a cycle of its event loop has invalidated before it sends the
answers of that cycle: whoever knows that his write is done, knows that the message is on its way.)  So the
time at which a PING was sent is one up to which nothing is missing.  When none is answered for twice
``max_lag``, the connection is lost.

If a deletion here fails, or the server says that everything has changed, a new epoch begins.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from time import monotonic

from ..cache import Cache
from ..claims import Claim
from ..errors import CacheCoreError, ClosedError
from .floor import LONGEST, DeposedError, Floor, State, new_epoch
from .health import Counters
from .transport import Invalidations, Tracking, Transport


class Listener:
    """For the thread that runs it."""

    def __init__(
        self,
        local: Cache[bytes, bytes],
        transport: Transport,
        prefix: bytes,
        floor: Floor,
        counters: Counters,
    ) -> None:
        self._local, self._transport, self._prefix = local, transport, prefix
        self._floor, self._counters = floor, counters
        self._epoch = b""
        self.connected = False  #: whether it has ever been
        self.tracking: Tracking | None = None

    def run(
        self, claim: Claim, stopping: threading.Event, connected: Callable[[], None]
    ) -> None:
        """Connects, calls ``connected``, and listens until it is told to stop.

        claim: of the election.  DeposedError once it no longer stands; one of the transport's errors
            when the connection is lost.
        """
        lag = self._floor.max_lag
        asked = monotonic()
        self.tracking = tracking = self._transport.track(self._prefix, 2 * lag)
        try:
            self._epoch = new_epoch()
            self._counters.add("floors")
            self._floor.publish(State(self._epoch, asked, monotonic()))
            self.connected = True
            connected()
            self._listen(tracking, claim, stopping)
        finally:
            tracking.close()

    def _listen(self, tracking: Tracking, claim: Claim, stopping: threading.Event) -> None:
        lag = self._floor.max_lag
        pinged, answered = 0.0, True
        while not stopping.is_set():
            now = monotonic()
            if answered and now >= pinged + lag / 4:
                if not claim.stands:
                    raise DeposedError
                tracking.ping()
                pinged, answered = now, False
            elif not answered and now >= pinged + 2 * lag:
                raise ConnectionError(f"the server has not answered for {2 * lag} s")
            next_time = pinged + (lag / 4 if answered else 2 * lag)
            said = tracking.read(max(0.0, min(next_time - now, 0.2)))
            if said == "pong":
                answered = True
                self._renew(pinged)
            elif isinstance(said, Invalidations):
                self._apply(said)
        self._floor.remove()  # so that the others do not serve what nobody hears of

    def _renew(self, synced_at: float) -> None:
        self._floor.renew(State(self._epoch, synced_at, monotonic()), self._epoch)

    def _apply(self, changes: Invalidations) -> None:
        if changes.everything:
            self._raise_floor()
            return
        size = len(self._prefix)
        names = [key[size:] for key in changes if len(key) <= size + LONGEST]
        self._counters.add("invalidated", len(names))
        try:
            under = (self._epoch, self._floor.computing)
            self._local.delete_many([start + name for start in under for name in names])
        except ClosedError:
            raise
        except CacheCoreError:  # behind a process that is stopped
            self._raise_floor()

    def _raise_floor(self) -> None:
        before, self._epoch = self._epoch, new_epoch()
        self._counters.add("floors")
        now = monotonic()
        self._floor.renew(State(self._epoch, now, now), before)
